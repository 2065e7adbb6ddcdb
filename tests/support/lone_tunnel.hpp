// A Tunnel alone, with a fake network around it: what arrives is dispatched, bounded and counted.
#pragma once

#include "support/circuit_bench.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/tunnel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace cepa::tunnel {

inline const Endpoint kSource{IpAddress::v4(0x33640001), 1000};

class LoneTunnel : public ::testing::Test, public TunnelObserver {
protected:
    LoneTunnel()
    {
        init_crypto();
        settings_.overlay = bench_.overlay();
        settings_.relay = true;
        settings_.discover = false;
        settings_.identity = PrivateKey::generate();
        settings_.identity_public = settings_.identity->public_key();
        tunnel_ = std::make_unique<Tunnel>(settings_, bench_.environment, *this);
    }
    void receive(ByteSpan bytes)
    {
        test::OwnedPacket packet(bytes);
        tunnel_->on_packet(kSource, packet.buffer());
        tunnel_->on_batch_end();
    }
    Bytes create(CircuitId id)
    {
        test::OwnedPacket packet(
            test::message_bytes(Create{1, originator_.public_key(), EphemeralKey::generate(bench_.random).public_key}));
        prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {id, true, false});
        return {packet.bytes().begin(), packet.bytes().end()};
    }
    std::uint64_t dropped(const std::string& why) { return tunnel_->counters().drops[why]; }

    void on_data(CircuitId, const Address&, PacketBuffer&) override { ADD_FAILURE(); }
    void on_circuit_ready(CircuitId) override { ADD_FAILURE(); }
    void on_circuit_closed(CircuitId, std::string_view) override { ADD_FAILURE(); }
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override { ++resumed_; }
    void on_limit(std::string_view) override { ++limits_told_; }
    void on_swarm_seen(ByteSpan hash) override { seen_.emplace_back(hash.begin(), hash.end()); }

    test::CircuitBench bench_;
    TunnelSettings settings_;
    PrivateKey originator_ = PrivateKey::generate();
    std::unique_ptr<Tunnel> tunnel_;
    std::vector<Bytes> seen_;
    int resumed_ = 0;
    int limits_told_ = 0;
};

} // namespace cepa::tunnel
