// A layer with fixed keys: the input is sealed and opened, opened as it is, and opened as an offer.
#include "fuzz/fuzz.hpp"

#include "support/packet.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/crypto/replay_window.hpp"

#include <algorithm>

using namespace cepa;
using namespace cepa::tunnel;

namespace {

SessionKeys keys()
{
    SessionKeys out;
    out.forward_key.data()[0] = 1;
    out.backward_key.data()[0] = 2;
    return out;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static Aead aead;
    static Layer initiator = Layer::initiator(keys());
    static Layer responder = Layer::responder(keys());
    static ReplayWindow window;
    const ByteSpan input(data, std::min(size, kMaxPacket));

    test::OwnedPacket message(input);
    const std::uint64_t counter = initiator.next_counter();
    fuzz::require(initiator.seal(aead, message.buffer()).has_value());
    const auto opened = responder.open(aead, message.buffer());
    fuzz::require(opened && opened->counter == counter && window.accept(*opened) && !window.accept(*opened));
    fuzz::require(std::ranges::equal(message.bytes(), input));

    test::OwnedPacket foreign(input);
    if (const auto result = responder.open(aead, foreign.buffer()); !result)
        fuzz::require(std::ranges::equal(foreign.bytes(), input));
    static_cast<void>(initiator.open_offer(aead, input));
    return 0;
}
