// cepa demo: a private network of real processes on loopback, a download through onion circuits, and the proof.
//   file -> torrent -> plan -> processes -> download -> compare -> report; then everything is taken down again.
// Nobody outside is ever asked: a random overlay, no bootstrap, peers by name, addresses of 127.0.0.0/8.
#include "main/atomic_file.hpp"
#include "main/commands/commands.hpp"
#include "main/commands/demo_hidden.hpp"
#include "main/commands/demo_network.hpp"
#include "main/commands/demo_plan.hpp"
#include "main/commands/demo_report.hpp"
#include "main/commands/download_watch.hpp"
#include "main/commands/file_digest.hpp"
#include "main/commands/temporary_folder.hpp"
#include "main/commands/torrent_argument.hpp"
#include "main/interrupt.hpp"
#include "main/quantity.hpp"
#include "main/torrent_creator.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

constexpr auto kStandstillLimit = 120s; ///< without one new byte: something is broken

struct Content {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::string sha256;
};

struct Timing {
    double seconds = 0;
    double first_byte_seconds = 0;
};

/// Takes a folder that did not exist before away again when it stayed empty, as after Ctrl-C.
class NewFolder {
public:
    explicit NewFolder(std::filesystem::path path) : path_(std::move(path))
    {
        std::error_code ignored;
        is_new_ = !path_.empty() && !std::filesystem::exists(path_, ignored);
    }
    ~NewFolder()
    {
        if (is_new_) ::rmdir(path_.c_str()); // fails when it holds something, as it should
    }
    NewFolder(const NewFolder&) = delete;
    NewFolder& operator=(const NewFolder&) = delete;

private:
    std::filesystem::path path_;
    bool is_new_ = false;
};

class Demo {
public:
    Demo(CommandContext& context, DemoOptions options)
        : console_(context.console), options_(std::move(options)),
          folder_(std::filesystem::temp_directory_path(), "cepa-demo-")
    {
    }

    [[nodiscard]] int run();

private:
    [[nodiscard]] KeepGoing keep_going()
    {
        return [this] { return !interrupt_.interrupted(); };
    }
    void check_arguments() const;
    [[nodiscard]] Content make_content();
    [[nodiscard]] std::filesystem::path make_torrent(const Content& content);
    [[nodiscard]] Timing download(DemoNetwork& network, const DemoPlan& plan, const std::filesystem::path& torrent,
                                  const std::filesystem::path& to);
    [[nodiscard]] Json result(DemoNetwork& network, const Content& content, const Timing& timing,
                              const std::string& sha256);
    void keep_output(const std::filesystem::path& downloaded);
    void check_output(const Content& content) const;
    void say_containment(DemoNetwork& network);
    void draw(Progress progress, const Json& torrent, DemoNetwork& network);
    [[nodiscard]] Json add_params_of(const DemoPlan& plan, const std::filesystem::path& torrent,
                                     const std::filesystem::path& to) const;
    void say_start(const DemoPlan& plan);

    Console& console_;
    DemoOptions options_;
    Interrupt interrupt_; // before any process is started: they inherit nothing of it
    TemporaryFolder folder_;
    std::string magnet_;
    std::optional<HiddenProof> proof_;
};

std::uint32_t random_below(std::uint32_t bound)
{
    return randombytes_uniform(bound);
}

void write_or_fail(const std::filesystem::path& file, ByteSpan content)
{
    const Result<void> written = write_file_atomically(file, content);
    if (!written) throw UserError(fmt::format("{}: {}", file.string(), written.error().message()));
}

/// What can be known to fail before a file is made or read.
void Demo::check_arguments() const
{
    check_numbers(options_);
    if (!options_.output.empty()) (void)checked_folder(options_.output);
}

Content Demo::make_content()
{
    Content content;
    if (options_.file.empty()) {
        content.path = folder_.path() / "random.bin";
        content.bytes = options_.size_bytes;
        console_.note(fmt::format("making a random file of {}", format_size(content.bytes)));
        content.sha256 = write_random_file(content.path, content.bytes, keep_going());
        return content;
    }
    std::error_code error;
    content.path = std::filesystem::absolute(options_.file, error).lexically_normal();
    if (::access(content.path.c_str(), R_OK) != 0)
        throw UserError(fmt::format("file {}: {}", options_.file.string(), std::strerror(errno)));
    if (!std::filesystem::is_regular_file(content.path, error))
        throw UserError(fmt::format("file {}: not a regular file", options_.file.string()));
    content.bytes = std::filesystem::file_size(content.path, error);
    if (content.bytes == 0) throw UserError(fmt::format("file {}: empty", options_.file.string()));
    content.sha256 = sha256_of_file(content.path, keep_going());
    return content;
}

