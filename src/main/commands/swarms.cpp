// Shows the hidden swarms of the running node.
#include "main/api_swarms.hpp"
#include "main/commands/commands.hpp"
#include "main/control_client.hpp"
#include "main/quantity.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {

int swarms_command(CommandContext& context)
{
    auto node = ControlClient::connect(context.state);
    if (!node)
        throw UserError(
            fmt::format("no cepa runs on state folder {}; start one with: cepa run", context.state.string()));
    const Json answer = node->call("swarms");
    for (const Json& swarm : answer["swarms"])
        context.console.line(printable(swarm_line(swarm)));
    if (answer["swarms"].empty()) context.console.line(no_swarms_line(answer));
    context.console.result(answer);
    return kDone;
}

} // namespace cepa::main
