// One download: handed to a running service of the same state folder, else carried out by a node of its own.
#include "main/api_torrents.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/download_watch.hpp"
#include "main/commands/hand_over.hpp"
#include "main/commands/join_choice.hpp"
#include "main/commands/seen_choice.hpp"
#include "main/commands/torrent_argument.hpp"
#include "main/foreground.hpp"
#include "main/interrupt.hpp"
#include "main/torrent_service.hpp"
#include "main/user_error.hpp"

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace cepa::main {
namespace {

/// A get keeps its resume data apart, by what was asked for: other torrents of the state folder are not its business,
/// and the second get of the same torrent finds what the first one saved.
std::filesystem::path resume_folder(const std::filesystem::path& state, const std::string& source)
{
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(source.data()), source.size(), digest.data());
    return state / "gets" / fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 10, ""));
}

/// "bytes" are there, "downloaded" came in this run.
Json outcome(const Json& torrent, std::uint64_t downloaded, double seconds)
{
    return {{"ok", torrent.value("complete", false)},
            {"id", torrent.value("id", "")},
            {"name", torrent.value("name", "")},
            {"bytes", torrent.value("bytes_done", std::uint64_t{0})},
            {"downloaded", downloaded},
            {"seconds", seconds},
            {"folder", torrent.value("folder", "")}};
}

void say_done(CommandContext& context, const Json& torrent, std::uint64_t downloaded, double seconds)
{
    context.console.line(done_text(torrent, downloaded, seconds));
    context.console.result(outcome(torrent, downloaded, seconds));
}

double seconds_since(TimePoint start)
{
    return in_seconds(BootClock().now() - start);
}

// --- by a running service ---

int watch_service(CommandContext& context, ControlClient& service, const std::string& id)
{
    const TimePoint start = BootClock().now();
    Interrupt interrupt;
    DownloadWatch watch;
    for (;;) {
        const Json torrent = service.call("show", {{"id", id}})["torrent"];
        const TimePoint now = BootClock().now();
        watch.look(torrent, now);
        if (watch.draw_due(now)) context.console.progress(watch.progress());
        if (torrent.value("complete", false)) {
            say_done(context, torrent, watch.downloaded(), seconds_since(start));
            return kDone;
        }
        if (torrent.value("state", "") == "failed") throw UserError(torrent.value("error", "failed"));
        if (interrupt.wait(kLookEvery)) {
            context.console.note("it goes on in the running service; see cepa list");
            context.console.result(outcome(torrent, watch.downloaded(), seconds_since(start)));
            return kFailed;
        }
    }
}

int by_service(CommandContext& context, ControlClient& service, const std::string& source,
               const std::filesystem::path& folder, bool although_seen)
{
    Json params = add_params(context.options.torrent, source, folder);
    params["although_seen"] = although_seen;
    const Json added = service.call("add", params);
    const std::string id = added["id"];
    context.console.note("handed to the running service");
    for (const std::string& note : notes_of(added))
        context.console.note(note);
    return watch_service(context, service, id);
}

// --- by a node of our own ---

/// The download while our own node runs; called from its io loop.
class OwnDownload {
public:
    OwnDownload(CommandContext& context, boost::asio::io_context& io, App& app, Foreground& foreground)
        : context_(context), app_(app), foreground_(foreground), timer_(io)
    {
    }

    void begin(const AddTorrent& request)
    {
        app_.torrents().add(request, [this](Answer<std::string> id) { on_added(std::move(id)); });
    }

    [[nodiscard]] const Json& last() const noexcept { return last_; }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// In this run, until it was complete.
    [[nodiscard]] std::uint64_t downloaded() const noexcept { return watch_.downloaded(); }
    [[nodiscard]] double seconds() const noexcept { return seconds_; }

private:
    void on_added(Answer<std::string> id)
    {
        if (!id) return fail_with(id.error());
        id_ = *id;
        const auto added = app_.torrents().show(id_);
        for (const std::string& note : added ? added->notes : std::vector<std::string>{})
            context_.console.note(note);
        look_again();
    }

    /// More often than the regular refresh, because time is measured by it.
    void look_again()
    {
        look();
        if (ended()) return;
        timer_.expires_after(complete_ ? kSeedingLook : kLookEvery);
        timer_.async_wait([this](const ErrorCode& error) {
            if (!error && !ended()) look_again();
        });
        app_.torrents().update();
    }

