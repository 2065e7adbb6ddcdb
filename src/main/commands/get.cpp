// One download: handed to a running service of the same state folder, else carried out by a node of its own.
#include "main/api_torrents.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/join_choice.hpp"
#include "main/commands/torrent_argument.hpp"
#include "main/control_client.hpp"
#include "main/foreground.hpp"
#include "main/interrupt.hpp"
#include "main/quantity.hpp"
#include "main/torrent_service.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

/// A get keeps its resume data apart, by what was asked for: other torrents of the state folder are not its business,
/// and the second get of the same torrent finds what the first one saved.
std::filesystem::path resume_folder(const std::filesystem::path& state, const std::string& source)
{
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(source.data()), source.size(), digest.data());
    return state / "gets" / fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 10, ""));
}

Json outcome(const Json& torrent, double seconds)
{
    return {{"ok", torrent.value("complete", false)},
            {"id", torrent.value("id", "")},
            {"name", torrent.value("name", "")},
            {"bytes", torrent.value("bytes_done", std::uint64_t{0})},
            {"seconds", seconds},
            {"folder", torrent.value("folder", "")}};
}

void say_done(CommandContext& context, const Json& torrent, double seconds)
{
    const auto bytes = torrent.value("bytes_done", std::uint64_t{0});
    context.console.line(fmt::format(
        "{}: {} in {} ({})",
        printable((std::filesystem::path(torrent.value("folder", "")) / torrent.value("name", "")).string()),
        format_size(bytes),
        format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds))),
        format_rate(static_cast<double>(bytes) / std::max(seconds, 0.001))));
    context.console.result(outcome(torrent, seconds));
}

double seconds_since(TimePoint start)
{
    return std::chrono::duration<double>(BootClock().now() - start).count();
}

// --- by a running service ---

int watch_service(CommandContext& context, ControlClient& service, const std::string& id)
{
    const TimePoint start = BootClock().now();
    Interrupt interrupt;
    for (;;) {
        const Json torrent = service.call("show", {{"id", id}})["torrent"];
        context.console.progress(progress_of(torrent));
        if (torrent.value("complete", false)) {
            say_done(context, torrent, seconds_since(start));
            return kDone;
        }
        if (torrent.value("state", "") == "failed") throw UserError(torrent.value("error", "failed"));
        if (interrupt.wait(250ms)) {
            context.console.note("it goes on in the running service; see cepa list");
            context.console.result(outcome(torrent, seconds_since(start)));
            return kFailed;
        }
    }
}

int by_service(CommandContext& context, ControlClient& service, const std::string& source,
               const std::filesystem::path& folder)
{
    const std::string id = service.call("add", add_params(context.options.torrent, source, folder))["id"];
    context.console.note("handed to the running service");
    return watch_service(context, service, id);
}

// --- by a node of our own ---

/// The download while our own node runs; called from its io loop.
class OwnDownload {
public:
    OwnDownload(CommandContext& context, App& app, Foreground& foreground)
        : context_(context), app_(app), foreground_(foreground)
    {
    }

    void begin(const AddTorrent& request)
    {
        app_.torrents().on_refresh([this] { look(); });
        app_.torrents().add(request, [this](Answer<std::string> id) { on_added(std::move(id)); });
    }

    [[nodiscard]] const Json& last() const noexcept { return last_; }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] double seconds() const noexcept { return seconds_; }

private:
    void on_added(Answer<std::string> id)
    {
        if (!id) return fail_with(id.error());
        id_ = *id;
        look();
    }

    void fail_with(const std::string& why)
    {
        error_ = why;
        foreground_.finish(kFailed);
    }

    void look()
    {
        if (id_.empty() || !error_.empty()) return;
        const auto torrent = app_.torrents().show(id_);
        if (!torrent) return;
        last_ = to_json(*torrent);
        if (torrent->state == TorrentState::failed) return fail_with(torrent->error);
        context_.console.progress(progress_of(last_));
        if (torrent->complete && !complete_) on_complete();
    }

    void on_complete()
    {
        complete_ = true;
        seconds_ = seconds_since(start_);
        if (!context_.options.torrent.keep_seeding) return foreground_.finish(kDone);
        context_.console.note("complete; seeding until Ctrl-C");
    }

    CommandContext& context_;
    App& app_;
    Foreground& foreground_;
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
    request.peers = torrent.seeders;
    request.go_on = true;
    return request;
}

int by_own_node(CommandContext& context, const std::string& source, const std::filesystem::path& folder)
{
    const AddTorrent request = add_request(context, source, folder);
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
    app.want_route(request.route);
    Foreground foreground(io, app, kFailed);
    OwnDownload download(context, app, foreground);
    download.begin(request);
    int status = foreground.run();

    if (!download.error().empty())
        throw UserError(fmt::format("{}: {}", source, download.error()),
                        source.starts_with("magnet:") && download.last().empty() ? kMisuse : kFailed);
    if (download.complete()) {
        std::error_code ignored;
        std::filesystem::remove_all(resume, ignored);
        say_done(context, download.last(), download.seconds());
        return kDone;
    }
    context.console.note("saved; the same command goes on from here");
    context.console.result(outcome(download.last(), 0));
    return status;
}

} // namespace

int get_command(CommandContext& context)
{
    const std::string source = checked_source(context.options.torrent.source);
    const auto folder = checked_folder(context.options.torrent.folder);
    if (auto service = ControlClient::connect(context.state)) {
        const std::string command = service->call("status").value("command", "");
        if (command == "run") return by_service(context, *service, source, folder);
        throw UserError(
            fmt::format("state folder {}: in use by cepa {}; wait for it or choose another folder with --state",
                        context.state.string(), command));
    }
    return by_own_node(context, source, folder);
}

} // namespace cepa::main
