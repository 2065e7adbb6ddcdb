// Both ends of a control stream in one process: what one worker asks, and what another is asked.
#pragma once

#include "proto/pipe.hpp"
#include "proto/rpc.hpp"
#include "support/loop.hpp"
#include "tunnel/siblings.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace cepa::worker::test_support {

using test::run_until;

class TwoEnds : public testing::Test {
protected:
    TwoEnds()
    {
        tunnel::init_crypto();
        auto up = proto::make_pipe().value();
        auto down = proto::make_pipe().value();
        worker_.emplace(io_, std::move(down.read), std::move(up.write));
        main_.emplace(io_, std::move(up.read), std::move(down.write));
    }
    void start()
    {
        worker_->start([](ErrorCode) {});
        main_->start([](ErrorCode) {});
    }
    bool wait(const std::function<bool()>& happened) { return run_until(io_, happened); }

    static tunnel::LinkHalf half(std::uint32_t circuit = 5)
    {
        tunnel::KeyBytes key;
        key.fill(0x4b);
        return {CircuitId(circuit), *Endpoint::parse("9.8.7.6:54"),
                tunnel::SealingRight(tunnel::SecretBytes(key), {1, 2, 3, 4}, 77, 1000)};
    }
    static tunnel::Introduction introduction()
    {
        tunnel::Introduction out;
        out.lookup_hash.fill(8);
        out.swarm_key = tunnel::PrivateKey::generate().public_key();
        out.circuit = CircuitId(12);
        return out;
    }

    boost::asio::io_context io_;
    std::optional<proto::Rpc> worker_;
    std::optional<proto::Rpc> main_;
};

} // namespace cepa::worker::test_support
