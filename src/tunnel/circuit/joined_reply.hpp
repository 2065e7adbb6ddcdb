// A message of ours to the originator of a circuit that ends here. Process: worker, io thread. Spec: docs/protocol.md,
// section 10.
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/joined_circuits.hpp"

namespace cepa::tunnel {

/// Seals and sends at once. False when it does not fit or the circuit seals nothing any more.
template <class Message>
bool send_reply(JoinedCircuit& circuit, const Message& message, Aead& aead, CellSender& sender)
{
    MessageRoom room;
    PacketBuffer packet = room.write(message);
    if (packet.empty() || !circuit.layer.seal(aead, packet)) return false;
    sender.send_now(circuit.previous, packet, {circuit.id, false, false});
    return true;
}

} // namespace cepa::tunnel
