#include "tunnel/cell/cell.hpp"

#include <algorithm>
#include <cstring>

namespace cepa::tunnel {

Prefix make_prefix(const OverlayId& overlay) noexcept
{
    Prefix out{0x00, 0x02};
    std::ranges::copy(overlay, out.begin() + 2);
    return out;
}

bool has_prefix(ByteSpan packet, const Prefix& prefix) noexcept
{
    return packet.size() > kPrefixSize && std::memcmp(packet.data(), prefix.data(), kPrefixSize) == 0;
}

std::optional<CellHeader> read_cell_header(ByteSpan packet) noexcept
{
    if (packet.size() < kCellHeaderSize || packet_message_id(packet) != static_cast<std::uint8_t>(MessageId::cell))
        return std::nullopt;
    Reader reader(packet.subspan(kCircuitIdOffset));
    CellHeader out;
    out.circuit = CircuitId(reader.u32());
    out.plaintext = reader.u8() != 0; // deployed peers take any other value for true
    out.relay_early = reader.u8() != 0;
    return out;
}

void prepend_cell_header(PacketBuffer& message, const Prefix& prefix, const CellHeader& header) noexcept
{
    Writer writer(message.prepend(kCellHeaderSize));
    writer.bytes(prefix);
    writer.u8(static_cast<std::uint8_t>(MessageId::cell));
    writer.u32(header.circuit.value);
    writer.u8(header.plaintext ? 1 : 0);
    writer.u8(header.relay_early ? 1 : 0);
}

CellCheck check_cell(const CellHeader& header, ByteSpan message) noexcept
{
    if (message.empty()) return CellCheck::empty;
    const auto id = static_cast<MessageId>(message.front());
    if (id == MessageId::extend && !header.relay_early) return CellCheck::extend_not_early;
    if (header.plaintext && !is_plaintext_message(id)) return CellCheck::plaintext_refused;
    if (!header.plaintext && is_plaintext_message(id)) return CellCheck::sealed_refused;
    return CellCheck::accepted;
}

} // namespace cepa::tunnel
