#include "tunnel/discovery/messages.hpp"

#include <algorithm>
#include <array>

namespace cepa::tunnel {
namespace {

// Flag bits of section 5; new style has its one bit elsewhere.
constexpr std::uint8_t kRequestNewStyle = 0x20;
constexpr std::uint8_t kRequestAdvice = 0x01;
constexpr std::uint8_t kResponseNewStyle = 0x10;
constexpr std::uint8_t kResponseIntroducedNewStyle = 0x08;
constexpr std::uint8_t kResponseFull = 0x04;
constexpr std::uint8_t kNewResponseIntroducedNewStyle = 0x80;

/// LAN broadcasts start so, before the prefix.
constexpr std::array<std::uint8_t, 7> kBeaconStart{0x00, 0x00, 0x49, 0x50, 0x76, 0x38, 0x00};

Endpoint read_address_of(Style style, Reader& reader) noexcept
{
    return style == Style::old_style ? read_ipv4(reader) : read_endpoint(reader);
}

void write_address_of(Style style, Writer& writer, const Endpoint& endpoint) noexcept
{
    style == Style::old_style ? write_ipv4(writer, endpoint) : write_endpoint(writer, endpoint);
}

std::uint8_t bit_if(bool set, std::uint8_t bit) noexcept { return set ? bit : std::uint8_t{0}; }

struct FlagsAndIdentifier {
    std::uint8_t flags;
    std::uint16_t identifier;
};

/// The two styles disagree on their order.
FlagsAndIdentifier read_flags(Style style, Reader& reader) noexcept
{
    FlagsAndIdentifier out{};
    if (style == Style::old_style) out.flags = reader.u8();
    out.identifier = reader.u16();
    if (style == Style::new_style) out.flags = reader.u8();
    return out;
}

void write_flags(Style style, Writer& writer, FlagsAndIdentifier value) noexcept
{
    if (style == Style::old_style) writer.u8(value.flags);
    writer.u16(value.identifier);
    if (style == Style::new_style) writer.u8(value.flags);
}

/// Reads up to the response's extra bytes, which stay in the reader.
IntroductionResponse read_response(Style style, Reader& reader) noexcept
{
    IntroductionResponse out;
    out.style = style;
    for (Endpoint* field :
         {&out.destination, &out.source_lan, &out.source_wan, &out.introduced_lan, &out.introduced_wan})
        *field = read_address_of(style, reader);
    const auto [flags, identifier] = read_flags(style, reader);
    out.identifier = identifier;
    if (style == Style::old_style) {
        out.supports_new_style = (flags & kResponseNewStyle) != 0;
        out.introduced_new_style = (flags & kResponseIntroducedNewStyle) != 0;
        out.full = (flags & kResponseFull) != 0;
    } else {
        out.introduced_new_style = (flags & kNewResponseIntroducedNewStyle) != 0;
    }
    return out;
}

std::uint8_t response_flags(const IntroductionResponse& response) noexcept
{
    if (response.style == Style::new_style)
        return bit_if(response.introduced_new_style, kNewResponseIntroducedNewStyle);
    return static_cast<std::uint8_t>(bit_if(response.supports_new_style, kResponseNewStyle) |
                                     bit_if(response.introduced_new_style, kResponseIntroducedNewStyle) |
                                     bit_if(response.full, kResponseFull));
}

} // namespace

std::optional<IntroductionRequest> IntroductionRequest::parse(Style style, ByteSpan body) noexcept
{
    Reader reader(body);
    IntroductionRequest out;
    out.style = style;
    for (Endpoint* field : {&out.destination, &out.source_lan, &out.source_wan})
        *field = read_address_of(style, reader);
    const auto [flags, identifier] = read_flags(style, reader);
    out.identifier = identifier;
    out.supports_new_style = style == Style::old_style && (flags & kRequestNewStyle) != 0;
    out.advice = style == Style::old_style && (flags & kRequestAdvice) != 0;
    out.extra = reader.rest();
    return if_complete(reader, std::move(out));
}

void IntroductionRequest::write(Writer& writer) const noexcept
{
    for (const Endpoint& field : {destination, source_lan, source_wan}) write_address_of(style, writer, field);
    const bool old = style == Style::old_style;
    write_flags(style, writer,
                {static_cast<std::uint8_t>(bit_if(old && supports_new_style, kRequestNewStyle) |
                                           bit_if(old && advice, kRequestAdvice)),
                 identifier});
    writer.bytes(extra);
}

std::uint8_t IntroductionRequest::message_id() const noexcept
{
    return style == Style::old_style ? discovery_id::kIntroductionRequest : discovery_id::kIntroductionRequestNew;
}

std::optional<IntroductionResponse> IntroductionResponse::parse(Style style, ByteSpan body) noexcept
{
    Reader reader(body);
    IntroductionResponse out = read_response(style, reader);
    out.extra = reader.rest();
    return if_complete(reader, std::move(out));
}

void IntroductionResponse::write(Writer& writer) const noexcept
{
    for (const Endpoint& field : {destination, source_lan, source_wan, introduced_lan, introduced_wan})
        write_address_of(style, writer, field);
    write_flags(style, writer, {response_flags(*this), identifier});
    writer.bytes(extra);
}

std::uint8_t IntroductionResponse::message_id() const noexcept
{
    return style == Style::old_style ? discovery_id::kIntroductionResponse : discovery_id::kIntroductionResponseNew;
}

std::optional<PunctureRequest> PunctureRequest::parse(Style style, ByteSpan body) noexcept
{
    Reader reader(body);
    PunctureRequest out;
    out.style = style;
    out.lan_walker = read_address_of(style, reader);
    out.wan_walker = read_address_of(style, reader);
    out.identifier = reader.u16();
    return if_complete(reader, std::move(out));
}

void PunctureRequest::write(Writer& writer) const noexcept
{
    write_address_of(style, writer, lan_walker);
    write_address_of(style, writer, wan_walker);
    writer.u16(identifier);
}

std::uint8_t PunctureRequest::message_id() const noexcept
{
    return style == Style::old_style ? discovery_id::kPunctureRequest : discovery_id::kPunctureRequestNew;
}

std::optional<Puncture> Puncture::parse(Style style, ByteSpan body) noexcept
{
    Reader reader(body);
    Puncture out;
    out.style = style;
    out.source_lan = read_address_of(style, reader);
    out.source_wan = read_address_of(style, reader);
    out.identifier = reader.u16();
    return if_complete(reader, std::move(out));
}

void Puncture::write(Writer& writer) const noexcept
{
    write_address_of(style, writer, source_lan);
    write_address_of(style, writer, source_wan);
    writer.u16(identifier);
}

std::uint8_t Puncture::message_id() const noexcept
{
    return style == Style::old_style ? discovery_id::kPuncture : discovery_id::kPunctureNew;
}

std::optional<SimilarityRequest> SimilarityRequest::parse(ByteSpan body)
{
    Reader reader(body);
    SimilarityRequest out;
    out.identifier = reader.u16();
    out.lan = read_ipv4(reader);
    out.wan = read_ipv4(reader);
    static_cast<void>(reader.u8()); // connection type: always "unknown"
    while (reader.ok() && reader.remaining() > 0) out.overlays.push_back(reader.array<20>());
    return if_complete(reader, std::move(out));
}

void SimilarityRequest::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    write_ipv4(writer, lan);
    write_ipv4(writer, wan);
    writer.u8(0);
    for (const OverlayId& overlay : overlays) writer.bytes(overlay);
}

