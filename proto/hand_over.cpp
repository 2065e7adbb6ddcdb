#include "proto/hand_over.hpp"

namespace cepa::proto {

bool wrap_hand_over(PacketBuffer& packet, const Endpoint& source, std::uint8_t times) noexcept
{
    const std::size_t head = 1 + encoded_size(source);
    if (head > packet.headroom()) return false;
    packet.prepend(head);
    Writer writer(packet.bytes());
    writer.u8(times);
    write_endpoint(writer, source);
    return writer.ok();
}

std::optional<HandedOverPacket> parse_hand_over(PacketBuffer datagram) noexcept
{
    Reader reader(datagram.bytes());
    HandedOverPacket out;
    out.times = reader.u8();
    if (out.times < 1 || out.times > kMaxHandOvers) return std::nullopt;
    out.source = read_endpoint(reader);
    if (!reader.ok() || reader.remaining() == 0) return std::nullopt;
    datagram.strip_front(datagram.size() - reader.remaining());
    out.packet = datagram;
    return out;
}

} // namespace cepa::proto
