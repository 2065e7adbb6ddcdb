#include "proto/hand_over.hpp"

namespace cepa::proto {
namespace {
constexpr std::uint8_t kPacket = 1;
}

bool wrap_hand_over(PacketBuffer& packet, const Endpoint& source) noexcept
{
    const std::size_t head = 1 + encoded_size(source);
    if (head > packet.headroom()) return false;
    packet.prepend(head);
    Writer writer(packet.bytes());
    writer.u8(kPacket);
    write_endpoint(writer, source);
    return writer.ok();
}

std::optional<HandedOverPacket> parse_hand_over(PacketBuffer datagram) noexcept
{
    Reader reader(datagram.bytes());
    if (reader.u8() != kPacket) return std::nullopt;
    HandedOverPacket out;
    out.source = read_endpoint(reader);
    if (!reader.ok() || reader.remaining() == 0) return std::nullopt;
    datagram.strip_front(datagram.size() - reader.remaining());
    out.packet = datagram;
    return out;
}

} // namespace cepa::proto
