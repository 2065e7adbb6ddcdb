// Chooses, of the introduction points that were found for a swarm, those that an answer names. Anybody can store
// records and say of them that they are new, so the newest ones get only a part of the places.
// Pure functions. Process: worker 0, io thread. Spec: docs/protocol.md, sections 14.3 and 35.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/dht_messages.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/settings.hpp"

#include <vector>

namespace cepa::tunnel {

inline constexpr std::size_t kMostPeersInAnswer = 7;
/// Few nodes meet in PEX, and one of them can lie: it must not crowd out the DHT.
inline constexpr std::size_t kMostPexInAnswer = 3;
/// Nor must whoever has many circuits end at us, each with a seeder's key that he made up.
inline constexpr std::size_t kMostOursInAnswer = 3;
inline constexpr std::uint8_t kFromDht = 1;
inline constexpr std::uint8_t kFromPexOrUs = 2;

/// The introduction points that DHT values name, each once: up to three of the newest of each seeder first, the rest
/// in random order. Values that are none, and addresses that no node of this network can have, are left out.
[[nodiscard]] std::vector<PeersResponse::Peer> introductions_in(const std::vector<Bytes>& values,
                                                                const TunnelSettings& settings,
                                                                std::uint32_t now_unix_s, RandomSource& random);

/// Of the DHT and our own in turn, then of PEX, at most kMostPeersInAnswer: when there are more, a random sample in which
/// each seeder has its turn. More than kMostOursInAnswer of ours and kMostPexInAnswer of PEX only where places are left.
[[nodiscard]] std::vector<PeersResponse::Peer> sample_peers(std::vector<PeersResponse::Peer> ours,
                                                            const std::vector<PeersResponse::Peer>& of_dht,
                                                            std::vector<PeersResponse::Peer> of_pex,
                                                            RandomSource& random);

} // namespace cepa::tunnel
