// Seeds a file or folder hidden: nobody learns this computer's address, peers come through circuits only. Handed to a
// running service of the same state folder, else by a node of its own. The .torrent is kept in the state folder, so
// that a second start does not hash again what has not changed.
#include "main/api_swarms.hpp"
#include "main/atomic_file.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/findable_watch.hpp"
#include "main/commands/hand_over.hpp"
#include "main/commands/hidden_seed_torrent.hpp"
#include "main/commands/join_choice.hpp"
#include "main/commands/listen_check.hpp"
#include "main/commands/seen_choice.hpp"
#include "main/foreground.hpp"
#include "main/interrupt.hpp"
#include "main/torrent_service.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

constexpr std::chrono::milliseconds kFindableLook{250};

void announce_hidden(CommandContext& context, const SeedTorrent& torrent, const char* how_it_ends)
{
    context.console.note(
        fmt::format("seeding {} hidden, {} hops; {}", torrent.id, *context.options.torrent.hops, how_it_ends));
    context.console.line(torrent.magnet);
    context.console.result({{"ready", true}, {"id", torrent.id}, {"magnet", torrent.magnet}});
}

PeerMode hidden_mode(const CommandContext& context)
{
    const TorrentOptions& torrent = context.options.torrent;
    const PeerMode mode = torrent.peers.value_or(PeerMode::hidden);
    if (torrent.hops.value_or(0) > kMostHiddenHops)
        throw Misuse(fmt::format("seed: hidden seeding takes 1 to {} hops", kMostHiddenHops));
    if (mode == PeerMode::open)
        throw Misuse("seed: --peers public with --hops: open peers cannot reach a seed that is behind circuits; say "
                     "--peers hidden or both");
    if (mode == PeerMode::hidden && !context.options.create.trackers.empty())
        throw Misuse("seed: --tracker with hidden peers only: it would never be asked; see --peers both");
    return mode;
}

// --- by a running service ---

int by_service(CommandContext& context, ControlClient& service, const SeedTorrent& torrent, const std::string& mode,
               bool although_seen)
{
    (void)service.call("add", {{"source", torrent.file.string()},
                               {"folder", torrent.folder.string()},
                               {"hops", *context.options.torrent.hops},
                               {"group", context.options.torrent.group},
                               {"peer_mode", mode},
                               {"although_seen", although_seen},
                               {"seed", true}});
    context.console.note("handed to the running service");
    Interrupt interrupt; // before it is said that Ctrl-C ends only the wait
    announce_hidden(context, torrent, "Ctrl-C ends only this wait until it can be found");
    const BootClock clock;
    FindableWatch watch(context.console);
    for (;;) {
        const Json answer = service.call("swarms");
        for (const Json& swarm : answer["swarms"])
            if (swarm["id"] == torrent.id && swarm["role"] == "seed" && watch.look(swarm, clock.now())) {
                context.console.note("it goes on in the running service; see cepa swarms");
                context.console.result({{"ok", true}, {"id", torrent.id}, {"magnet", torrent.magnet}});
                return kDone;
            }
        if (!interrupt.wait(kFindableLook)) continue;
        context.console.note("it goes on in the running service; see cepa swarms");
        context.console.result({{"ok", true}, {"id", torrent.id}, {"magnet", torrent.magnet}});
        return kDone;
    }
}

// --- by a node of our own ---

/// The seeding while our own node runs; called from its io loop.
struct OwnSeeding {
    CommandContext& context;
    App& app;
    Foreground& foreground;
    const SeedTorrent& torrent;
    FindableWatch watch;
    bool added = false;
    std::string error;
    BootClock clock = {};

    void fail_with(std::string why)
    {
        error = std::move(why);
        foreground.finish(kFailed);
    }
    void on_added(const Answer<std::string>& id)
    {
        if (!id) return fail_with(id.error());
        added = true;
        announce_hidden(context, torrent, "Ctrl-C stops");
    }
    void look()
    {
        if (!added || !error.empty()) return;
        const auto shown = app.torrents().show(torrent.id);
        if (shown && shown->state == TorrentState::failed) return fail_with("seeding stopped: " + shown->error);
        for (const HiddenSwarmStatus& swarm : app.hidden()->status())
            if (swarm.id == torrent.id && swarm.seed) (void)watch.look(to_json(swarm), clock.now());
    }
};

int by_own_node(CommandContext& context, StateFolder state, const SeedTorrent& torrent, PeerMode mode,
                bool although_seen)
{
    AddTorrent request;
    request.content = torrent.content;
    request.save_path = torrent.folder;
    request.route = {*context.options.torrent.hops, context.options.torrent.group};
    request.peer_mode = mode;
    request.peer_mode_chosen = true;
    request.although_seen = although_seen;
    request.seed_mode = true;
    request.go_on = true;

    boost::asio::io_context io(1);
    AppOptions options;
    options.settings = context.settings;
    options.command = "seed";
    options.torrent_state = torrent.file.parent_path();
    options.permit = context.permit;
    App app(io, std::move(state), std::move(options), context.in_process);
    app.start();
    Foreground foreground(io, app, kDone);
    OwnSeeding seeding{context, app, foreground, torrent, FindableWatch(context.console), false, {}};
    app.torrents().on_refresh([&seeding] { seeding.look(); });
    app.torrents().add(request, [&seeding](const Answer<std::string>& id) { seeding.on_added(id); });
    const int status = foreground.run();
    if (!seeding.error.empty()) throw UserError(seeding.error);
    context.console.result({{"ok", true}, {"id", torrent.id}, {"magnet", torrent.magnet}});
    return status;
}

} // namespace

int hidden_seed_command(CommandContext& context)
{
    const PeerMode mode = hidden_mode(context);
    if (auto service = service_to_hand_to(context)) {
        const SeedTorrent torrent = seed_torrent(context);
        return by_service(context, *service, torrent, to_string(mode), choose_although_seen(context, torrent.id));
    }
    need_network(context);
    StateFolder state = StateFolder::open(context.state);
    check_listen(context.settings.listen, ListensFor::tunnels);
    const SeedTorrent torrent = seed_torrent(context);
    const bool although_seen = choose_although_seen(context, torrent.id);
    return by_own_node(context, std::move(state), torrent, mode, although_seen);
}

} // namespace cepa::main
