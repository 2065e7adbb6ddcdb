#include "tunnel/discovery/dht_messages.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace cepa::tunnel {
namespace {

constexpr std::uint8_t kUnsignedValue = 0;
constexpr std::uint8_t kSignedValue = 1;

std::vector<ByteSpan> read_values(Reader& reader)
{
    std::vector<ByteSpan> out(reader.u8());
    for (ByteSpan& value : out) value = reader.varlen();
    return out;
}

void write_values(Writer& writer, const std::vector<ByteSpan>& values) noexcept
{
    writer.u8(static_cast<std::uint8_t>(values.size()));
    for (const ByteSpan value : values) writer.varlen(value);
}

std::vector<DhtNode> read_nodes(Reader& reader)
{
    std::vector<DhtNode> out;
    const std::uint8_t count = reader.u8();
    for (unsigned i = 0; i < count && reader.ok(); ++i) {
        const Endpoint address = read_endpoint(reader);
        const auto key = PublicKey::parse(reader.varlen());
        if (reader.ok() && key) out.push_back({address, *key});
    }
    return out;
}

void write_nodes(Writer& writer, const std::vector<DhtNode>& nodes) noexcept
{
    writer.u8(static_cast<std::uint8_t>(nodes.size()));
    for (const DhtNode& node : nodes) {
        write_endpoint(writer, node.address);
        writer.varlen(node.key.encode());
    }
}

/// CRC-32 of zlib (IEEE, reflected), bit by bit: it is only ever fed eight bytes.
std::uint32_t crc32(ByteSpan bytes) noexcept
{
    std::uint32_t crc = ~std::uint32_t{0};
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
    return ~crc;
}

/// 64 bytes: a key without its prefix.
PublicKey read_bare_key(Reader& reader) noexcept
{
    Reader halves(reader.varlen());
    PublicKey out;
    out.x25519 = halves.array<kKeySize>();
    out.ed25519 = halves.array<kKeySize>();
    if (!halves.complete()) reader.reject();
    return out;
}

void write_bare_key(Writer& writer, const PublicKey& key) noexcept
{
    writer.u16(2 * kKeySize);
    writer.bytes(key.x25519);
    writer.bytes(key.ed25519);
}

} // namespace

std::optional<DhtPlain> DhtPlain::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    DhtPlain out{reader.u32()};
    return if_complete(reader, std::move(out));
}

std::optional<DhtStoreRequest> DhtStoreRequest::parse(ByteSpan body)
{
    Reader reader(body);
    DhtStoreRequest out;
    out.identifier = reader.u32();
    out.token = reader.array<20>();
    out.target = reader.array<20>();
    out.values = read_values(reader);
    return if_complete(reader, std::move(out));
}

void DhtStoreRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.bytes(token);
    writer.bytes(target);
    write_values(writer, values);
}

std::optional<DhtFindRequest> DhtFindRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    DhtFindRequest out;
    out.identifier = reader.u32();
    out.lan = read_endpoint(reader);
    out.target = reader.array<20>();
    out.offset = reader.u32();
    out.force_nodes = reader.u8() != 0;
    return if_complete(reader, std::move(out));
}

void DhtFindRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    write_endpoint(writer, lan);
    writer.bytes(target);
    writer.u32(offset);
    writer.u8(force_nodes ? 1 : 0);
}

std::optional<DhtFindResponse> DhtFindResponse::parse(ByteSpan body)
{
    Reader reader(body);
    DhtFindResponse out;
    out.identifier = reader.u32();
    out.token = reader.array<20>();
    out.values = read_values(reader);
    out.nodes = read_nodes(reader);
    return if_complete(reader, std::move(out));
}

void DhtFindResponse::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.bytes(token);
    write_values(writer, values);
    write_nodes(writer, nodes);
}

