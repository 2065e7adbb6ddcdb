#include "tunnel/crypto/handshake.hpp"

#include "tunnel/error.hpp"

#include <sodium.h>

#include <algorithm>
#include <string_view>

namespace cepa::tunnel {
namespace {

constexpr std::size_t kKeyMaterial = 2 * kKeySize + 2 * std::tuple_size_v<Salt>;

/// S: the ephemeral-ephemeral secret, then the one with the responder's static key. Wiped when it goes.
struct SharedSecret {
    std::array<std::uint8_t, 2 * kKeySize> bytes{};
    SharedSecret() = default;
    SharedSecret(const SharedSecret&) = delete;
    SharedSecret& operator=(const SharedSecret&) = delete;
    ~SharedSecret() { sodium_memzero(bytes.data(), bytes.size()); }

    /// False when one of the two X25519 results is all zero (libsodium's check).
    bool agree(const SecretBytes& first_secret, const KeyBytes& first_public, const SecretBytes& second_secret,
               const KeyBytes& second_public) noexcept
    {
        return crypto_box_beforenm(bytes.data(), first_public.data(), first_secret.data()) == 0 &&
               crypto_box_beforenm(bytes.data() + kKeySize, second_public.data(), second_secret.data()) == 0;
    }
};

HandshakeAuth make_auth(const SharedSecret& secret, const KeyBytes& responder_ephemeral) noexcept
{
    HandshakeAuth out;
    static_assert(out.size() == crypto_auth_BYTES);
    crypto_auth(out.data(), responder_ephemeral.data(), responder_ephemeral.size(), secret.bytes.data());
    return out;
}

/// HKDF-Expand of RFC 5869 with SHA-256, S as the pseudo-random key: there is no extract step.
void expand(const SharedSecret& secret, MutableByteSpan out) noexcept
{
    constexpr std::string_view info = "key_generation";
    std::array<std::uint8_t, crypto_auth_hmacsha256_BYTES> block{};
    std::size_t block_size = 0; // the first round hashes no previous block
    crypto_auth_hmacsha256_state state;
    for (std::uint8_t round = 1; !out.empty(); ++round) {
        crypto_auth_hmacsha256_init(&state, secret.bytes.data(), secret.bytes.size());
        crypto_auth_hmacsha256_update(&state, block.data(), block_size);
        crypto_auth_hmacsha256_update(&state, as_bytes(info).data(), info.size());
        crypto_auth_hmacsha256_update(&state, &round, 1);
        crypto_auth_hmacsha256_final(&state, block.data());
        block_size = block.size();
        const std::size_t count = std::min(block.size(), out.size());
        std::copy_n(block.begin(), count, out.begin());
        out = out.subspan(count);
    }
    sodium_memzero(block.data(), block.size());
    sodium_memzero(&state, sizeof state);
}

SessionKeys make_keys(const SharedSecret& secret) noexcept
{
    std::array<std::uint8_t, kKeyMaterial> material;
    expand(secret, material);
    SessionKeys keys;
    std::copy_n(material.begin(), kKeySize, keys.backward_key.data());
    std::copy_n(material.begin() + kKeySize, kKeySize, keys.forward_key.data());
    std::copy_n(material.begin() + 2 * kKeySize, 4, keys.backward_salt.begin());
    std::copy_n(material.begin() + 2 * kKeySize + 4, 4, keys.forward_salt.begin());
    sodium_memzero(material.data(), material.size());
    return keys;
}

} // namespace

EphemeralKey EphemeralKey::generate(RandomSource& random) noexcept
{
    SecretBytes secret;
    random.fill({secret.data(), kKeySize});
    return from_secret(secret);
}

EphemeralKey EphemeralKey::from_secret(const SecretBytes& secret) noexcept
{
    EphemeralKey out{secret, {}};
    crypto_scalarmult_base(out.public_key.data(), out.secret.data());
    return out;
}

Result<HandshakeAnswer> answer_handshake(const SecretBytes& own, const EphemeralKey& ephemeral,
                                         const KeyBytes& initiator_ephemeral) noexcept
{
    SharedSecret secret;
    if (!secret.agree(ephemeral.secret, initiator_ephemeral, own, initiator_ephemeral))
        return fail(TunnelError::malformed);
    return HandshakeAnswer{ephemeral.public_key, make_auth(secret, ephemeral.public_key), make_keys(secret)};
}

Result<SessionKeys> finish_handshake(const EphemeralKey& own, const KeyBytes& responder_static,
                                     const KeyBytes& responder_ephemeral, const HandshakeAuth& auth) noexcept
{
    SharedSecret secret;
    if (!secret.agree(own.secret, responder_ephemeral, own.secret, responder_static))
        return fail(TunnelError::malformed);
    const HandshakeAuth expected = make_auth(secret, responder_ephemeral);
    if (sodium_memcmp(expected.data(), auth.data(), auth.size()) != 0) return fail(TunnelError::bad_tag);
    return make_keys(secret);
}

} // namespace cepa::tunnel