std::optional<SimilarityResponse> SimilarityResponse::parse(ByteSpan body)
{
    constexpr std::size_t legacy_entry = 24;
    Reader reader(body);
    SimilarityResponse out;
    out.identifier = reader.u16();
    const std::uint16_t count = reader.u16();
    for (unsigned i = 0; i < count && reader.ok(); ++i) out.overlays.push_back(reader.array<20>());
    while (reader.ok() && reader.remaining() > 0) static_cast<void>(reader.take(legacy_entry));
    return if_complete(reader, std::move(out));
}

void SimilarityResponse::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.u16(static_cast<std::uint16_t>(overlays.size()));
    for (const OverlayId& overlay : overlays) writer.bytes(overlay);
}

std::optional<DiscoveryPing> DiscoveryPing::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    const DiscoveryPing out{reader.u16()};
    return if_complete(reader, DiscoveryPing(out));
}

std::optional<Destroy> Destroy::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    Destroy out;
    out.circuit = CircuitId(reader.u32());
    out.reason = reader.u16();
    return if_complete(reader, std::move(out));
}

void Destroy::write(Writer& writer) const noexcept
{
    writer.u32(circuit.value);
    writer.u16(reason);
}

std::optional<PeerFlags> parse_flags(ByteSpan extra) noexcept
{
    Reader reader(extra);
    const PeerFlags flags = reader.u16();
    return reader.complete() ? std::optional(flags) : std::nullopt;
}

std::array<std::uint8_t, 2> encode_flags(PeerFlags flags) noexcept
{
    std::array<std::uint8_t, 2> out{};
    Writer(out).u16(flags);
    return out;
}

std::optional<ServerResponse> parse_server_response(ByteSpan packet) noexcept
{
    if (packet.size() <= kMessageIdOffset) return std::nullopt;
    Reader reader(packet.subspan(kMessageIdOffset));
    if (reader.u8() != discovery_id::kIntroductionResponse) return std::nullopt;
    ServerResponse out;
    out.key = reader.varlen();
    out.global_time = reader.u64();
    out.response = read_response(Style::old_style, reader);
    return reader.ok() ? std::optional(out) : std::nullopt;
}

std::array<std::uint8_t, kBeaconSize> encode_beacon(const Prefix& prefix) noexcept
{
    std::array<std::uint8_t, kBeaconSize> out{};
    Writer writer(out);
    writer.bytes(kBeaconStart);
    writer.bytes(prefix);
    return out;
}

std::optional<Prefix> parse_beacon(ByteSpan packet) noexcept
{
    Reader reader(packet);
    if (!std::ranges::equal(reader.take(kBeaconStart.size()), kBeaconStart)) return std::nullopt;
    const Prefix out = reader.array<kPrefixSize>();
    return reader.complete() ? std::optional(out) : std::nullopt;
}

} // namespace cepa::tunnel
