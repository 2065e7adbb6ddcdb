// The handshake between seeder and downloader of a hidden swarm, and the layer that it yields. The downloader begins it
// and the seeder answers with its swarm key, but the directions are named from the seeder: it seals FORWARD.
// Pure: no circuit, no clock. Process: worker, io thread. Spec: docs/protocol.md, sections 14.3 and 14.4.
#pragma once

#include "base/result.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/crypto/handshake.hpp"

namespace cepa::tunnel {

/// What the seeder answers, and its end of the layer.
struct EndAnswer {
    KeyBytes ephemeral{}; ///< Y
    HandshakeAuth auth{};
    Bytes rendezvous_enc; ///< where the seeder waits, sealed
    Layer layer;
};
/// Seeder: answers X; `ephemeral` is used up. Fails with malformed when X yields no secret.
[[nodiscard]] Result<EndAnswer> answer_end(const PrivateKey& swarm_key, const EphemeralKey& ephemeral,
                                           const KeyBytes& x, const RendezvousInfo& where, Aead& aead);

/// Where the downloader goes, and its end of the layer.
struct EndFound {
    RendezvousInfo where;
    Layer layer;
};
/// Downloader: checks that the holder of `swarm_key` answered. Fails with bad_tag or malformed.
[[nodiscard]] Result<EndFound> finish_end(const EphemeralKey& own, const PublicKey& swarm_key, const CreatedE2e& answer,
                                          Aead& aead);

} // namespace cepa::tunnel
