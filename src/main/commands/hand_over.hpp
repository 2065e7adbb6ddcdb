// Whether get and a hidden seed are handed to a running service, which has a network of its own.
// Process: main (a command's process).
#pragma once

#include "main/commands/commands.hpp"
#include "main/control_client.hpp"

#include <optional>

namespace cepa::main {

/// The service (cepa run) of the command's state folder; nullopt when nothing runs there. Throws UserError when another
/// command does, Misuse when a flag names a network that the service would not use.
[[nodiscard]] std::optional<ControlClient> service_to_hand_to(const CommandContext& context);

/// Throws Misuse at --overlay, --peer or --listen.
void refuse_network_flags(const CommandContext& context);

} // namespace cepa::main
