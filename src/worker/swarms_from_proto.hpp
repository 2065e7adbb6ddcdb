// Hidden swarms of ours between the control stream and the tunnels: plans in, views and links out.
// Process: worker (main, when in-process), io thread. Spec: docs/protocol.md, section 36.
#pragma once

#include "proto/control.pb.h"
#include "tunnel/hidden_services/swarm_plan.hpp"

#include <vector>

namespace cepa::worker {

/// Malformed entries, second ones of a lookup hash and those past the bound are left out.
[[nodiscard]] std::vector<tunnel::SwarmPlan> plans_from_proto(const proto::Swarms& swarms);

[[nodiscard]] proto::SwarmInfos swarms_to_proto(const std::vector<tunnel::SwarmView>& views);

/// Whether anything but ages differs.
[[nodiscard]] bool same_counts(const proto::SwarmInfos& one, const proto::SwarmInfos& other);

/// `seeder` is null when we are it.
[[nodiscard]] proto::HiddenLink link_to_proto(CircuitId circuit, const tunnel::LookupHash& lookup_hash,
                                              const tunnel::PublicKey* seeder);

} // namespace cepa::worker