std::filesystem::path Demo::make_torrent(const Content& content)
{
    CreateTorrent request;
    request.path = content.path;
    const auto created = create_torrent(request, [this](double) { return !interrupt_.interrupted(); });
    if (interrupt_.interrupted()) throw UserError("interrupted");
    if (!created) throw UserError(created.error());
    magnet_ = created->magnet;
    const auto file = folder_.path() / "demo.torrent";
    write_or_fail(file, created->content);
    return file;
}

void Demo::check_output(const Content& content) const
{
    if (options_.output.empty()) return;
    const auto target = checked_folder(options_.output) / content.path.filename();
    std::error_code error;
    if (std::filesystem::exists(target, error)) throw UserError(fmt::format("{}: exists already", target.string()));
}

std::size_t ready_circuits(DemoNetwork& network)
{
    const Json answer = network.downloader().call("circuits");
    return static_cast<std::size_t>(std::ranges::count_if(
        answer["circuits"], [](const Json& circuit) { return circuit.value("state", "") == "ready"; }));
}

/// The downloader's own warning goes to a log that nobody sees.
void Demo::say_containment(DemoNetwork& network)
{
    const Json containment = network.downloader().call("status").value("containment", Json::object());
    if (options_.hops > 0 && !containment.value("on", false))
        console_.note(fmt::format("without containment: {}", containment.value("why_off", "")));
}

void Demo::draw(Progress progress, const Json& torrent, DemoNetwork& network)
{
    if (progress.rate_bytes_per_s >= 1) {
        progress.detail = fmt::format("{} seeders", torrent.value("peers", 0));
        if (options_.hops > 0) progress.detail += fmt::format(", {} circuits", ready_circuits(network));
    }
    console_.progress(progress);
}

/// A hidden downloader gets the magnet link and nothing else.
Json Demo::add_params_of(const DemoPlan& plan, const std::filesystem::path& torrent,
                         const std::filesystem::path& to) const
{
    Json out{{"source", plan.hidden ? magnet_ : torrent.string()}, {"folder", to.string()}, {"hops", options_.hops}};
    if (plan.hidden)
        out["peer_mode"] = to_string(PeerMode::hidden);
    else
        out["peers"] = plan.seeder_endpoints;
    return out;
}

void Demo::say_start(const DemoPlan& plan)
{
    if (plan.hidden)
        console_.note(
            fmt::format("starting {} relays, {} exits, a hidden seeder and a hidden downloader with {} workers "
                        "each, on loopback only",
                        plan.relays.size(), plan.exits.size(), options_.workers));
    else if (options_.hops == 0)
        console_.note(fmt::format("starting {} seeders and a downloader of plain torrents (hops 0), on loopback only",
                                  plan.seeders.size()));
    else
        console_.note(
            fmt::format("starting {} relays, {} exits, {} seeders and a downloader with {} workers, on loopback only",
                        plan.relays.size(), plan.exits.size(), plan.seeders.size(), options_.workers));
}

Timing Demo::download(DemoNetwork& network, const DemoPlan& plan, const std::filesystem::path& torrent,
                      const std::filesystem::path& to)
{
    const BootClock clock;
    const TimePoint start = clock.now();
    const std::string id = network.downloader().call("add", add_params_of(plan, torrent, to))["id"];
    DownloadWatch watch;
    for (;;) {
        const Json shown = network.downloader().call("show", {{"id", id}})["torrent"];
        watch.look(shown, clock.now());
        if (shown.value("state", "") == "failed") throw UserError(shown.value("error", ""));
        if (shown.value("complete", false)) break;
        network.check_all_running();
        if (proof_) proof_->look(network);
        if (clock.now() - watch.last_growth().value_or(start) > kStandstillLimit)
            throw UserError(fmt::format("nothing arrived for {}; it waits for: {}\n{}",
                                        format_duration(kStandstillLimit), shown.value("waiting_for", ""),
                                        network.downloader().log_tail()));
        if (watch.draw_due(clock.now())) draw(watch.progress(), shown, network);
        if (interrupt_.wait(kLookEvery)) throw UserError("interrupted");
    }
    const TimePoint end = clock.now();
    const auto since_start = [start](TimePoint at) { return in_seconds(at - start); };
    const Timing timing{since_start(end), since_start(watch.first_byte().value_or(end))};
    console_.end_progress();
    return timing;
}

