// Commands that act on the torrents of the running service: add, list, show, pause, resume, remove.
#include "main/api_torrents.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/seen_choice.hpp"
#include "main/commands/torrent_argument.hpp"
#include "main/control_client.hpp"
#include "main/quantity.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

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

/// A node says so itself only by not knowing the method.
Json ask(ControlClient& service, const char* method, const Json& params = Json::object())
{
    try {
        return service.call(method, params);
    } catch (const UserError& error) {
        if (std::string_view(error.what()).find("no such method: ") == std::string_view::npos) throw;
        throw Misuse("a node has no torrents; they live in a service (cepa run)");
    }
}

bool is_here(const Json& torrents, const Json& id)
{
    return std::ranges::any_of(torrents, [&](const Json& torrent) { return torrent.value("id", Json()) == id; });
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
    if (has_hidden_peers(torrent.peers.value_or(PeerMode::open)))
        params["although_seen"] = choose_although_seen(context, id_of_source(source));
    ControlClient service = running_service(context);
    const Json before = ask(service, "list")["torrents"];
    const Json added = ask(service, "add", params);
    const Json& id = added["id"];
    const bool here = is_here(before, id);
    context.console.line(fmt::format("{} {}", here ? "already here:" : "added", id.get<std::string>()));
    for (const std::string& note : notes_of(added))
        context.console.note(note);
    context.console.result({{"ok", true}, {"id", id}, {"already_here", here}, {"notes", notes_of(added)}});
    return kDone;
}

int list(CommandContext& context)
{
    ControlClient service = running_service(context);
    const Json answer = ask(service, "list");
    for (const Json& torrent : answer["torrents"])
        context.console.line(printable(torrent_line(torrent)));
    if (answer["torrents"].empty()) context.console.line("no torrents");
    context.console.result(answer);
    return kDone;
}

int show(CommandContext& context)
{
    ControlClient service = running_service(context);
    const Json answer = ask(service, "show", {{"id", context.options.id}});
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
    ControlClient service = running_service(context);
    (void)ask(service, method, params);
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
