// Obeys destroys, the one signed message of circuits: only the neighbour on the side it comes from may send one.
// Process: worker, io thread; worker 0 hands a destroy to the worker that owns the circuit. Spec: docs/protocol.md,
// section 11.5.
#pragma once

#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/own_circuits.hpp"
#include "tunnel/circuit/relay.hpp"
#include "tunnel/circuit/splices.hpp"
#include "tunnel/exit/exits.hpp"

#include <optional>

namespace cepa::tunnel {

class Destroys {
public:
    struct Tools {
        RoutingTable& routes;
        Counters& counters;
        OwnCircuits& own;
        JoinedCircuits& joined;
        Relays& relays;
        Exits& exits;
        Splices& splices;
    };
    explicit Destroys(Tools tools) : tools_(tools) {}

    /// A packet of the tunnel overlay with message id 8. Ends the circuit and, for a relay, passes the destroy on; drops
    /// and counts what is malformed, forged, or from anybody else.
    void on_packet(const Endpoint& source, ByteSpan packet, TimePoint now);

private:
    struct Neighbour {
        PublicKey key;
        Endpoint address;
    };
    [[nodiscard]] std::optional<Neighbour> who_may(const Route& route) const;
    void obey(const Route& route, std::uint16_t reason, TimePoint now);

    Tools tools_;
};

} // namespace cepa::tunnel
