#include "tunnel/crypto/sealing_right.hpp"

#include "tunnel/error.hpp"

#include <utility>

namespace cepa::tunnel {

Nonce make_nonce(const Salt& salt, std::uint64_t counter) noexcept
{
    Nonce out;
    Writer writer(out);
    writer.bytes(salt);
    writer.u64(counter);
    return out;
}

SealingRight::SealingRight(SealingRight&& other) noexcept
    : key(std::move(other.key)), salt(other.salt), next_counter(other.next_counter), left(std::exchange(other.left, 0))
{
}

SealingRight& SealingRight::operator=(SealingRight&& other) noexcept
{
    if (this == &other) return *this;
    key = std::move(other.key);
    salt = other.salt;
    next_counter = other.next_counter;
    left = std::exchange(other.left, 0);
    return *this;
}

Result<void> SealingRight::seal(Aead& aead, PacketBuffer& message) noexcept
{
    if (left == 0) return fail(TunnelError::nonce_exhausted);
    if (message.headroom() < kCounterSize || message.tailroom() < kTagSize) return fail(TunnelError::too_large);
    --left;
    const std::uint64_t counter = next_counter++; // spent whatever happens below
    if (!aead.seal(key, make_nonce(salt, counter), std::as_const(message).bytes(), message.data()))
        return fail(TunnelError::wrong_state);
    message.append(kTagSize);
    Writer(message.prepend(kCounterSize)).u64(counter);
    return {};
}

} // namespace cepa::tunnel
