// What a route waits for, in words: peers known -> circuit n of m -> exit found. Users complain most about a client
// that does not say. Process: main. Pure function.
#pragma once

#include "main/route_status.hpp"
#include "proto/control.pb.h"

#include <string>

namespace cepa::main {

/// Empty when the route carries traffic; else what it waits for: "waits 12s for: <text>". The text stays the same while
/// it waits for the same thing, because others measure the time from its last change. `equal_prefixes`: hops may share
/// a /16 (network.allow_equal_prefixes).
[[nodiscard]] std::string waiting_text(const RouteStatus& route, const proto::DiscoveryInfo& discovery,
                                       bool equal_prefixes);

/// What does not work with the peers that are known, and what does, for `cepa status`; empty: everything works.
[[nodiscard]] std::string network_text(const proto::DiscoveryInfo& discovery);

/// What an address translator in front of this node keeps others from; empty when nothing has to be said. `serves`: it
/// is a relay or an exit.
[[nodiscard]] std::string reach_text(const proto::DiscoveryInfo& discovery, bool serves);

} // namespace cepa::main
