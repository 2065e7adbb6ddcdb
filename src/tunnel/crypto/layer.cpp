#include "tunnel/crypto/layer.hpp"

#include "tunnel/crypto/random.hpp"
#include "tunnel/error.hpp"

#include <cstring>
#include <utility>

namespace cepa::tunnel {

Layer::Layer(SessionKeys keys, Direction sealing, std::uint64_t first_counter) noexcept
    : sealing_{std::move(keys.forward_key), keys.forward_salt}, opening_{std::move(keys.backward_key), keys.backward_salt},
      next_counter_(first_counter)
{
    if (sealing == Direction::backward) std::swap(sealing_, opening_);
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
    : sealing_(std::move(other.sealing_)), opening_(std::move(other.opening_)), next_counter_(other.next_counter_),
      left_(std::exchange(other.left_, 0)), offer_sealed_(std::exchange(other.offer_sealed_, true))
{
}

Layer& Layer::operator=(Layer&& other) noexcept
{
    if (this == &other) return *this;
    sealing_ = std::move(other.sealing_);
    opening_ = std::move(other.opening_);
    next_counter_ = other.next_counter_;
    left_ = std::exchange(other.left_, 0);
    offer_sealed_ = std::exchange(other.offer_sealed_, true);
    return *this;
}

Nonce Layer::nonce(const Salt& salt, std::uint64_t counter) noexcept
{
    Nonce out;
    Writer writer(out);
    writer.bytes(salt);
    writer.u64(counter);
    return out;
}

Result<void> Layer::seal(Aead& aead, PacketBuffer& message) noexcept
{
    if (left_ == 0) return fail(TunnelError::nonce_exhausted);
    if (message.headroom() < kCounterSize || message.tailroom() < kTagSize) return fail(TunnelError::too_large);
    --left_;
    const std::uint64_t counter = next_counter_++; // spent whatever happens below
    if (!aead.seal(sealing_.key, nonce(sealing_.salt, counter), std::as_const(message).bytes(), message.data()))
        return fail(TunnelError::wrong_state);
    message.append(kTagSize);
    Writer(message.prepend(kCounterSize)).u64(counter);
    return {};
}

Result<Opened> Layer::open(Aead& aead, PacketBuffer& message) const noexcept
{
    if (message.size() < kLayerOverhead) return fail(TunnelError::malformed);
    Reader reader(std::as_const(message).bytes());
    Opened out;
    out.counter = reader.u64();
    const ByteSpan sealed = reader.rest();
    std::memcpy(out.tag.data(), sealed.last(kTagSize).data(), kTagSize);
    if (!aead.open(opening_.key, nonce(opening_.salt, out.counter), sealed, message.data() + kCounterSize))
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
    if (!aead.seal(opening_.key, nonce(opening_.salt, counter), candidates, out.data() + kCounterSize))
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
    if (!aead.open(sealing_.key, nonce(sealing_.salt, counter), rest, out.data())) return fail(TunnelError::bad_tag);
    return out;
}

} // namespace cepa::tunnel
