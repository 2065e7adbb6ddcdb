#include "tunnel/cell/payloads.hpp"

#include "tunnel/cell/fields.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cepa::tunnel {
std::optional<Data> Data::parse(ByteSpan body)
{
    Reader reader(body);
    Data out;
    out.destination = read_address(reader);
    out.origin = read_address(reader);
    out.payload = reader.rest();
    return if_ok(reader, std::move(out));
}

void Data::write(Writer& writer) const noexcept
{
    write_address(writer, destination);
    write_address(writer, origin);
    writer.bytes(payload);
}

bool prepend_data_header(PacketBuffer& payload, const Address& destination, const Address& origin) noexcept
{
    const std::size_t size = 1 + encoded_size(destination) + encoded_size(origin);
    if (payload.headroom() < size || destination.host.size() > 0xffff || origin.host.size() > 0xffff) return false;
    Writer writer(payload.prepend(size));
    writer.u8(static_cast<std::uint8_t>(MessageId::data));
    write_address(writer, destination);
    write_address(writer, origin);
    return true;
}

std::optional<Create> Create::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    Create out;
    out.identifier = reader.u16();
    out.node_key = read_public_key(reader);
    out.ephemeral = read_key_bytes(reader);
    return if_ok(reader, std::move(out));
}

void Create::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.varlen(node_key.encode());
    writer.varlen(ephemeral);
}

template <MessageId Id>
std::optional<CreatedBody<Id>> CreatedBody<Id>::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    CreatedBody out;
    out.identifier = reader.u16();
    out.ephemeral = read_key_bytes(reader);
    out.auth = reader.array<32>();
    out.candidates_enc = reader.rest();
    return if_ok(reader, std::move(out));
}

template <MessageId Id>
void CreatedBody<Id>::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.varlen(ephemeral);
    writer.bytes(auth);
    writer.bytes(candidates_enc);
}

template struct CreatedBody<MessageId::created>;
template struct CreatedBody<MessageId::extended>;

std::optional<Extend> Extend::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    Extend out;
    out.identifier = reader.u16();
    out.node_key = read_public_key(reader);
    out.ephemeral = read_key_bytes(reader);
    out.address = read_endpoint(reader);
    return if_ok(reader, std::move(out));
}

void Extend::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.varlen(node_key.encode());
    writer.varlen(ephemeral);
    write_endpoint(writer, address);
}

std::optional<TestRequest> TestRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    TestRequest out;
    out.identifier = reader.u16();
    out.response_size = reader.u16();
    out.data = reader.rest();
    return if_ok(reader, std::move(out));
}

void TestRequest::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.u16(response_size);
    writer.bytes(data);
}

std::optional<TestResponse> TestResponse::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    TestResponse out;
    out.identifier = reader.u16();
    out.data = reader.rest();
    return if_ok(reader, std::move(out));
}

void TestResponse::write(Writer& writer) const noexcept
{
    writer.u16(identifier);
    writer.bytes(data);
}

std::optional<NativeTestRequest> NativeTestRequest::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    NativeTestRequest out;
    out.identifier = reader.u32();
    out.response_size = reader.u16();
    out.data = reader.rest();
    return if_ok(reader, std::move(out));
}

void NativeTestRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.u16(response_size);
    writer.bytes(data);
}

std::optional<NativeTestResponse> NativeTestResponse::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    NativeTestResponse out;
    out.identifier = reader.u32();
    out.data = reader.rest();
    return if_ok(reader, std::move(out));
}

void NativeTestResponse::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.bytes(data);
}

std::optional<HttpRequest> HttpRequest::parse(ByteSpan body)
{
    Reader reader(body);
    HttpRequest out;
    out.identifier = reader.u32();
    out.target = read_address(reader);
    out.request = reader.varlen();
    return if_ok(reader, std::move(out));
}

void HttpRequest::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    write_address(writer, target);
    writer.varlen(request);
}

std::optional<HttpResponse> HttpResponse::parse(ByteSpan body) noexcept
{
    Reader reader(body);
    HttpResponse out;
    out.identifier = reader.u32();
    out.part = reader.u16();
    out.total = reader.u16();
    out.response = reader.varlen();
    return if_ok(reader, std::move(out));
}

void HttpResponse::write(Writer& writer) const noexcept
{
    writer.u32(identifier);
    writer.u16(part);
    writer.u16(total);
    writer.varlen(response);
}

std::optional<Offer> Offer::parse(ByteSpan list)
{
    Reader reader(list);
    std::vector<ByteSpan> keys(reader.u8());
    for (ByteSpan& key : keys) key = reader.varlen();
    if (!reader.ok()) return std::nullopt;

    const auto same = [](ByteSpan a, ByteSpan b) { return std::ranges::equal(a, b); };
    const auto separator = std::ranges::adjacent_find(keys, same);
    Offer out;
    for (auto key = keys.begin(); key != keys.end(); ++key) {
        const auto parsed = PublicKey::parse(*key);
        if (!parsed || key == separator) continue;
        (key < separator ? out.relays : out.exits).push_back(*parsed);
    }
    return out;
}

Bytes Offer::encode() const
{
    const std::size_t count = relays.size() + exits.size() + (exits.empty() ? 0 : 1);
    assert(count <= 255);
    Bytes out(1 + count * (2 + kEncodedKeySize));
    Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(count));
    for (const PublicKey& key : relays) writer.varlen(key.encode());
    if (!exits.empty()) writer.varlen(exits.front().encode());
    for (const PublicKey& key : exits) writer.varlen(key.encode());
    return out;
}

} // namespace cepa::tunnel
