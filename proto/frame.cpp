#include "proto/frame.hpp"

namespace cepa::proto {
namespace {

constexpr std::size_t kLengthField = 4;

void write_head(Writer& writer, std::size_t frame_size, FrameKind kind) noexcept
{
    writer.u32(static_cast<std::uint32_t>(frame_size - kLengthField));
    writer.u8(static_cast<std::uint8_t>(kind));
}

/// Grows `packet` by `header` bytes at the front, or says that this cannot be a frame.
bool make_room(PacketBuffer& packet, std::size_t header) noexcept
{
    if (header > packet.headroom() || packet.size() > kMaxFrame - header) return false;
    packet.prepend(header);
    return true;
}

/// What follows the bytes that `reader` has taken from the end of `view`.
PacketBuffer rest_of(const FrameView& view, const Reader& reader) noexcept
{
    return {view.whole, view.whole.size() - reader.remaining(), reader.remaining()};
}

} // namespace

std::size_t data_header_size(const Address& address) noexcept
{
    return kFrameHead + sizeof(CircuitId::value) + encoded_size(address);
}

bool wrap_data(PacketBuffer& payload, CircuitId circuit, const Address& address) noexcept
{
    if (address.host.size() > kMaxFrame || !make_room(payload, data_header_size(address))) return false;
    Writer writer(payload.bytes());
    write_head(writer, payload.size(), FrameKind::data);
    writer.u32(circuit.value);
    write_address(writer, address);
    return writer.ok();
}

bool wrap_packet(PacketBuffer& packet, FrameKind kind, const Endpoint& peer) noexcept
{
    if (!make_room(packet, kFrameHead + encoded_size(peer))) return false;
    Writer writer(packet.bytes());
    write_head(writer, packet.size(), kind);
    write_endpoint(writer, peer);
    return writer.ok();
}

FrameScan next_frame(MutableByteSpan stream, FrameView& out) noexcept
{
    Reader reader(stream);
    const std::size_t length = reader.u32();
    if (!reader.ok()) return FrameScan::incomplete;
    if (length == 0 || length > kMaxFrame - kLengthField) return FrameScan::broken;
    if (length > reader.remaining()) return FrameScan::incomplete;
    out.kind = static_cast<FrameKind>(reader.u8());
    out.whole = stream.first(kLengthField + length);
    return FrameScan::frame;
}

std::optional<DataFrame> parse_data(const FrameView& view)
{
    Reader reader(view.whole);
    (void)reader.take(kFrameHead);
    DataFrame out;
    out.circuit = CircuitId(reader.u32());
    out.address = read_address(reader);
    if (view.kind != FrameKind::data || !reader.ok()) return std::nullopt;
    out.payload = rest_of(view, reader);
    return out;
}

std::optional<PacketFrame> parse_packet(const FrameView& view)
{
    Reader reader(view.whole);
    (void)reader.take(kFrameHead);
    PacketFrame out;
    out.peer = read_endpoint(reader);
    const bool right_kind = view.kind == FrameKind::packet_in || view.kind == FrameKind::packet_out;
    if (!right_kind || !reader.ok()) return std::nullopt;
    out.packet = rest_of(view, reader);
    return out;
}

} // namespace cepa::proto
