// Hidden peers for a torrent that was used without hops before: who was in its swarm then has seen this computer's
// address and can guess who its hidden peer is now. At a terminal the user is asked, anything else is told which flag
// goes on. Process: main (a command's process).
#pragma once

#include "main/commands/commands.hpp"

#include <string>

namespace cepa::main {

/// Whether the torrent may have hidden peers although it was seen: --although-seen, or the answer of the person at the
/// terminal. False also when it was not seen, as far as this state folder knows. Throws Misuse when they said no or
/// nobody could be asked. To be called when hidden peers were asked for.
[[nodiscard]] bool choose_although_seen(CommandContext& context, const std::string& torrent_id);

} // namespace cepa::main
