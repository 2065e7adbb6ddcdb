#include "support/recording_aead.hpp"

#include "base/packet_buffer.hpp"
#include "tunnel/crypto/cipher.hpp"

#include <sodium.h>

#include <array>
#include <cstring>
#include <set>

namespace cepa::test {
namespace {

using SealedPair = std::array<std::uint8_t, tunnel::kKeySize + tunnel::kNonceSize>;

std::set<SealedPair> used_pairs;
std::size_t sealed_count = 0;

} // namespace

std::size_t SealRecord::sealed()
{
    return sealed_count;
}
std::size_t SealRecord::sealed_twice()
{
    return sealed_count - used_pairs.size();
}
void SealRecord::clear()
{
    used_pairs.clear();
    sealed_count = 0;
}

static void record_seal(const tunnel::SecretBytes& key, const tunnel::Nonce& nonce)
{
    SealedPair pair;
    std::memcpy(pair.data(), key.data(), tunnel::kKeySize);
    std::memcpy(pair.data() + tunnel::kKeySize, nonce.data(), nonce.size());
    used_pairs.insert(pair);
    ++sealed_count;
}

} // namespace cepa::test

namespace cepa::tunnel {

struct Aead::Contexts {};
Aead::Aead() = default;
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

bool Aead::seal(const SecretBytes& key, const Nonce& nonce, ByteSpan plain, std::uint8_t* out) noexcept
{
    test::record_seal(key, nonce);
    unsigned long long size = 0;
    return crypto_aead_chacha20poly1305_ietf_encrypt(out, &size, plain.data(), plain.size(), nullptr, 0, nullptr,
                                                     nonce.data(), key.data()) == 0;
}

bool Aead::open(const SecretBytes& key, const Nonce& nonce, ByteSpan sealed, std::uint8_t* out) noexcept
{
    if (sealed.size() < kTagSize) return false;
    Bytes plain(sealed.size()); // libsodium wipes what it was given when the tag is wrong
    unsigned long long size = 0;
    if (crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), &size, nullptr, sealed.data(), sealed.size(), nullptr,
                                                  0, nonce.data(), key.data()) != 0)
        return false;
    if (size != 0) std::memcpy(out, plain.data(), size);
    return true;
}

} // namespace cepa::tunnel
