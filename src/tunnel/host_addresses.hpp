// The addresses of this machine's interfaces, as the system knows them now. A node that listens on all of them hears of
// few from others, and an exit may talk to none. Process: worker, io thread. Spec: docs/protocol.md, section 21.
#pragma once

#include "base/address.hpp"

#include <vector>

namespace cepa::tunnel {

/// IPv4 and IPv6, each once; empty when the system does not say. Takes tens of microseconds: not for the data path.
[[nodiscard]] std::vector<IpAddress> host_addresses();

} // namespace cepa::tunnel
