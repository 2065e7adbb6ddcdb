#include "main/commands/hand_over.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {

void refuse_network_flags(const CommandContext& context)
{
    for (const SettingOverride& given : context.options.overrides)
        if (given.flag == "--overlay" || given.flag == "--peer" || given.flag == "--listen")
            throw Misuse(
                fmt::format("{}: a service runs on state folder {} and has a network and an address of its own; leave "
                            "the flag out, or choose another folder with --state",
                            given.flag, context.state.string()));
}

std::optional<ControlClient> service_to_hand_to(const CommandContext& context)
{
    auto service = ControlClient::connect(context.state);
    if (!service) return std::nullopt;
    const std::string command = service->call("status").value("command", "");
    if (command != "run")
        throw UserError(
            fmt::format("state folder {}: in use by cepa {}; wait for it or choose another folder with --state",
                        context.state.string(), command));
    refuse_network_flags(context);
    return service;
}

} // namespace cepa::main
