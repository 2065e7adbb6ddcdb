// The header of a cell, and the rules a receiver applies before it looks inside. Codec and pure functions only.
//
//   0  prefix of the overlay [22]     27  plaintext flag [1]
//   22 message id 0 [1]               28  relay_early flag [1]
//   23 circuit id, u32                29  message (id and body), under layers unless the plaintext flag is set
//
// Process: worker, io thread. Spec: docs/protocol.md, sections 1 and 8.
#pragma once

#include "tunnel/crypto/layer.hpp"
#include "tunnel/settings.hpp"

#include "base/ids.hpp"
#include "base/packet_buffer.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace cepa::tunnel {

inline constexpr std::size_t kPrefixSize = 22;
inline constexpr std::size_t kMessageIdOffset = 22;
inline constexpr std::size_t kCircuitIdOffset = 23;
inline constexpr std::size_t kCellHeaderSize = 29;
/// Our packets stay at or below this (Ethernet MTU less IPv4 and UDP headers).
inline constexpr std::size_t kMaxSentPacket = 1472;
/// relay_early cells that a relay lets through per direction, counted as deployed relays count.
inline constexpr std::uint32_t kRelayEarlyLimit = 8;

/// 00, version 02, overlay id: how every packet of an overlay starts.
using Prefix = std::array<std::uint8_t, kPrefixSize>;
[[nodiscard]] Prefix make_prefix(const OverlayId& overlay) noexcept;
/// At least a prefix and a message id long, and beginning with `prefix`.
[[nodiscard]] bool has_prefix(ByteSpan packet, const Prefix& prefix) noexcept;
/// The message id of a packet for which has_prefix() holds.
[[nodiscard]] inline std::uint8_t packet_message_id(ByteSpan packet) noexcept { return packet[kMessageIdOffset]; }

/// Messages inside cells, and destroy, which is a signed packet. Spec: docs/protocol.md, section 12.
enum class MessageId : std::uint8_t {
    cell = 0,
    data = 1,
    create = 2,
    created = 3,
    extend = 4,
    extended = 5,
    ping = 6,
    pong = 7,
    destroy = 8,
    establish_intro = 9,
    intro_established = 10,
    establish_rendezvous = 11,
    rendezvous_established = 12,
    create_e2e = 13,
    created_e2e = 14,
    link_e2e = 15,
    linked_e2e = 16,
    peers_request = 17,
    peers_response = 18,
    test_request = 19,
    test_response = 20,
    native_test_request = 21,
    native_test_response = 22,
    http_request = 28,
    http_response = 29,
};

struct CellHeader {
    CircuitId circuit;
    bool plaintext = false;
    bool relay_early = false;

    friend bool operator==(const CellHeader&, const CellHeader&) = default;
};

/// Nullopt when `packet` is shorter than a header or its message id is not 0. Does not look at the prefix.
[[nodiscard]] std::optional<CellHeader> read_cell_header(ByteSpan packet) noexcept;
/// Puts a header in front of a (sealed) message. Needs kCellHeaderSize of headroom.
void prepend_cell_header(PacketBuffer& message, const Prefix& prefix, const CellHeader& header) noexcept;

/// Why a cell is dropped, in the order in which a receiver checks.
enum class CellCheck : std::uint8_t {
    accepted,
    empty,               ///< no message id
    extend_not_early,    ///< extend without relay_early
    plaintext_refused,   ///< plaintext flag on anything but create and created
    sealed_refused,      ///< create or created inside layers
};
/// Applies the rules for a cell that is addressed to us. `message` is what the layers left, id first.
[[nodiscard]] CellCheck check_cell(const CellHeader& header, ByteSpan message) noexcept;
/// Create and created, nothing else, travel in the clear.
[[nodiscard]] constexpr bool is_plaintext_message(MessageId id) noexcept
{
    return id == MessageId::create || id == MessageId::created;
}

/// The count that a relay keeps per direction: every forwarded cell counts, and relay_early cells stop passing once
/// kRelayEarlyLimit is reached, so that a path cannot be extended for ever.
class RelayEarlyCount {
public:
    /// Whether a cell may be forwarded; counts it if so.
    [[nodiscard]] bool admit(bool relay_early) noexcept
    {
        if (relay_early && count_ >= kRelayEarlyLimit) return false;
        if (count_ < kRelayEarlyLimit) ++count_;
        return true;
    }

private:
    std::uint32_t count_ = 1;
};

/// Size of the packet that carries a `message_size` byte message under `layers` layers.
[[nodiscard]] constexpr std::size_t cell_size(std::size_t message_size, std::size_t layers) noexcept
{
    return kCellHeaderSize + message_size + kLayerOverhead * layers;
}

} // namespace cepa::tunnel
