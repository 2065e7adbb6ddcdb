// Node keys of the tunnel protocol: an X25519 half for handshakes and an Ed25519 half for signatures.
// Secrets wipe themselves when destroyed and are never printed. Process: worker, io thread.
// Spec: docs/protocol.md, section 3.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>

namespace cepa::tunnel {

inline constexpr std::size_t kKeySize = 32;
/// "LibNaCLPK:" or "LibNaCLSK:" and both halves.
inline constexpr std::size_t kEncodedKeySize = 74;
inline constexpr std::size_t kSignatureSize = 64;
inline constexpr std::size_t kMidSize = 20;

using KeyBytes = std::array<std::uint8_t, kKeySize>;
using EncodedKey = std::array<std::uint8_t, kEncodedKeySize>;
using Signature = std::array<std::uint8_t, kSignatureSize>;
/// SHA-1 of the encoded public key: the short name of a node.
using Mid = std::array<std::uint8_t, kMidSize>;

/// 32 secret bytes, zeroed on destruction and when moved from.
class SecretBytes {
public:
    SecretBytes() noexcept = default;
    explicit SecretBytes(const KeyBytes& bytes) noexcept : bytes_(bytes) {}
    SecretBytes(const SecretBytes&) noexcept = default;
    SecretBytes& operator=(const SecretBytes&) noexcept = default;
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    ~SecretBytes();

    [[nodiscard]] const std::uint8_t* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::uint8_t* data() noexcept { return bytes_.data(); }
    [[nodiscard]] ByteSpan span() const noexcept { return bytes_; }

private:
    KeyBytes bytes_{};
};

struct PublicKey {
    KeyBytes x25519{};
    KeyBytes ed25519{};

    /// Parses the 74-byte form; nullopt for any other length or prefix (legacy EC keys can never be hops).
    [[nodiscard]] static std::optional<PublicKey> parse(ByteSpan encoded) noexcept;
    [[nodiscard]] EncodedKey encode() const noexcept;
    [[nodiscard]] Mid mid() const noexcept;
    /// Ed25519 over exactly `message`.
    [[nodiscard]] bool verify(ByteSpan message, ByteSpan signature) const noexcept;

    friend auto operator<=>(const PublicKey&, const PublicKey&) noexcept = default;
};

class PrivateKey {
public:
    /// A fresh key from the system's random source. Needs sodium_init() (see init_crypto).
    [[nodiscard]] static PrivateKey generate();
    /// Parses the 74-byte private form ("LibNaCLSK:", X25519 secret, Ed25519 seed).
    [[nodiscard]] static std::optional<PrivateKey> parse(ByteSpan encoded);
    /// The 74-byte private form. The caller wipes it.
    [[nodiscard]] EncodedKey encode() const noexcept;

    [[nodiscard]] const PublicKey& public_key() const noexcept { return public_; }
    [[nodiscard]] const SecretBytes& x25519_secret() const noexcept { return x25519_; }
    [[nodiscard]] Signature sign(ByteSpan message) const noexcept;

private:
    PrivateKey(const KeyBytes& x25519_secret, const KeyBytes& ed25519_seed);

    SecretBytes x25519_;
    SecretBytes ed25519_seed_;
    PublicKey public_;
};

/// Initialises libsodium; to be called once per process before anything else here. Ends the process when it fails.
void init_crypto() noexcept;

} // namespace cepa::tunnel

template <>
struct std::hash<cepa::tunnel::PublicKey> {
    std::size_t operator()(const cepa::tunnel::PublicKey& key) const noexcept
    {
        return cepa::Reader(key.ed25519).u64(); // uniform already
    }
};
