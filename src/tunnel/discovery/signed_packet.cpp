#include "tunnel/discovery/signed_packet.hpp"

#include "tunnel/error.hpp"

#include <algorithm>

namespace cepa::tunnel {
namespace {

/// Prefix and message id.
constexpr std::size_t kFrameStart = kPrefixSize + 1;
constexpr std::size_t kTimeSize = 8;

void write_frame_start(Writer& writer, const Prefix& prefix, std::uint8_t message_id) noexcept
{
    writer.bytes(prefix);
    writer.u8(message_id);
}

} // namespace

Result<SignedPacket> open_signed(ByteSpan packet, TimeField time) noexcept
{
    if (packet.size() < kFrameStart + 2) return fail(TunnelError::malformed);
    Reader reader(packet.subspan(kMessageIdOffset));
    SignedPacket out;
    out.message_id = reader.u8();
    const ByteSpan key_bytes = reader.varlen();
    if (time == TimeField::present) out.global_time = reader.u64();
    if (!reader.ok()) return fail(TunnelError::malformed);
    const auto key = PublicKey::parse(key_bytes);
    if (!key) return fail(TunnelError::bad_signature);
    if (reader.remaining() < kSignatureSize) return fail(TunnelError::malformed);
    out.key = *key;
    out.body = reader.take(reader.remaining() - kSignatureSize);
    if (!key->verify(packet.first(packet.size() - kSignatureSize), packet.last(kSignatureSize)))
        return fail(TunnelError::bad_signature);
    return out;
}

Result<UnsignedPacket> open_unsigned(ByteSpan packet, TimeField time) noexcept
{
    if (packet.size() < kFrameStart) return fail(TunnelError::malformed);
    Reader reader(packet.subspan(kMessageIdOffset));
    UnsignedPacket out;
    out.message_id = reader.u8();
    if (time == TimeField::present) out.global_time = reader.u64();
    out.body = reader.rest();
    if (!reader.ok()) return fail(TunnelError::malformed);
    return out;
}

Bytes build_signed(const Prefix& prefix, std::uint8_t message_id, const PrivateKey& key,
                   std::optional<std::uint64_t> global_time, ByteSpan body)
{
    const std::size_t signed_size =
        kFrameStart + 2 + kEncodedKeySize + (global_time ? kTimeSize : 0) + body.size();
    Bytes out(signed_size + kSignatureSize);
    Writer writer(out);
    write_frame_start(writer, prefix, message_id);
    writer.varlen(key.public_key().encode());
    if (global_time) writer.u64(*global_time);
    writer.bytes(body);
    writer.bytes(key.sign(writer.written()));
    return out;
}

Bytes build_unsigned(const Prefix& prefix, std::uint8_t message_id, std::optional<std::uint64_t> global_time,
                     ByteSpan body)
{
    Bytes out(kFrameStart + (global_time ? kTimeSize : 0) + body.size());
    Writer writer(out);
    write_frame_start(writer, prefix, message_id);
    if (global_time) writer.u64(*global_time);
    writer.bytes(body);
    return out;
}

} // namespace cepa::tunnel
