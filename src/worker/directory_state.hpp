// What worker 0 holds for the network, between protobuf and the tunnels' own values. It goes to main and comes back to
// a successor, so it is checked when it comes in: what is malformed is left out. Process: worker, io thread. Spec:
// docs/protocol.md, sections 32 and 35.
#pragma once

#include "proto/control.pb.h"
#include "tunnel/hidden_services/directory_state.hpp"

namespace cepa::worker {

/// No larger than main takes: of too many values those with the shortest lives are left out.
[[nodiscard]] proto::DhtState directory_to_proto(const tunnel::DirectoryState& from);
[[nodiscard]] tunnel::DirectoryState directory_from_proto(const proto::DhtState& from);

} // namespace cepa::worker
