#include "tunnel/crypto/keys.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cepa::tunnel {
namespace {

constexpr std::string_view kPublicPrefix = "LibNaCLPK:";
constexpr std::string_view kPrivatePrefix = "LibNaCLSK:";
static_assert(kPublicPrefix.size() + 2 * kKeySize == kEncodedKeySize);

struct Halves {
    KeyBytes x25519{};
    KeyBytes ed25519{};
};

std::optional<Halves> parse_halves(ByteSpan encoded, std::string_view prefix) noexcept
{
    if (encoded.size() != kEncodedKeySize) return std::nullopt;
    Reader reader(encoded);
    if (!std::ranges::equal(reader.take(prefix.size()), as_bytes(prefix))) return std::nullopt;
    Halves out;
    out.x25519 = reader.array<kKeySize>();
    out.ed25519 = reader.array<kKeySize>();
    return out;
}

EncodedKey encode_halves(std::string_view prefix, ByteSpan x25519, ByteSpan ed25519) noexcept
{
    EncodedKey out;
    Writer writer(out);
    writer.bytes(as_bytes(prefix));
    writer.bytes(x25519);
    writer.bytes(ed25519);
    return out;
}

} // namespace

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_)
{
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept
{
    if (this != &other) {
        bytes_ = other.bytes_;
        sodium_memzero(other.bytes_.data(), other.bytes_.size());
    }
    return *this;
}

SecretBytes::~SecretBytes() { sodium_memzero(bytes_.data(), bytes_.size()); }

std::optional<PublicKey> PublicKey::parse(ByteSpan encoded) noexcept
{
    const auto halves = parse_halves(encoded, kPublicPrefix);
    if (!halves) return std::nullopt;
    return PublicKey{halves->x25519, halves->ed25519};
}

EncodedKey PublicKey::encode() const noexcept { return encode_halves(kPublicPrefix, x25519, ed25519); }

Mid PublicKey::mid() const noexcept
{
    const EncodedKey encoded = encode();
    Mid out{};
    if (EVP_Digest(encoded.data(), encoded.size(), out.data(), nullptr, EVP_sha1(), nullptr) != 1) {
        // A node without a name could be taken for any other one.
        std::fputs("cepa: OpenSSL has no SHA-1\n", stderr);
        std::abort();
    }
    return out;
}

bool PublicKey::verify(ByteSpan message, ByteSpan signature) const noexcept
{
    return signature.size() == kSignatureSize &&
           crypto_sign_verify_detached(signature.data(), message.data(), message.size(), ed25519.data()) == 0;
}

PrivateKey::PrivateKey(const KeyBytes& x25519_secret, const KeyBytes& ed25519_seed)
    : x25519_(x25519_secret), ed25519_seed_(ed25519_seed)
{
    crypto_scalarmult_base(public_.x25519.data(), x25519_.data());
    std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded;
    crypto_sign_seed_keypair(public_.ed25519.data(), expanded.data(), ed25519_seed_.data());
    sodium_memzero(expanded.data(), expanded.size());
}

PrivateKey PrivateKey::generate()
{
    Halves halves;
    randombytes_buf(halves.x25519.data(), halves.x25519.size());
    randombytes_buf(halves.ed25519.data(), halves.ed25519.size());
    PrivateKey out(halves.x25519, halves.ed25519);
    sodium_memzero(&halves, sizeof halves);
    return out;
}

std::optional<PrivateKey> PrivateKey::parse(ByteSpan encoded)
{
    auto halves = parse_halves(encoded, kPrivatePrefix);
    if (!halves) return std::nullopt;
    std::optional<PrivateKey> out = PrivateKey(halves->x25519, halves->ed25519);
    sodium_memzero(&*halves, sizeof *halves);
    return out;
}

EncodedKey PrivateKey::encode() const noexcept
{
    return encode_halves(kPrivatePrefix, x25519_.span(), ed25519_seed_.span());
}

Signature PrivateKey::sign(ByteSpan message) const noexcept
{
    std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded; // libsodium's form: seed, then public key
    Writer writer(expanded);
    writer.bytes(ed25519_seed_.span());
    writer.bytes(public_.ed25519);
    Signature out{};
    crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), expanded.data());
    sodium_memzero(expanded.data(), expanded.size());
    return out;
}

void init_crypto() noexcept
{
    if (sodium_init() >= 0) return;
    std::fputs("cepa: libsodium cannot be initialised\n", stderr);
    std::abort();
}

} // namespace cepa::tunnel
