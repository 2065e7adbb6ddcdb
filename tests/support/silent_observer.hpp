// Hears what a Tunnel says and does nothing about it.
#pragma once

#include "tunnel/tunnel.hpp"

namespace cepa::test {

struct SilentObserver final : tunnel::TunnelObserver {
    void on_data(CircuitId, const Address&, PacketBuffer&) override {}
    void on_circuit_ready(CircuitId) override {}
    void on_circuit_closed(CircuitId, std::string_view) override {}
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<tunnel::Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override {}
    void on_limit(std::string_view) override {}
    void on_swarm_seen(ByteSpan) override {}
};

} // namespace cepa::test
