#include "main/node_identity.hpp"

#include "main/user_error.hpp"

#include <sodium.h>

#include <array>

namespace cepa::main {
namespace {

constexpr std::string_view kPrivatePrefix = "LibNaCLSK:";
constexpr std::string_view kPublicPrefix = "LibNaCLPK:";
constexpr std::size_t kHalf = 32;
static_assert(kNodeKeySize == kPrivatePrefix.size() + 2 * kHalf);

const unsigned char* bytes(const std::string& text, std::size_t offset) noexcept
{
    return reinterpret_cast<const unsigned char*>(text.data()) + offset;
}

std::string public_of(const std::string& private_form)
{
    std::array<unsigned char, kHalf> x25519{};
    std::array<unsigned char, kHalf> ed25519{};
    std::array<unsigned char, crypto_sign_SECRETKEYBYTES> signing{};
    crypto_scalarmult_base(x25519.data(), bytes(private_form, kPrivatePrefix.size()));
    crypto_sign_seed_keypair(ed25519.data(), signing.data(), bytes(private_form, kPrivatePrefix.size() + kHalf));
    sodium_memzero(signing.data(), signing.size());
    std::string out(kPublicPrefix);
    out.append(x25519.begin(), x25519.end());
    out.append(ed25519.begin(), ed25519.end());
    return out;
}

} // namespace

void wipe(std::string& secret) noexcept
{
    sodium_memzero(secret.data(), secret.size());
    secret.clear();
}

NodeIdentity::NodeIdentity(std::string private_form) : private_(std::move(private_form)), public_(public_of(private_))
{
}

NodeIdentity::~NodeIdentity()
{
    wipe(private_);
}

NodeIdentity NodeIdentity::generate()
{
    if (sodium_init() < 0) throw UserError("libsodium finds no source of randomness");
    std::string made(kPrivatePrefix);
    made.resize(kNodeKeySize);
    randombytes_buf(made.data() + kPrivatePrefix.size(), 2 * kHalf);
    return NodeIdentity(std::move(made));
}

NodeIdentity NodeIdentity::from_private(std::string_view private_form)
{
    if (sodium_init() < 0) throw UserError("libsodium finds no source of randomness");
    if (private_form.size() != kNodeKeySize || !private_form.starts_with(kPrivatePrefix))
        throw UserError("not a node key: expected 74 bytes that begin with LibNaCLSK:");
    return NodeIdentity(std::string(private_form));
}

} // namespace cepa::main
