// Seeds a file or folder plainly (hops 0): peers see this computer's address. With hops: seed_hidden.cpp.
#include "main/commands/commands.hpp"
#include "main/commands/listen_check.hpp"
#include "main/commands/named_torrent.hpp"
#include "main/control_client.hpp"
#include "main/foreground.hpp"
#include "main/quantity.hpp"
#include "main/torrent_creator.hpp"
#include "main/torrent_service.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

CreatedTorrent make_torrent(CommandContext& context)
{
    CreateTorrent request;
    request.path = context.options.torrent.source;
    request.trackers = context.options.create.trackers;
    auto created = create_torrent(request, [&](double share) {
        Progress progress;
        progress.what = fmt::format("hashing {:.0f} %", share * 100);
        context.console.progress(progress);
        return true;
    });
    if (!created) throw UserError(created.error());
    return std::move(*created);
}

/// The .torrent to seed: the one named with --torrent, or made now.
Bytes torrent_content(CommandContext& context, std::string& magnet)
{
    const auto& named = context.options.create.output;
    if (named.empty()) {
        CreatedTorrent created = make_torrent(context);
        magnet = created.magnet;
        return std::move(created.content);
    }
    return named_torrent(named, seeded_path(context.options.torrent.source));
}

void announce(CommandContext& context, const std::string& listen, const std::string& id, const std::string& magnet)
{
    context.console.note(fmt::format("seeding {} on {}, under this computer's own address; Ctrl-C stops", id, listen));
    if (!magnet.empty()) context.console.line(magnet);
    context.console.result({{"ready", true}, {"id", id}, {"magnet", magnet}, {"listen", listen}});
}

/// What has become of the torrent and its listener, looked at whenever one of them may have changed.
struct Seeding {
    CommandContext& context;
    App& app;
    Foreground& foreground;
    std::string magnet;
    std::string id; ///< empty until it is added
    std::string error;
    bool announced = false;

    void fail_with(std::string why)
    {
        error = std::move(why);
        foreground.finish(kFailed);
    }
    /// A seeder that nobody can connect to is none, nor is one whose files are gone.
    void look()
    {
        const auto shown = id.empty() ? std::nullopt : app.torrents().show(id);
        if (error.empty() && shown && shown->state == TorrentState::failed)
            return fail_with("seeding stopped: " + shown->error);
        const auto sessions = app.torrents().sessions();
        if (id.empty() || announced || !error.empty() || sessions.empty()) return;
        const TorrentSessionInfo& session = sessions.front();
        if (!session.listen_error.empty())
            return fail_with(fmt::format("seed: {}; choose another address with --listen", session.listen_error));
        if (session.listen.empty()) return; // libtorrent has not said yet
        announced = true;
        announce(context, session.listen, id, magnet);
    }
};

/// Seen by everybody, so it shares no process and no state with torrents that are not.
void need_no_service(const CommandContext& context)
{
    auto service = ControlClient::connect(context.state);
    if (!service) return;
    const std::string command = service->call("status").value("command", "");
    throw UserError(fmt::format("state folder {}: in use by cepa {}, and a seed without hops runs by itself; choose "
                                "another folder with --state{}",
                                context.state.string(), command,
                                command == "run" ? " (with --hops 1 to 4 it would be handed over)" : ""));
}

} // namespace

int seed_command(CommandContext& context)
{
    const TorrentOptions& torrent = context.options.torrent;
    if (torrent.hops.value_or(0) != 0) return hidden_seed_command(context);
    if (torrent.peers && *torrent.peers != PeerMode::open)
        throw Misuse("seed: hidden peers need --hops 1 to 4; with no hops your address is seen by every peer");
    if (torrent.although_seen) throw Misuse("seed: --although-seen is about hidden peers: it needs --hops 1 to 4");
    need_no_service(context);
    StateFolder state = StateFolder::open(context.state);
    check_listen(context.settings.torrent_listen, ListensFor::torrents);
    std::string magnet;
    AddTorrent request;
    request.content = torrent_content(context, magnet);
    request.save_path = seeded_path(torrent.source).parent_path();
    request.route.hops = 0;
    request.seed_mode = true;

    boost::asio::io_context io(1);
    AppOptions options;
    options.settings = context.settings;
    options.command = "seed";
    options.tunnels = false;
    App app(io, std::move(state), std::move(options), context.in_process);
    app.start();
    Foreground foreground(io, app, kDone);
    Seeding seeding{context, app, foreground, magnet, {}, {}};
    app.torrents().on_refresh([&seeding] { seeding.look(); });
    app.torrents().add(request, [&seeding](Answer<std::string> id) {
        if (!id) return seeding.fail_with(id.error());
        seeding.id = *id;
        seeding.look();
    });
    const int status = foreground.run();
    if (!seeding.error.empty()) throw UserError(seeding.error);
    context.console.result({{"ok", true}});
    return status;
}

} // namespace cepa::main
