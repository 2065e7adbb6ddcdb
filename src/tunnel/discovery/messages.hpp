// The messages by which peers find each other: introductions and punctures in every overlay, similarity and pings in
// the discovery overlay; and destroy, the one signed message of circuits. Bodies only: signed_packet frames them.
// Trailing bytes are malformed here. Spans point into the parsed bytes.
// Process: worker 0 (destroy: all), io thread. Spec: docs/protocol.md, sections 5, 6 and 11.5.
#pragma once

#include "tunnel/cell/cell.hpp"

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cepa::tunnel {

/// Old: IPv4 addresses without a type byte. New: typed addresses, other message ids, identifier before flags.
enum class Style : std::uint8_t { old_style, new_style };

/// Message ids of section 5.
namespace discovery_id {
inline constexpr std::uint8_t kPunctureNew = 231;
inline constexpr std::uint8_t kPunctureRequestNew = 232;
inline constexpr std::uint8_t kIntroductionResponseNew = 233;
inline constexpr std::uint8_t kIntroductionRequestNew = 234;
inline constexpr std::uint8_t kIntroductionResponse = 245;
inline constexpr std::uint8_t kIntroductionRequest = 246;
inline constexpr std::uint8_t kPuncture = 249;
inline constexpr std::uint8_t kPunctureRequest = 250;
inline constexpr std::uint8_t kSimilarityRequest = 1;  ///< 1 to 4: in the discovery overlay only
inline constexpr std::uint8_t kSimilarityResponse = 2;
inline constexpr std::uint8_t kPing = 3;
inline constexpr std::uint8_t kPong = 4;
} // namespace discovery_id

/// Overlays that are the same for everybody.
inline constexpr OverlayId kDiscoveryOverlay{0x7e, 0x31, 0x36, 0x85, 0xc1, 0x91, 0x2a, 0x14, 0x12, 0x79,
                                             0xf8, 0x24, 0x8f, 0xc8, 0xdb, 0x58, 0x99, 0xc5, 0xdf, 0x5a};
inline constexpr OverlayId kDhtOverlay{0x8d, 0x0b, 0xe1, 0x84, 0x5d, 0x74, 0xd1, 0x75, 0xf1, 0x78,
                                       0x19, 0x7c, 0xad, 0x00, 0x15, 0x91, 0xd0, 0x4d, 0x73, 0xcc};
/// Tribler's tunnels (8.0 and later), and py-ipv8's own.
inline constexpr OverlayId kPublicTunnelOverlay{0xa3, 0x59, 0x1a, 0x6b, 0xd8, 0x9b, 0xba, 0xca, 0x09, 0x74,
                                                0x06, 0x2a, 0x12, 0x87, 0xaf, 0xcf, 0xbc, 0x6f, 0xd6, 0xbc};
inline constexpr OverlayId kIpv8TunnelOverlay{0x81, 0xde, 0xd0, 0x73, 0x32, 0xbd, 0xc7, 0x75, 0xaa, 0x5a,
                                              0x46, 0xf9, 0x6d, 0xe9, 0xf8, 0xf3, 0x90, 0xbb, 0xc9, 0xf3};

/// 246 (old) and 234 (new). Signed, with time.
struct IntroductionRequest {
    Style style = Style::old_style;
    Endpoint destination;
    Endpoint source_lan;
    Endpoint source_wan;
    bool supports_new_style = false; ///< old style only
    bool advice = true;              ///< old style only: an introduction is wanted
    std::uint16_t identifier = 0;
    ByteSpan extra; ///< in the tunnel overlay: the sender's flags

    [[nodiscard]] static std::optional<IntroductionRequest> parse(Style style, ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
    [[nodiscard]] std::uint8_t message_id() const noexcept;
};

/// 245 (old) and 233 (new). Signed, with time.
struct IntroductionResponse {
    Style style = Style::old_style;
    Endpoint destination; ///< where the request came from, as the responder saw it
    Endpoint source_lan;
    Endpoint source_wan;
    Endpoint introduced_lan; ///< null when nobody is introduced
    Endpoint introduced_wan;
    bool supports_new_style = false; ///< old style only
    bool introduced_new_style = false;
    bool full = false; ///< old style only
    std::uint16_t identifier = 0;
    ByteSpan extra;

    [[nodiscard]] static std::optional<IntroductionResponse> parse(Style style, ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
    [[nodiscard]] std::uint8_t message_id() const noexcept;
};

/// 250 (old) and 232 (new). Unsigned, with time.
struct PunctureRequest {
    Style style = Style::old_style;
    Endpoint lan_walker;
    Endpoint wan_walker;
    std::uint16_t identifier = 0;

    [[nodiscard]] static std::optional<PunctureRequest> parse(Style style, ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
    [[nodiscard]] std::uint8_t message_id() const noexcept;
};

/// 249 (old) and 231 (new). Signed, with time.
struct Puncture {
    Style style = Style::old_style;
    Endpoint source_lan;
    Endpoint source_wan;
    std::uint16_t identifier = 0;

    [[nodiscard]] static std::optional<Puncture> parse(Style style, ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
    [[nodiscard]] std::uint8_t message_id() const noexcept;
};

/// 1 in the discovery overlay. Signed, with time.
struct SimilarityRequest {
    std::uint16_t identifier = 0;
    Endpoint lan;
    Endpoint wan;
    std::vector<OverlayId> overlays;

    [[nodiscard]] static std::optional<SimilarityRequest> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};
/// 2 in the discovery overlay. Signed, with time.
struct SimilarityResponse {
    std::uint16_t identifier = 0;
    std::vector<OverlayId> overlays;

    [[nodiscard]] static std::optional<SimilarityResponse> parse(ByteSpan body);
    void write(Writer& writer) const noexcept;
};
/// 3 (ping) and 4 (pong) in the discovery overlay. Unsigned, with time.
struct DiscoveryPing {
    std::uint16_t identifier = 0;

    [[nodiscard]] static std::optional<DiscoveryPing> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept { writer.u16(identifier); }
};

enum class DestroyReason : std::uint16_t { unknown = 1, shutdown = 2, not_needed = 4, legacy = 65535 };
/// MessageId::destroy in the tunnel overlay. Signed, without time.
struct Destroy {
    CircuitId circuit; ///< of the link it is sent on
    std::uint16_t reason = 0;

    [[nodiscard]] static std::optional<Destroy> parse(ByteSpan body) noexcept;
    void write(Writer& writer) const noexcept;
};

/// The flags in the extra bytes of the tunnel overlay's introductions; nullopt unless there are exactly two bytes.
[[nodiscard]] std::optional<PeerFlags> parse_flags(ByteSpan extra) noexcept;
[[nodiscard]] std::array<std::uint8_t, 2> encode_flags(PeerFlags flags) noexcept;

/// A bootstrap server's 245: signed with a kind of key that we do not verify, so only the fixed part is read and it is
/// no more than a hint. `extra` is empty.
struct ServerResponse {
    ByteSpan key; ///< DER, as it was sent
    std::uint64_t global_time = 0;
    IntroductionResponse response;
};
[[nodiscard]] std::optional<ServerResponse> parse_server_response(ByteSpan packet) noexcept;

/// What is broadcast in a LAN to find members of an overlay.
inline constexpr std::size_t kBeaconSize = 7 + kPrefixSize;
[[nodiscard]] std::array<std::uint8_t, kBeaconSize> encode_beacon(const Prefix& prefix) noexcept;
/// The prefix that a beacon names; nullopt for any other packet.
[[nodiscard]] std::optional<Prefix> parse_beacon(ByteSpan packet) noexcept;

} // namespace cepa::tunnel
