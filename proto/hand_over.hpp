// What a worker writes into a sibling's inbox: a UDP packet that the kernel steered to the wrong worker. Codec only.
// What came through an inbox is never handed over again, so there can be no loop.
// Process: worker. Spec: docs/protocol.md, section 33.
//
//   handed-over packet = kind u8 (1) || source ("ip_address") || UDP packet
#pragma once

#include "base/address.hpp"
#include "base/packet_buffer.hpp"

#include <cstddef>
#include <optional>

namespace cepa::proto {

/// Bytes in front of the packet, at most: what a receive buffer needs beside kMaxPacket.
inline constexpr std::size_t kMaxHandOverHead = 1 + kEncodedV6Size;

struct HandedOverPacket {
    Endpoint source;
    PacketBuffer packet; ///< in place, inside the datagram's buffer
};

/// Writes the head in front of `packet`, which then is the whole datagram. False without the headroom.
[[nodiscard]] bool wrap_hand_over(PacketBuffer& packet, const Endpoint& source) noexcept;
/// nullopt for another kind, a malformed source or an empty packet.
[[nodiscard]] std::optional<HandedOverPacket> parse_hand_over(PacketBuffer datagram) noexcept;

} // namespace cepa::proto
