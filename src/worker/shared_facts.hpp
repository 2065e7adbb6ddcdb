// The facts that workers share through main, between protobuf and the tunnels' own values: endpoints, candidates,
// guards. What comes from the other process is checked: a value of the wrong length is left out, never guessed.
// Process: worker, io thread (main's own, when in-process). Spec: docs/protocol.md, section 32.
#pragma once

#include "base/address.hpp"
#include "proto/control.pb.h"
#include "tunnel/settings.hpp"
#include "tunnel/tunnel.hpp"

#include <optional>
#include <vector>

namespace cepa::worker {

/// Candidates, own addresses and guards as the Tunnel takes them.
struct SharedFacts {
    std::vector<tunnel::Candidate> candidates;
    std::vector<Endpoint> own_addresses;
    std::vector<tunnel::Guard> guards;
    tunnel::Reachability reach;
    friend bool operator==(const SharedFacts&, const SharedFacts&) = default;
};

/// Most candidates of one Share that are looked at or sent; the rest is left out. Main takes no more.
inline constexpr int kMaxCandidates = 4096;
/// The same of own addresses.
inline constexpr std::size_t kMaxOwnAddresses = 64;

/// nullopt unless the address has 4 or 16 bytes and the port fits.
[[nodiscard]] std::optional<Endpoint> endpoint_from_proto(const proto::IpEndpoint& from);
[[nodiscard]] proto::IpEndpoint endpoint_to_proto(const Endpoint& from);

[[nodiscard]] std::optional<tunnel::Guard> guard_from_proto(const proto::Guard& from);
[[nodiscard]] proto::Guard guard_to_proto(const tunnel::Guard& from);

/// Leaves out entries whose key or address is malformed.
[[nodiscard]] SharedFacts facts_from_proto(const proto::Share& from);
/// `version` orders shares: main and the other workers ignore an older one.
[[nodiscard]] proto::Share facts_to_proto(const SharedFacts& from, std::uint64_t version);

} // namespace cepa::worker
