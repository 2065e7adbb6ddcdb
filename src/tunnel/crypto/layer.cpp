#include "tunnel/crypto/layer.hpp"

#include "tunnel/crypto/random.hpp"
#include "tunnel/error.hpp"

#include <cstring>
#include <utility>

namespace cepa::tunnel {

Layer::Layer(SessionKeys keys, Direction sealing, std::uint64_t first_counter) noexcept
{
    if (sealing == Direction::backward) {
        std::swap(keys.forward_key, keys.backward_key);
        std::swap(keys.forward_salt, keys.backward_salt);
    }
    sealing_ = SealingRight(std::move(keys.forward_key), keys.forward_salt, first_counter, kMaxSealed);
    opening_ = {std::move(keys.backward_key), keys.backward_salt};
}

Layer Layer::initiator(SessionKeys keys) noexcept
{
    return {std::move(keys), Direction::forward, kInitiatorFirstCounter};
}

Layer Layer::responder(SessionKeys keys) noexcept
{
    return {std::move(keys), Direction::backward, kResponderFirstCounter};
}

Layer::Layer(Layer&& other) noexcept
    : sealing_(std::move(other.sealing_)), opening_(std::move(other.opening_)),
      offer_sealed_(std::exchange(other.offer_sealed_, true))
{
}

Layer& Layer::operator=(Layer&& other) noexcept
{
    if (this == &other) return *this;
    sealing_ = std::move(other.sealing_);
    opening_ = std::move(other.opening_);
    offer_sealed_ = std::exchange(other.offer_sealed_, true);
    return *this;
}

Result<Opened> Layer::open(Aead& aead, PacketBuffer& message) const noexcept
{
    if (message.size() < kLayerOverhead) return fail(TunnelError::malformed);
    Reader reader(std::as_const(message).bytes());
    Opened out;
    out.counter = reader.u64();
    const ByteSpan sealed = reader.rest();
    std::memcpy(out.tag.data(), sealed.last(kTagSize).data(), kTagSize);
    if (!aead.open(opening_.key, make_nonce(opening_.salt, out.counter), sealed, message.data() + kCounterSize))
        return fail(TunnelError::bad_tag);
    message.strip_front(kCounterSize);
    message.strip_back(kTagSize);
    return out;
}

Result<Bytes> Layer::seal_offer(Aead& aead, RandomSource& random, ByteSpan candidates)
{
    if (std::exchange(offer_sealed_, true)) return fail(TunnelError::wrong_state);
    const std::uint64_t counter = kOfferCounterBase + random_u64(random) % kOfferCounterBase;
    Bytes out(kCounterSize + candidates.size() + kTagSize);
    Writer(out).u64(counter);
    // The initiator's direction, so the one that this end opens.
    if (!aead.seal(opening_.key, make_nonce(opening_.salt, counter), candidates, out.data() + kCounterSize))
        return fail(TunnelError::wrong_state);
    return out;
}

Result<Bytes> Layer::open_offer(Aead& aead, ByteSpan sealed) const
{
    if (sealed.size() < kLayerOverhead) return fail(TunnelError::malformed);
    Reader reader(sealed);
    const std::uint64_t counter = reader.u64();
    const ByteSpan rest = reader.rest();
    Bytes out(rest.size() - kTagSize);
    if (!aead.open(sealing_.key, make_nonce(sealing_.salt, counter), rest, out.data())) return fail(TunnelError::bad_tag);
    return out;
}

} // namespace cepa::tunnel
