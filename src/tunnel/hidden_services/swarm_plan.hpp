// A hidden swarm of our own, as the worker is told of it and as it tells of it. Plain values.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 36.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/crypto/keys.hpp"

#include "base/clock.hpp"

#include <cstdint>
#include <optional>

namespace cepa::tunnel {

/// What one worker does for one swarm. Several workers may work for the same one, each with its part.
struct SwarmPlan {
    /// With one hop more, as introduction and rendezvous need it, the longest circuit there is.
    static constexpr std::uint8_t kMostHops = 4;

    LookupHash lookup_hash{};
    std::uint8_t hops = 1;              ///< 1..kMostHops, the level of anonymity
    std::uint32_t group = 0;            ///< its circuits serve no other group
    bool download = false;              ///< find seeders and link to those that are this worker's part
    std::optional<PrivateKey> seed_key; ///< seed, under this swarm key
    std::uint32_t introduction_points = 0; ///< that this worker keeps up, when it seeds
    std::uint32_t part = 0;             ///< this worker links to the seeders whose key falls to `part` of `parts`
    std::uint32_t parts = 1;

    /// Whether a seeder is this worker's. The key is its owner's choice: who makes all of them fall to one worker only
    /// has that one's links.
    [[nodiscard]] bool has_part(const PublicKey& swarm_key) const noexcept
    {
        return parts <= 1 || Reader(swarm_key.ed25519).u64() % parts == part;
    }
};

/// How it goes. Times are ages.
struct SwarmView {
    LookupHash lookup_hash{};
    std::uint32_t seeders_found = 0;       ///< by the last lookups, this worker's part or not
    std::uint32_t introduction_points = 0; ///< of our own, established now
    std::uint32_t linking = 0;             ///< rendezvous under way
    std::uint32_t links = 0;               ///< circuits to the other end, both roles
    std::uint32_t linked_ever = 0;
    std::uint32_t refused = 0;             ///< different nodes in a row that did not become introduction points
    std::optional<Duration> looked_up;     ///< since the last lookup that was answered
    std::optional<Duration> announced;     ///< since the newest introduction point was established
};

} // namespace cepa::tunnel
