// The key agreement of one hop: the initiator sends X, the responder answers Y and auth, both hold a SessionKeys then.
// The same exchange serves end-to-end circuits with a swarm's key. Pure: no sockets, no clock.
// Process: worker, io thread. Spec: docs/protocol.md, section 9.
#pragma once

#include "tunnel/crypto/keys.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/environment.hpp"

#include "base/result.hpp"

namespace cepa::tunnel {

/// HMAC over the responder's ephemeral key, truncated.
using HandshakeAuth = std::array<std::uint8_t, 32>;

/// A fresh X25519 pair for one handshake.
struct EphemeralKey {
    SecretBytes secret;
    KeyBytes public_key{};

    [[nodiscard]] static EphemeralKey generate(RandomSource& random) noexcept;
    /// For vectors: any 32 bytes are a secret (they are clamped at use).
    [[nodiscard]] static EphemeralKey from_secret(const SecretBytes& secret) noexcept;
};

/// What the responder sends back, and the keys it keeps.
struct HandshakeAnswer {
    KeyBytes ephemeral{}; ///< Y
    HandshakeAuth auth{};
    SessionKeys keys;
};

/// Responder: answers X. `own` is its static secret, `ephemeral` is used up by this one answer.
/// Fails with malformed when X is a point that yields an all-zero secret.
[[nodiscard]] Result<HandshakeAnswer> answer_handshake(const SecretBytes& own, const EphemeralKey& ephemeral,
                                                       const KeyBytes& initiator_ephemeral) noexcept;

/// Initiator: checks the answer against the static key it meant to reach. Fails with bad_tag when auth is wrong, with
/// malformed on a key that yields an all-zero secret.
[[nodiscard]] Result<SessionKeys> finish_handshake(const EphemeralKey& own, const KeyBytes& responder_static,
                                                   const KeyBytes& responder_ephemeral,
                                                   const HandshakeAuth& auth) noexcept;

} // namespace cepa::tunnel
