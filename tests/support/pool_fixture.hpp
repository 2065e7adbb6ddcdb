// A pool whose workers are fake ones (support/fake_worker.hpp), and an observer that keeps what it hears.
#pragma once

#include "main/worker_pool.hpp"

#include "base/clock.hpp"
#include "support/loop.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cepa::test {

struct PoolObserver final : proto::TunnelObserver {
    struct Datagram {
        CircuitId circuit;
        Address origin;
        std::string payload;
        std::size_t headroom;
    };
    std::vector<Datagram> datagrams;
    std::map<CircuitId, std::string> dead;
    std::map<CircuitId, proto::HiddenLink> links;
    std::vector<proto::Notify> notices;
    int batches = 0;
    std::function<void()> when_dead;

    void on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload) override
    {
        const ByteSpan bytes = payload.bytes();
        datagrams.push_back({circuit, origin, {bytes.begin(), bytes.end()}, payload.headroom()});
    }
    void on_batch_end() override { ++batches; }
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override
    {
        dead[circuit] = reason;
        if (when_dead) when_dead();
    }
    void on_hidden_link(CircuitId circuit, const proto::HiddenLink& link) override { links[circuit] = link; }
    void on_sync() override {}
    void on_notify(const proto::Notify& notice) override { notices.push_back(notice); }
};

class PoolFixture : public testing::Test {
protected:
    boost::asio::io_context io;
    BootClock clock;
    PoolObserver observer;
    main::WorkerPoolConfig config;
    std::unique_ptr<main::WorkerPool> pool;

    PoolFixture()
    {
        config.settings.set_overlay_id("0123456789abcdefghij");
        config.listen = *Endpoint::parse("127.0.0.1:0");
        config.identity_key = std::string(74, 'k');
        config.identity_public = std::string(74, 'p');
        config.workers = 2;
        config.max_workers = 4;
        config.sync_interval = std::chrono::milliseconds(50);
    }

    void TearDown() override
    {
        if (pool) stop(std::chrono::milliseconds(200));
    }

    /// Starts the pool with workers that play `scripts`, and waits until each has reported.
    void start(const std::vector<std::string>& scripts = {})
    {
        for (const std::string& script : scripts) config.arguments.push_back(script);
        pool = std::make_unique<main::WorkerPool>(io, clock, config);
        const auto started = pool->start(observer);
        ASSERT_TRUE(started) << started.error().message();
    }
    void start_and_wait(const std::vector<std::string>& scripts = {})
    {
        start(scripts);
        ASSERT_TRUE(wait([this] { return pool->snapshot().workers.size() == config.workers; }));
    }
    bool wait(const std::function<bool()>& happened) { return run_until(io, happened); }

    /// Returns how long it took.
    std::chrono::milliseconds stop(std::chrono::milliseconds grace)
    {
        const auto begin = std::chrono::steady_clock::now();
        bool stopped = false;
        pool->stop(grace, [&] { stopped = true; });
        EXPECT_FALSE(stopped) << "never from inside the call";
        EXPECT_TRUE(wait([&] { return stopped; }));
        pool.reset();
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    }

    std::optional<Result<CircuitId>> circuit()
    {
        std::optional<Result<CircuitId>> out;
        pool->create_circuit({1, GroupId(0)}, [&](Result<CircuitId> made) { out = made; });
        EXPECT_FALSE(out) << "never from inside the call";
        EXPECT_TRUE(wait([&] { return out.has_value(); }));
        return out;
    }
    CircuitId good_circuit()
    {
        const auto made = circuit();
        EXPECT_TRUE(made && *made) << (made && !*made ? made->error().message() : "");
        return made && *made ? **made : CircuitId();
    }

    std::uint64_t report(std::uint16_t worker, const std::string& key) const
    {
        const auto found = pool->snapshot().workers.find(worker);
        if (found == pool->snapshot().workers.end()) return 0;
        const auto entry = found->second.drops().find(key);
        return entry == found->second.drops().end() ? 0 : entry->second;
    }
    std::uint64_t pid(std::uint16_t worker) const
    {
        const auto found = pool->snapshot().workers.find(worker);
        return found == pool->snapshot().workers.end() ? 0 : found->second.pid();
    }

    void send(CircuitId through, const std::string& payload) { send_to(through, *Endpoint::parse("9.8.7.6:54"), payload); }
    void send_to(CircuitId through, const Address& destination, const std::string& payload)
    {
        PacketBuffer buffer(memory_, kPacketHeadroom, payload.size());
        std::copy(payload.begin(), payload.end(), buffer.data());
        pool->send(through, destination, buffer);
        pool->flush();
    }

private:
    std::array<std::uint8_t, 4096> memory_{};
};

} // namespace cepa::test
