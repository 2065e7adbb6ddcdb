// Input: a datagram as it arrives in a worker's inbox.
#include "proto/hand_over.hpp"

#include <algorithm>

#include "fuzz/fuzz.hpp"

using namespace cepa;
using namespace cepa::proto;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Bytes memory(data, data + size);
    const auto parsed = parse_hand_over(PacketBuffer(memory, 0, memory.size()));
    if (!parsed) return 0;
    fuzz::require(!parsed->packet.empty() && parsed->packet.size() < size);
    Bytes copy(memory);
    PacketBuffer again(copy, size - parsed->packet.size(), parsed->packet.size());
    fuzz::require(wrap_hand_over(again, parsed->source, parsed->times));
    fuzz::require(std::ranges::equal(again.bytes(), memory));
    return 0;
}
