// Input: bytes as one read of a data pipe takes them.
#include "fuzz/fuzz.hpp"

#include "proto/frame.hpp"

#include <algorithm>
#include <vector>

using namespace cepa;
using namespace cepa::proto;

namespace {

/// A payload taken out of a frame and put back must give the same frame.
template <class Wrap>
void round_trip(ByteSpan frame, ByteSpan payload, Wrap wrap)
{
    std::vector<std::uint8_t> memory(kMaxFrame + payload.size());
    std::ranges::copy(payload, memory.begin() + kMaxFrame);
    PacketBuffer buffer(memory, kMaxFrame, payload.size());
    fuzz::require(wrap(buffer));
    fuzz::require(std::ranges::equal(buffer.bytes(), frame));
}

void check(const FrameView& view)
{
    const Bytes frame(view.whole.begin(), view.whole.end());
    if (const auto data = parse_data(view)) {
        fuzz::require(data->payload.headroom() + data->payload.size() == frame.size());
        round_trip(frame, data->payload.bytes(), [&](PacketBuffer& b) { return wrap_data(b, data->circuit, data->address); });
    }
    if (const auto packet = parse_packet(view))
        round_trip(frame, packet->packet.bytes(), [&](PacketBuffer& b) { return wrap_packet(b, view.kind, packet->peer); });
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Bytes stream(data, data + size);
    MutableByteSpan rest(stream);
    FrameView view;
    while (next_frame(rest, view) == FrameScan::frame) {
        fuzz::require(view.whole.size() >= kFrameHead && view.whole.size() <= kMaxFrame);
        check(view);
        rest = rest.subspan(view.whole.size());
    }
    return 0;
}
