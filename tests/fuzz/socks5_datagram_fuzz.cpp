// The UDP header of SOCKS5: what is accepted is written again to the same bytes, in place, with its payload untouched.
#include "fuzz/fuzz.hpp"

#include "socks5/message.hpp"

#include <algorithm>
#include <vector>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace cepa;
    using namespace cepa::socks5;
    const ByteSpan input(data, size);
    DatagramHeader header;
    header.address.host = "a name of the datagram before";
    const Parse parsed = parse_datagram_header(input, header);
    fuzz::require(parsed != Parse::incomplete);
    if (parsed != Parse::complete) return 0;
    fuzz::require(header.size <= size && header.size == datagram_header_size(header.address));

    Bytes room(input.begin(), input.end());
    PacketBuffer payload(room, header.size, size - header.size);
    fuzz::require(prepend_datagram_header(payload, header.address));
    fuzz::require(payload.size() == size);
    // All but the reserved bytes and the fragment number, which are written as zero.
    fuzz::require(std::equal(room.begin() + 3, room.end(), input.begin() + 3));
    fuzz::require(room[0] == 0 && room[1] == 0 && room[2] == 0);

    PacketBuffer cramped(MutableByteSpan(room).subspan(1), header.size - 1, size - header.size);
    fuzz::require(!prepend_datagram_header(cramped, header.address));
    return 0;
}
