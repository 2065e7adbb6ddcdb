// What a worker writes into a sibling's inbox: a UDP packet that the kernel steered to the wrong worker. Codec only.
// It says how often it was handed over, so there can be no loop.
// Process: worker. Spec: docs/protocol.md, section 33.
//
//   handed-over packet = times u8 (1 .. 5) || source ("ip_address") || UDP packet
#pragma once

#include "base/address.hpp"
#include "base/packet_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cepa::proto {

/// Bytes in front of the packet, at most: what a receive buffer needs beside kMaxPacket.
inline constexpr std::size_t kMaxHandOverHead = 1 + kEncodedV6Size;

/// To the owner of its slot, and on to each of the former ones.
inline constexpr std::uint8_t kMaxHandOvers = 5;

struct HandedOverPacket {
    std::uint8_t times = 1;
    Endpoint source;
    PacketBuffer packet; ///< in place, inside the datagram's buffer
};

/// Writes the head in front of `packet`, which then is the whole datagram. False without the headroom.
/// Needs 1 <= times <= kMaxHandOvers.
[[nodiscard]] bool wrap_hand_over(PacketBuffer& packet, const Endpoint& source, std::uint8_t times) noexcept;
/// nullopt for an impossible number of times, a malformed source or an empty packet.
[[nodiscard]] std::optional<HandedOverPacket> parse_hand_over(PacketBuffer datagram) noexcept;

} // namespace cepa::proto