std::optional<DhtStorePeerRequest> DhtStorePeerRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    DhtStorePeerRequest out;
    out.identifier = reader.u32();
    out.token = reader.array<20>();
    out.target = reader.array<20>();
    return if_complete(reader, std::move(out));
}

void DhtStorePeerRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.bytes(token);
    writer.bytes(target);
}

std::optional<DhtConnectPeerRequest> DhtConnectPeerRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    DhtConnectPeerRequest out;
    out.identifier = reader.u32();
    out.lan = read_endpoint(reader);
    out.target = reader.array<20>();
    return if_complete(reader, std::move(out));
}

void DhtConnectPeerRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    write_endpoint(writer, lan);
    writer.bytes(target);
}

std::optional<DhtConnectPeerResponse> DhtConnectPeerResponse::parse(ByteSpan body)
{
    Reader reader(body);
    DhtConnectPeerResponse out;
    out.identifier = reader.u32();
    out.nodes = read_nodes(reader);
    return if_complete(reader, std::move(out));
}

void DhtConnectPeerResponse::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    write_nodes(writer, nodes);
}

DhtId dht_node_id(const IpAddress& ip, const Mid& mid) noexcept
{
    constexpr std::array<std::uint8_t, 4> mask_v4{0x03, 0x0f, 0x3f, 0xff};
    constexpr std::array<std::uint8_t, 8> mask_v6{0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
    const ByteSpan mask = ip.v6 ? ByteSpan(mask_v6) : ByteSpan(mask_v4);
    std::array<std::uint8_t, 8> masked{};
    std::ranges::transform(mask, ip.bytes, masked.begin(), std::bit_and<std::uint8_t>{});

    std::array<std::uint8_t, 4> sum;
    Writer(sum).u32(crc32(ByteSpan(masked).first(mask.size())));
    DhtId out;
    Writer writer(out);
    writer.bytes(ByteSpan(sum).first(3));
    writer.bytes(ByteSpan(mid).first(17));
    return out;
}

std::optional<DhtValue> DhtValue::parse(ByteSpan value) noexcept
{
    Reader reader(value);
    const std::uint8_t kind = reader.u8();
    if (!reader.ok()) return std::nullopt;
    if (kind == kUnsignedValue) return DhtValue{reader.rest(), std::nullopt, 0};
    if (kind != kSignedValue) return std::nullopt;
    DhtValue out;
    out.data = reader.varlen();
    out.version = reader.u32();
    out.signer = PublicKey::parse(reader.varlen());
    const ByteSpan signature = reader.take(kSignatureSize);
    if (!reader.complete() || !out.signer) return std::nullopt;
    if (!out.signer->verify(value.first(value.size() - kSignatureSize), signature)) return std::nullopt;
    return out;
}

Bytes DhtValue::encode_unsigned(ByteSpan data)
{
    Bytes out{kUnsignedValue};
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

Bytes DhtValue::encode_signed(ByteSpan data, std::uint32_t version, const PrivateKey& key)
{
    Bytes out(1 + 2 + data.size() + 4 + 2 + kEncodedKeySize + kSignatureSize);
    Writer writer(out);
    writer.u8(kSignedValue);
    writer.varlen(data);
    writer.u32(version);
    writer.varlen(key.public_key().encode());
    writer.bytes(key.sign(writer.written()));
    return out;
}

std::optional<IntroductionPointRecord> IntroductionPointRecord::parse(ByteSpan data) noexcept
{
    Reader reader(data);
    IntroductionPointRecord out;
    out.address = read_endpoint(reader);
    out.last_seen_unix_s = reader.u32();
    out.key = read_bare_key(reader);
    out.swarm_key = read_bare_key(reader);
    return if_complete(reader, std::move(out));
}

void IntroductionPointRecord::write(Writer& writer) const noexcept
{
    write_endpoint(writer, address);
    writer.u32(last_seen_unix_s);
    write_bare_key(writer, key);
    write_bare_key(writer, swarm_key);
}

} // namespace cepa::tunnel
