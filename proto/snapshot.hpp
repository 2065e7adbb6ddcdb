// Merges change frames into the snapshot that a TunnelService offers, the same way whoever sent them.
// Pure values. Process: main, io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "proto/tunnel_service.hpp"

namespace cepa::proto {

/// Applies the `changes` of worker `from`: merges the fields of each object, removes what is gone. A share older than the snapshot's is
/// ignored. Checks no ids: the pool does that before, for workers it does not trust.
void merge_sync(TunnelSnapshot& snapshot, const Sync& changes, WorkerId from);

/// Adds what one worker says of a swarm: counts add up, but all look for the same seeders; of ages the younger.
void add_swarm(SwarmInfo& sum, const SwarmInfo& part);

} // namespace cepa::proto