    /// The node is stopping: nothing may be asked of its torrents any more.
    [[nodiscard]] bool ended() const
    {
        return !error_.empty() || foreground_.interrupted() || (complete_ && !context_.options.torrent.keep_seeding);
    }

    void fail_with(const std::string& why)
    {
        error_ = why;
        foreground_.finish(kFailed);
    }

    void look()
    {
        const auto torrent = app_.torrents().show(id_);
        if (!torrent) return;
        last_ = to_json(*torrent);
        if (torrent->state == TorrentState::failed) return fail_with(torrent->error);
        const TimePoint now = BootClock().now();
        watch_.look(last_, now);
        if (!complete_ && watch_.draw_due(now)) context_.console.progress(watch_.progress());
        if (torrent->complete && !complete_) on_complete();
    }

    void on_complete()
    {
        complete_ = true;
        seconds_ = seconds_since(start_);
        if (!context_.options.torrent.keep_seeding) return foreground_.finish(kDone);
        context_.console.note("complete; seeding until Ctrl-C");
    }

    static constexpr std::chrono::milliseconds kSeedingLook{500};

    CommandContext& context_;
    App& app_;
    Foreground& foreground_;
    boost::asio::steady_timer timer_;
    DownloadWatch watch_;
    TimePoint start_ = BootClock().now();
    std::string id_;
    std::string error_;
    Json last_ = Json::object();
    bool complete_ = false;
    double seconds_ = 0;
};

AddTorrent add_request(const CommandContext& context, const std::string& source, const std::filesystem::path& folder)
{
    const TorrentOptions& torrent = context.options.torrent;
    AddTorrent request;
    request.source = source;
    request.save_path = folder;
    request.route = {torrent.hops.value_or(context.settings.hops), torrent.group};
    request.peer_mode = torrent.peers.value_or(default_peer_mode(request.route.hops));
    request.peer_mode_chosen = torrent.peers.has_value();
    request.peers = torrent.seeders;
    request.go_on = true;
    return request;
}

/// What is long, or said by the error already, is not said again.
std::string named(const std::string& source, const std::string& error)
{
    return source.starts_with("magnet:") ? error : fmt::format("{}: {}", source, error);
}

int by_own_node(CommandContext& context, const std::string& source, const std::filesystem::path& folder,
                bool although_seen)
{
    AddTorrent request = add_request(context, source, folder);
    request.although_seen = although_seen;
    if (request.route.hops > 0) need_network(context);
    StateFolder state = StateFolder::open(context.state);
    const auto resume = resume_folder(state.path(), source);
    boost::asio::io_context io(1);
    AppOptions options;
    options.settings = context.settings;
    options.command = "get";
    options.tunnels = request.route.hops > 0;
    options.torrent_state = resume;
    options.permit = context.permit;
    App app(io, std::move(state), std::move(options), context.in_process);
    app.start();
    if (request.peer_mode != PeerMode::hidden) app.want_route(request.route);
    Foreground foreground(io, app, kFailed);
    OwnDownload download(context, io, app, foreground);
    download.begin(request);
    int status = foreground.run();

    if (!download.error().empty())
        throw UserError(named(source, download.error()),
                        source.starts_with("magnet:") && download.last().empty() ? kMisuse : kFailed);
    if (download.complete()) {
        std::error_code ignored;
        std::filesystem::remove_all(resume, ignored);
        say_done(context, download.last(), download.downloaded(), download.seconds());
        return kDone;
    }
    context.console.note("saved; the same command goes on from here");
    context.console.result(outcome(download.last(), download.downloaded(), 0));
    return status;
}

} // namespace

int get_command(CommandContext& context)
{
    const std::string source = checked_source(context.options.torrent.source);
    const auto folder = checked_folder(context.options.torrent.folder);
    const bool asks_hidden = has_hidden_peers(context.options.torrent.peers.value_or(PeerMode::open));
    const bool although_seen = asks_hidden && choose_although_seen(context, id_of_source(source));
    if (auto service = service_to_hand_to(context)) return by_service(context, *service, source, folder, although_seen);
    return by_own_node(context, source, folder, although_seen);
}

} // namespace cepa::main
