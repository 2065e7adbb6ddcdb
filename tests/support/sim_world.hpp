// A private overlay in a SimNetwork: relays, exits, clients, and hosts of the outside world that exits talk to.
// The nodes are told of each other (as worker 0 tells its siblings), so that circuits are tested without discovery.
#pragma once

#include "support/sim_node.hpp"

#include <memory>
#include <vector>

namespace cepa::test {

class SimWorld {
public:
    explicit SimWorld(std::uint64_t seed = 1);

    SimNetwork network;
    std::vector<std::unique_ptr<SimNode>> nodes;
    /// Answers every datagram with the same bytes.
    Endpoint echo;
    std::vector<SimPacket> echoed;

    SimNode& add_client();
    SimNode& add_relay();
    SimNode& add_exit();
    SimNode& add(tunnel::TunnelSettings settings);
    /// A fresh address in a /16 of its own.
    [[nodiscard]] Endpoint fresh_address() { return sim_address(++last_address_); }

    /// All relays and exits, as candidates.
    [[nodiscard]] std::vector<tunnel::Candidate> candidates(bool connectable = true) const;
    /// Tells every node of every other.
    void share(bool connectable = true);
    void share_with(SimNode& node, bool connectable = true);

    /// A circuit that is ready; fails the test when it does not become so.
    CircuitId build(SimNode& client, std::uint8_t hops, std::uint32_t group = 0);
    [[nodiscard]] tunnel::CircuitView view(SimNode& client, CircuitId circuit) const;
    /// Sends one datagram to the echo host and waits for the answer.
    bool echoes(SimNode& client, CircuitId circuit, std::size_t size = 400);
    [[nodiscard]] SimNode& node_of(const tunnel::Mid& mid);

private:
    std::uint64_t seed_;
    unsigned last_address_ = 0;
    std::uint64_t created_ = 0;
};

} // namespace cepa::test