Json Demo::result(DemoNetwork& network, const Content& content, const Timing& timing, const std::string& sha256)
{
    if (interrupt_.wait(700ms))
        throw UserError("interrupted"); // the workers' last counters come within their sync interval
    const Json status = network.downloader().call("status");
    const auto exits = network.exit_addresses();
    const auto seen = network.seen_by_seeders();
    const bool only_exits = !seen.empty() && std::ranges::includes(exits, seen);
    const bool same = sha256 == content.sha256;
    Json processes = network.accounts();
    Json worker_bytes = Json::array();
    for (const Json& worker : processes.back().value("workers", Json::array()))
        worker_bytes.push_back(worker["bytes"]);
    if (worker_bytes.empty() && options_.hops > 0) worker_bytes.push_back(processes.back()["bytes"]);
    const Json containment = status.value("containment", Json::object());
    const Json hidden = proof_ ? proof_->result(network) : Json::object();
    // Null: nobody may capture here, and nothing is shown but the link and the hash.
    const bool refuted = proof_ && hidden["proved"].is_boolean() && !hidden["proved"].get<bool>();
    const bool proved = proof_ ? hidden.value("linked", false) && !refuted : only_exits || options_.hops == 0;
    Json out{{"ok", same && proved},
             {"sha256_ok", same},
             {"sha256", sha256},
             {"bytes", content.bytes},
             {"seconds", timing.seconds},
             {"first_byte_seconds", timing.first_byte_seconds},
             {"rate_bytes_per_s", static_cast<double>(content.bytes) / std::max(timing.seconds, 1e-3)},
             {"hops", options_.hops},
             {"workers", options_.workers},
             {"worker_bytes", worker_bytes},
             {"worker_restarts", status["pool"].value("restarts", 0)},
             {"circuits", ready_circuits(network)},
             {"seeders_saw_only_exits", only_exits},
             {"seeders_saw", seen},
             {"exits", exits},
             {"steering", status["pool"].value("steering", "")},
             {"containment", containment.value("on", false) ? "on" : "off: " + containment.value("why_off", "")},
             {"socks5", status.value("socks5", Json::object())},
             {"processes", std::move(processes)}};
    out.update(hidden);
    return out;
}

void Demo::keep_output(const std::filesystem::path& downloaded)
{
    if (options_.output.empty()) return;
    const auto target = checked_folder(options_.output) / downloaded.filename();
    std::error_code error;
    std::filesystem::rename(downloaded, target, error);
    if (error) throw UserError(fmt::format("{}: {}", target.string(), error.message()));
    console_.note(fmt::format("kept as {}", target.string()));
}

int Demo::run()
{
    const NewFolder output(options_.output);
    check_arguments();
    const Content content = make_content();
    check_output(content);
    // Beside its place when it is to be kept, so that the last step is a rename.
    const TemporaryFolder downloads(options_.output.empty() ? folder_.path() : checked_folder(options_.output),
                                    ".cepa-demo-");
    const auto torrent = make_torrent(content);
    const DemoPlan plan = plan_demo(options_, folder_.path(), content.path, torrent, random_below);
    write_or_fail(folder_.path() / "cepa.toml", as_bytes(plan.settings_text));
    say_start(plan);
    if (plan.hidden) {
        std::set<std::string> others;
        for (const auto* nodes : {&plan.relays, &plan.exits})
            for (const NodeStart& node : *nodes)
                others.insert(node.address);
        proof_.emplace(plan.seeders.front().address, plan.downloader.address, std::move(others), plan.overlay);
    }
    DemoNetwork network(plan, interrupt_);
    say_containment(network);
    const Timing timing = download(network, plan, torrent, downloads.path());
    const auto downloaded = downloads.path() / content.path.filename();
    const std::string sha256 = sha256_of_file(downloaded, keep_going());
    const Json outcome = result(network, content, timing, sha256);
    network.stop();
    keep_output(downloaded);
    console_.line(demo_report(outcome));
    console_.result(outcome);
    return outcome.value("ok", false) ? kDone : kFailed;
}

/// --workers is a global flag and so a setting; the demo's default is its own.
DemoOptions demo_options(const CommandContext& context)
{
    DemoOptions out = context.options.demo;
    for (const SettingOverride& given : context.options.overrides)
        if (given.path == "workers.count")
            out.workers = effective_workers(context.settings);
        else if (given.flag == "--join" || given.flag == "--peer" || given.flag == "--overlay" ||
                 given.flag == "--listen")
            throw Misuse(fmt::format("demo: {} has no meaning here: the demo has a network of its own", given.flag));
    return out;
}

} // namespace

int demo_command(CommandContext& context)
{
    if (sodium_init() < 0) throw UserError("libsodium finds no source of randomness");
    Demo demo(context, demo_options(context));
    return demo.run();
}

} // namespace cepa::main
