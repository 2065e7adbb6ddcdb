// The settings of the tunnels as they arrive with Create, checked and turned into the tunnels' own type.
// The error is a sentence for the answer to Create and so for the user: it names the setting.
// Process: worker, io thread (main's own, when in-process). Spec: docs/protocol.md, section 32.
#pragma once

#include "proto/control.pb.h"
#include "tunnel/settings.hpp"
#include "tunnel/tunnel.hpp"

#include <expected>
#include <string>

namespace cepa::worker {

/// The settings of one Tunnel from a Create. Worker 0 discovers; every worker that discovers, relays or exits needs the
/// identity key, the others must not have been given one. Refuses loopback or equal prefixes on the public network.
[[nodiscard]] std::expected<tunnel::TunnelSettings, std::string> settings_from_proto(const proto::Create& create);

[[nodiscard]] tunnel::TunnelLimits limits_from_proto(const proto::Limits& limits);

} // namespace cepa::worker
