// ChaCha20-Poly1305 of RFC 8439 without associated data: seals and opens one packet. Put together from OpenSSL's
// ChaCha20 and Poly1305, which at packet size costs less than its own AEAD: one context each, keyed anew per call, and
// no allocation after construction for anything of a packet's size. Process: worker, io thread; one object serves every circuit of the thread.
#pragma once

#include "tunnel/crypto/keys.hpp"

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace cepa::tunnel {

inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kNonceSize = 12;
using Nonce = std::array<std::uint8_t, kNonceSize>;
using Tag = std::array<std::uint8_t, kTagSize>;

class Aead {
public:
    /// Throws std::runtime_error when OpenSSL lacks one of the two primitives.
    Aead();
    ~Aead();
    Aead(Aead&&) noexcept;
    Aead& operator=(Aead&&) noexcept;

    /// Writes ciphertext and tag, plain.size() + kTagSize bytes, to `out`, which may overlap `plain` in any way.
    /// Fails only when OpenSSL does; `out` is then untouched.
    [[nodiscard]] bool seal(const SecretBytes& key, const Nonce& nonce, ByteSpan plain, std::uint8_t* out) noexcept;
    /// Checks the tag at the end of `sealed` and only then writes sealed.size() - kTagSize bytes to `out`, which may
    /// overlap `sealed` in any way. False, with `out` untouched, when the tag is wrong or `sealed` is too short.
    [[nodiscard]] bool open(const SecretBytes& key, const Nonce& nonce, ByteSpan sealed, std::uint8_t* out) noexcept;

private:
    struct Contexts;
    std::unique_ptr<Contexts> contexts_;
};

} // namespace cepa::tunnel
