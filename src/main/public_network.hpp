// The public network's rendezvous servers. Real people run them: only the user's explicit choice of the public network
// (network.join = "public" or --join public) leads here, and a test proves it. Process: main.
// Spec: docs/protocol.md, section 6.
#pragma once

#include "main/settings.hpp"

#include <span>

namespace cepa::main {

/// The servers to ask for peers. Needs join == public_network; aborts otherwise, because a caller that gets here
/// without the user's choice is a defect that must not reach the network.
[[nodiscard]] std::span<const Endpoint> public_bootstrap_servers(Join join);

} // namespace cepa::main
