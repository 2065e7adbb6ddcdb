// run: the whole service in the foreground. node: a relay or exit without torrents.
#include "base/log.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/join_choice.hpp"
#include "main/foreground.hpp"
#include "main/torrent_service.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

/// Others keep a node's address, so one that serves them has a port that stays the same over restarts.
constexpr std::uint16_t kNodePort = 7759;

void check_roles(CommandContext& context)
{
    Settings& s = context.settings;
    const bool serves = s.relay.enabled || s.exit.enabled;
    if (context.options.command == Command::node && !serves)
        throw Misuse("node: name what it is to be: --relay, --exit, or both");
    if (serves && s.listen.port == 0 && s.listen.ip.is_unspecified()) s.listen.port = kNodePort;
    if (s.exit.enabled) say_what_exiting_means(context.console);
}

void announce(CommandContext& context, App& app)
{
    Json ready{{"ready", true}, {"state", context.state.string()}};
    if (app.tunnels() != nullptr) ready["listen"] = app.tunnels()->info().listen.to_string();
    context.console.note(fmt::format(
        "running{}; state in {}; Ctrl-C stops",
        app.tunnels() != nullptr ? " on udp " + app.tunnels()->info().listen.to_string() : "", context.state.string()));
    context.console.result(ready);
}

void load_torrents(CommandContext& context, App& app)
{
    app.torrents().load([&context](const std::vector<std::string>& messages) {
        for (const std::string& message : messages)
            context.console.note(message);
    });
}

} // namespace

int service_command(CommandContext& context)
{
    need_network(context);
    check_roles(context);
    StateFolder state = StateFolder::open(context.state);
    boost::asio::io_context io(1);
    AppOptions options;
    options.settings = context.settings;
    options.command = to_string(context.options.command);
    options.torrents = context.options.command == Command::run;
    options.torrent_state = state.path();
    options.permit = context.permit;
    App app(io, std::move(state), std::move(options), context.in_process);
    app.start();
    Foreground foreground(io, app, kDone);
    if (context.options.command == Command::run) load_torrents(context, app);
    announce(context, app);
    const int status = foreground.run();
    context.console.result({{"ok", status == kDone}});
    return status;
}

} // namespace cepa::main
