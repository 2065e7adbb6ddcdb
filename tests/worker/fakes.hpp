// Fakes of what stands around the worker's parts: senders, receivers and observers that remember.
#pragma once

#include "worker/tunnel_host.hpp"

#include "tunnel/error.hpp"
#include "tunnel/udp_endpoint.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test {

inline Bytes to_bytes(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }
inline Bytes bytes_of(std::string_view text) { return to_bytes(as_bytes(text)); }
inline Endpoint endpoint(const char* text) { return Endpoint::parse(text).value(); }

class FakePackets final : public tunnel::PacketSender {
public:
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override { queued_.emplace_back(to, packet); }
    void flush() override
    {
        // Read only now: what was queued must still be as it was.
        for (const auto& [to, packet] : queued_) sent.emplace_back(to, to_bytes(packet));
        queued_.clear();
        ++flushes;
    }
    void send_now(const Endpoint& to, ByteSpan packet) override { sent.emplace_back(to, to_bytes(packet)); }

    std::vector<std::pair<Endpoint, Bytes>> sent;
    int flushes = 0;

private:
    std::vector<std::pair<Endpoint, ByteSpan>> queued_;
};

class FakeReceiver final : public tunnel::PacketReceiver {
public:
    void on_packet(const Endpoint& source, PacketBuffer& packet) override
    {
        least_headroom = std::min(least_headroom, packet.headroom());
        least_tailroom = std::min(least_tailroom, packet.tailroom());
        packets.emplace_back(source, to_bytes(packet.bytes()));
    }
    void on_packet_batch_end() override { ++batches; }

    std::vector<std::pair<Endpoint, Bytes>> packets;
    std::size_t least_headroom = SIZE_MAX;
    std::size_t least_tailroom = SIZE_MAX;
    int batches = 0;
};

class FakeResolver final : public tunnel::Resolver {
public:
    void resolve(const std::string& host, Done) override { hosts.push_back(host); }
    std::vector<std::string> hosts;
};

class EveryId final : public tunnel::CircuitIdOwner {
public:
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

class FakeHostObserver final : public worker::HostObserver, public worker::DataReceiver {
public:
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override
    {
        data.emplace_back(circuit, origin, to_bytes(payload.bytes()));
    }
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override { dead.emplace_back(circuit, reason); }
    void on_hidden_link(const proto::HiddenLink& link) override { links.push_back(link); }
    void on_notify(const proto::Notify& notice) override { notices.push_back(notice); }
    void on_sync(const proto::Sync& changes) override { syncs.push_back(changes); }
    [[nodiscard]] bool takes_sync() override { return takes; }
    void add_counters(proto::WorkerInfo& info) const override { info.set_handed_over(handed_over); }

    std::vector<std::tuple<CircuitId, Address, Bytes>> data;
    std::vector<std::pair<CircuitId, std::string>> dead;
    std::vector<proto::HiddenLink> links;
    std::vector<proto::Notify> notices;
    std::vector<proto::Sync> syncs;
    std::uint64_t handed_over = 0;
    bool takes = true;
};

/// Settings that any Tunnel accepts: a private overlay of the tests.
inline tunnel::TunnelSettings test_settings()
{
    tunnel::init_crypto();
    tunnel::TunnelSettings settings;
    settings.overlay.fill(0x5a);
    settings.identity = tunnel::PrivateKey::generate();
    settings.identity_public = settings.identity->public_key();
    settings.listen = endpoint("127.0.0.1:0");
    return settings;
}

} // namespace cepa::test
