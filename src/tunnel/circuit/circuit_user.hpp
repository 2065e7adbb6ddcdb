// Who uses our circuits whose purpose is not data: hidden services. OwnCircuits builds them, keeps them alive and opens
// what comes; this is told of it. Process: worker, io thread. Spec: docs/protocol.md, sections 12 and 14.
#pragma once

#include "tunnel/cell/cell.hpp"
#include "tunnel/circuit/circuit.hpp"

namespace cepa::tunnel {

/// Called from inside OwnCircuits. May send on circuits and close them from inside every call but on_closed(), and
/// begin new ones in on_message() and on_packet().
class CircuitUser {
public:
    virtual ~CircuitUser() = default;
    virtual void on_ready(const Circuit& circuit, TimePoint now) = 0;
    virtual void on_closed(const Circuit& circuit, TimePoint now) = 0;
    /// A message of the last hop.
    virtual void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) = 0;
    /// A packet of the tunnel overlay that came to the last hop from `origin`: anybody's, and unsigned.
    virtual void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) = 0;
    /// The first message of the other end, authentic. False: not wanted, the circuit is closed.
    [[nodiscard]] virtual bool on_other_end(const Circuit& circuit, TimePoint now) = 0;
};

} // namespace cepa::tunnel
