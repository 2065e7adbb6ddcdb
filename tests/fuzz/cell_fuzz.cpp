// Input: a packet as it arrives on the node's port.
#include "fuzz/fuzz.hpp"

#include "support/packet.hpp"
#include "tunnel/cell/cell.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const ByteSpan input(data, std::min(size, kMaxPacket));
    static_cast<void>(has_prefix(input, make_prefix(OverlayId{})));
    const auto header = read_cell_header(input);
    fuzz::require(header.has_value() == (input.size() >= kCellHeaderSize && input[kMessageIdOffset] == 0));
    if (!header) return 0;
    const ByteSpan message = input.subspan(kCellHeaderSize);
    if (check_cell(*header, message) == CellCheck::accepted)
        fuzz::require(!message.empty() && header->plaintext == is_plaintext_message(static_cast<MessageId>(message[0])));

    test::OwnedPacket packet(message);
    Prefix prefix;
    std::ranges::copy(input.first(kPrefixSize), prefix.begin());
    prepend_cell_header(packet.buffer(), prefix, *header);
    fuzz::require(read_cell_header(packet.bytes()) == header && has_prefix(packet.bytes(), prefix));
    fuzz::require(std::ranges::equal(packet.bytes().subspan(kCellHeaderSize), message));
    return 0;
}
