#include "tunnel/crypto/cipher.hpp"

#include "base/packet_buffer.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
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

/// Appends what Poly1305 is fed after the ciphertext: zeros up to a whole block, then both lengths, little-endian
/// (RFC 8439, section 2.8; associated data is always empty). Returns the size of all.
std::size_t append_mac_tail(std::uint8_t* text, std::size_t size) noexcept
{
    const std::size_t padded = (size + kMacBlock - 1) / kMacBlock * kMacBlock;
    std::memset(text + size, 0, padded - size + kMacBlock);
    for (std::size_t i = 0; i < 8; ++i)
        text[padded + 8 + i] = static_cast<std::uint8_t>(std::uint64_t{size} >> (8 * i));
    return padded + kMacBlock;
}

/// libstdc++ 12 copies spans byte by byte through std::ranges::copy, which costs more than the cipher.
void copy(ByteSpan from, std::uint8_t* to) noexcept
{
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

} // namespace

/// Works on copies. Measured at 1400 bytes: both copies cost 30 ns together, while one pass over block and text saves
/// 120 ns against a pass for the key block and one for the text, and one piece for Poly1305 saves 50 ns against two.
struct Aead::Contexts {
    CipherContext stream = make_stream();
    MacContext mac = make_mac();
    Bytes in;  ///< a block of zeros, which nothing ever writes to, then the text
    Bytes out; ///< keystream block 0, whose first half keys Poly1305, then the text encrypted or decrypted

    Contexts() { make_room(kMaxPacket); }
    ~Contexts()
    {
        OPENSSL_cleanse(in.data(), in.size());
        OPENSSL_cleanse(out.data(), out.size());
    }

    /// Only a list of candidates longer than any packet ever grows it.
    void make_room(std::size_t size)
    {
        const std::size_t needed = kBlock + size + 2 * kMacBlock;
        if (in.size() >= needed) return;
        in.resize(needed);
        out.resize(needed);
    }
    /// Runs the cipher over the text in `in`, of `size` bytes, into `out`.
    bool transform(const SecretBytes& key, const Nonce& nonce, std::size_t size) noexcept
    {
        std::array<std::uint8_t, 16> iv{}; // u32 block counter 0, then the nonce
        std::memcpy(iv.data() + 4, nonce.data(), nonce.size());
        int written = 0;
        return EVP_EncryptInit_ex2(stream.get(), nullptr, key.data(), iv.data(), nullptr) == 1 &&
               EVP_EncryptUpdate(stream.get(), out.data(), &written, in.data(), static_cast<int>(kBlock + size)) == 1;
    }
    /// The tag of `size` bytes of ciphertext that lie in `in` or `out`.
    bool authenticate(Bytes& where, std::size_t size, std::uint8_t* tag) noexcept
    {
        std::uint8_t* text = where.data() + kBlock;
        const std::size_t fed = append_mac_tail(text, size);
        std::size_t written = 0;
        return EVP_MAC_init(mac.get(), out.data(), 32, nullptr) == 1 && EVP_MAC_update(mac.get(), text, fed) == 1 &&
               EVP_MAC_final(mac.get(), tag, &written, kTagSize) == 1;
    }
};

Aead::Aead() : contexts_(std::make_unique<Contexts>()) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

bool Aead::seal(const SecretBytes& key, const Nonce& nonce, ByteSpan plain, std::uint8_t* out) noexcept
{
    Contexts& c = *contexts_;
    const std::size_t size = plain.size();
    c.make_room(size);
    copy(plain, c.in.data() + kBlock);
    Tag tag;
    if (!c.transform(key, nonce, size) || !c.authenticate(c.out, size, tag.data())) return false;
    copy(ByteSpan(c.out).subspan(kBlock, size), out);
    copy(tag, out + size);
    return true;
}

bool Aead::open(const SecretBytes& key, const Nonce& nonce, ByteSpan sealed, std::uint8_t* out) noexcept
{
    if (sealed.size() < kTagSize) return false;
    Contexts& c = *contexts_;
    const std::size_t size = sealed.size() - kTagSize;
    c.make_room(size);
    copy(sealed.first(size), c.in.data() + kBlock);
    Tag tag;
    if (!c.transform(key, nonce, size) || !c.authenticate(c.in, size, tag.data())) return false;
    if (CRYPTO_memcmp(tag.data(), sealed.data() + size, kTagSize) != 0) return false;
    copy(ByteSpan(c.out).subspan(kBlock, size), out);
    return true;
}

} // namespace cepa::tunnel
