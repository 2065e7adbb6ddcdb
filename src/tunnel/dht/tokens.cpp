#include "tunnel/dht/tokens.hpp"

#include <sodium.h>

namespace cepa::tunnel {
namespace {

DhtToken token_of(const SecretBytes& secret, const Endpoint& address, const PublicKey& key) noexcept
{
    std::array<std::uint8_t, kEncodedV6Size + kEncodedKeySize> text{};
    Writer writer(text);
    write_endpoint(writer, address);
    writer.bytes(key.encode());
    DhtToken out{};
    crypto_generichash(out.data(), out.size(), text.data(), writer.size(), secret.data(), kKeySize);
    return out;
}

} // namespace

DhtTokens::DhtTokens(RandomSource& random, TimePoint now) : random_(random), since_(now)
{
    random_.fill({secret_.data(), kKeySize});
    random_.fill({former_.data(), kKeySize});
}

void DhtTokens::renew(TimePoint now)
{
    if (now - since_ < kSecretLife) return;
    const bool both = now - since_ >= 2 * kSecretLife; // nobody asked for so long that neither counts
    former_ = secret_;
    random_.fill({secret_.data(), kKeySize});
    if (both) random_.fill({former_.data(), kKeySize});
    since_ = now;
}

DhtToken DhtTokens::make(const Endpoint& address, const PublicKey& key, TimePoint now)
{
    renew(now);
    return token_of(secret_, address, key);
}

bool DhtTokens::is_valid(const DhtToken& token, const Endpoint& address, const PublicKey& key, TimePoint now)
{
    renew(now);
    const DhtToken present = token_of(secret_, address, key);
    const DhtToken before = token_of(former_, address, key);
    return sodium_memcmp(token.data(), present.data(), token.size()) == 0 ||
           sodium_memcmp(token.data(), before.data(), token.size()) == 0;
}

} // namespace cepa::tunnel
