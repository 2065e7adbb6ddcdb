// What a hidden swarm of ours waits for, in words: enough nodes for a search, an answer, a seeder, a link; or for
// introduction points. Pure functions. Process: main. Spec: docs/protocol.md, section 36.
#pragma once

#include "proto/control.pb.h"

#include <string>

namespace cepa::main {

/// One swarm and what stands around it.
struct HiddenOutlook {
    const proto::SwarmInfo& swarm;
    const proto::DiscoveryInfo& discovery;
    unsigned hops = 1;           ///< of its torrent; introductions and links take one node more
    bool equal_prefixes = false; ///< hops may share a /16 (network.allow_equal_prefixes)
    bool can_search = false;     ///< a circuit that searches go over is up
    bool was_findable = false;   ///< it had introduction points before
};

// The texts stay the same while it waits for the same thing, but for what stands in brackets: see same_wait().

/// Of a swarm that is being downloaded.
[[nodiscard]] std::string download_wait(const HiddenOutlook& outlook);

/// Of one that is being seeded; empty while it has an introduction point.
[[nodiscard]] std::string findable_wait(const HiddenOutlook& outlook);

/// Whether two texts name the same thing: what stands in brackets may differ.
[[nodiscard]] bool same_wait(const std::string& a, const std::string& b);

} // namespace cepa::main
