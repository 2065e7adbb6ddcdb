// Whether an address can be listened on, before minutes are spent on hashing.
// Process: main (a command's process).
#pragma once

#include "base/address.hpp"

namespace cepa::main {

enum class ListensFor : bool { tunnels, torrents };

/// Takes the UDP port for a moment, and the TCP port too for torrents. Throws UserError when somebody has it, or the
/// address is not this computer's.
void check_listen(const Endpoint& listen, ListensFor what);

} // namespace cepa::main
