// Commands that act on the torrents of the running service: add, list, show, pause, resume, remove.
#include "main/api_torrents.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/torrent_argument.hpp"
#include "main/control_client.hpp"
#include "main/quantity.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

ControlClient running_service(const CommandContext& context)
{
    auto service = ControlClient::connect(context.state);
    if (!service)
        throw UserError(
            fmt::format("no cepa runs on state folder {}; start one with: cepa run", context.state.string()));
    return std::move(*service);
}

int add(CommandContext& context)
{
    const TorrentOptions& torrent = context.options.torrent;
    const std::string source = checked_source(torrent.source);
    Json params = add_params(torrent, source, "");
    if (torrent.folder.empty())
        params.erase("folder"); // the service knows its own default
    else
        params["folder"] = checked_folder(torrent.folder).string();
    const Json added = running_service(context).call("add", params);
    context.console.line(fmt::format("added {}", added["id"].get<std::string>()));
    context.console.result({{"ok", true}, {"id", added["id"]}});
    return kDone;
}

int list(CommandContext& context)
{
    const Json answer = running_service(context).call("list");
    for (const Json& torrent : answer["torrents"])
        context.console.line(printable(torrent_line(torrent)));
    if (answer["torrents"].empty()) context.console.line("no torrents");
    context.console.result(answer);
    return kDone;
}

int show(CommandContext& context)
{
    const Json answer = running_service(context).call("show", {{"id", context.options.id}});
    for (const auto& [key, value] : answer["torrent"].items())
        context.console.line(
            printable(fmt::format("{:<22} {}", key, value.is_string() ? value.get<std::string>() : value.dump())));
    context.console.result(answer);
    return kDone;
}

int act(CommandContext& context, const char* method, const char* done)
{
    Json params{{"id", context.options.id}};
    if (context.options.command == Command::remove) params["delete_files"] = context.options.delete_files;
    (void)running_service(context).call(method, params);
    context.console.line(fmt::format("{} {}", done, context.options.id));
    context.console.result({{"ok", true}, {"id", context.options.id}});
    return kDone;
}

} // namespace

int torrents_command(CommandContext& context)
{
    switch (context.options.command) {
    case Command::add:
        return add(context);
    case Command::list:
        return list(context);
    case Command::show:
        return show(context);
    case Command::pause:
        return act(context, "pause", "paused");
    case Command::resume:
        return act(context, "resume", "resumed");
    default:
        return act(context, "remove", "removed");
    }
}

} // namespace cepa::main
