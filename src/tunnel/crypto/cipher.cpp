#include "tunnel/crypto/cipher.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <functional>
#include <stdexcept>

namespace cepa::tunnel {
namespace {

constexpr std::size_t kBlock = 64; ///< of ChaCha20
constexpr std::size_t kMacBlock = 16;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)>;

CipherContext make_stream()
{
    const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> cipher(EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr),
                                                                         &EVP_CIPHER_free);
    CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!cipher || !context || EVP_EncryptInit_ex2(context.get(), cipher.get(), nullptr, nullptr, nullptr) != 1)
        throw std::runtime_error("OpenSSL has no ChaCha20");
    return context;
}

MacContext make_mac()
{
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "POLY1305", nullptr),
                                                                &EVP_MAC_free);
    MacContext context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr, &EVP_MAC_CTX_free);
    if (!context) throw std::runtime_error("OpenSSL has no Poly1305");
    return context;
}

/// What Poly1305 is fed after the ciphertext: zeros up to a whole block, then both lengths, little-endian (RFC 8439,
/// section 2.8). Associated data is always empty.
struct MacTail {
    std::array<std::uint8_t, 2 * kMacBlock> bytes{};
    std::size_t size;

    explicit MacTail(std::size_t text_size) noexcept
    {
        const std::size_t padding = (kMacBlock - text_size % kMacBlock) % kMacBlock;
        size = padding + kMacBlock;
        for (std::size_t i = 0; i < 8; ++i)
            bytes[padding + 8 + i] = static_cast<std::uint8_t>(std::uint64_t{text_size} >> (8 * i));
    }
};

bool overlaps(const std::uint8_t* a, std::size_t a_size, const std::uint8_t* b, std::size_t b_size) noexcept
{
    const std::less<> before;
    return before(a, b + b_size) && before(b, a + a_size);
}

} // namespace

struct Aead::Contexts {
    CipherContext stream = make_stream();
    MacContext mac = make_mac();
    std::array<std::uint8_t, kBlock> first_block{}; ///< keystream block 0: its first half keys Poly1305

    /// Keys the stream and takes its block 0; the next stream() starts at block 1.
    bool start(const SecretBytes& key, const Nonce& nonce) noexcept
    {
        static constexpr std::array<std::uint8_t, kBlock> zeros{};
        std::array<std::uint8_t, 16> iv{}; // u32 block counter 0, then the nonce
        std::memcpy(iv.data() + 4, nonce.data(), nonce.size());
        int written = 0;
        return EVP_EncryptInit_ex2(stream.get(), nullptr, key.data(), iv.data(), nullptr) == 1 &&
               EVP_EncryptUpdate(stream.get(), first_block.data(), &written, zeros.data(), kBlock) == 1;
    }
    /// Encrypts or decrypts; `out` equals `in` or does not overlap it.
    bool apply(const std::uint8_t* in, std::uint8_t* out, std::size_t size) noexcept
    {
        int written = 0;
        return size == 0 || EVP_EncryptUpdate(stream.get(), out, &written, in, static_cast<int>(size)) == 1;
    }
    bool authenticate(const std::uint8_t* text, std::size_t size, std::uint8_t* tag) noexcept
    {
        const MacTail tail(size);
        std::size_t written = 0;
        return EVP_MAC_init(mac.get(), first_block.data(), 32, nullptr) == 1 &&
               EVP_MAC_update(mac.get(), text, size) == 1 &&
               EVP_MAC_update(mac.get(), tail.bytes.data(), tail.size) == 1 &&
               EVP_MAC_final(mac.get(), tag, &written, kTagSize) == 1;
    }
    ~Contexts() { OPENSSL_cleanse(first_block.data(), first_block.size()); }
};

Aead::Aead() : contexts_(std::make_unique<Contexts>()) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

bool Aead::seal(const SecretBytes& key, const Nonce& nonce, ByteSpan plain, std::uint8_t* out) noexcept
{
    const std::uint8_t* in = plain.data();
    if (in != out && overlaps(in, plain.size(), out, plain.size() + kTagSize)) {
        std::memmove(out, in, plain.size());
        in = out;
    }
    return contexts_->start(key, nonce) && contexts_->apply(in, out, plain.size()) &&
           contexts_->authenticate(out, plain.size(), out + plain.size());
}

bool Aead::open(const SecretBytes& key, const Nonce& nonce, ByteSpan sealed, std::uint8_t* out) noexcept
{
    if (sealed.size() < kTagSize) return false;
    const std::size_t size = sealed.size() - kTagSize;
    const std::uint8_t* in = sealed.data();
    Tag expected;
    if (!contexts_->start(key, nonce) || !contexts_->authenticate(in, size, expected.data())) return false;
    if (CRYPTO_memcmp(expected.data(), in + size, kTagSize) != 0) return false;
    if (in != out && overlaps(in, size, out, size)) {
        std::memmove(out, in, size);
        in = out;
    }
    return contexts_->apply(in, out, size);
}

} // namespace cepa::tunnel
