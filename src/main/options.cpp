#include "main/options.hpp"

#include "main/quantity.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace cepa::main {
namespace {

struct CommandName {
    Command command;
    const char* name;
    const char* what;
};
constexpr std::array<CommandName, 18> kCommands{{
    {Command::demo, "demo", "a private network on loopback, a download through onion circuits, the proof"},
    {Command::get, "get", "one download, with a bar; Ctrl-C saves, a second get resumes"},
    {Command::seed, "seed",
     "make a torrent of a file or folder, seed it (hidden with --hops 1 to 4), print the magnet link"},
    {Command::create, "create", "make a .torrent file"},
    {Command::node, "node", "a relay or exit for others, without torrents"},
    {Command::run, "run", "the service in the foreground: tunnels, torrents, control socket"},
    {Command::add, "add", "add a torrent to the running service"},
    {Command::list, "list", "the torrents of the running service"},
    {Command::show, "show", "one torrent, in full"},
    {Command::pause, "pause", "pause a torrent"},
    {Command::resume, "resume", "resume a torrent"},
    {Command::remove, "remove", "remove a torrent, and with --delete-files its files"},
    {Command::status, "status", "what the running service knows, carries and waits for"},
    {Command::circuits, "circuits", "the circuits of the running service"},
    {Command::swarms, "swarms", "the hidden swarms: role, seeders found, links, introduction points"},
    {Command::workers, "workers", "the worker processes; with a number, run that many"},
    {Command::stop, "stop", "end the running service"},
    {Command::settings, "settings", "every key of cepa.toml: its default, its meaning, its environment variable"},
}};

constexpr const char* kFlagsFooter = "Flags of every command: see cepa --help";
constexpr const char* kSeedFooter =
    "It is seeded until Ctrl-C. With --hops and a service (cepa run) on the same --state the service takes it over,\n"
    "with its own network and address, and goes on after a restart. A plain seed needs a state folder for itself.\n";

std::string check_endpoint(const std::string& text)
{
    const auto endpoint = Endpoint::parse(text);
    return endpoint && endpoint->port != 0 ? "" : fmt::format("{}: expected ADDRESS:PORT with a literal address", text);
}

std::string check_worker_count(const std::string& text)
{
    const bool digits = !text.empty() && text.size() <= 2 && text.find_first_not_of("0123456789") == std::string::npos;
    const int count = digits ? std::stoi(text) : 0;
    return count >= 1 && count <= 64 ? "" : fmt::format("workers {}: expected a number from 1 to 64", text);
}

std::string check_id(const std::string& text)
{
    return text.empty() ? "an id is missing" : "";
}

/// CLI11 puts the name of the argument before what a check said, and a blank line behind the help.
std::string without_argument_name(std::string text)
{
    for (const char* name : {"N: workers ", "ID: an id "})
        if (text.starts_with(name)) return text.substr(text.find(": ") + 2);
    return text;
}

std::string without_blank_end(std::string text)
{
    while (text.ends_with('\n'))
        text.pop_back();
    return text;
}

/// What the flags write into; lives as long as the CLI::App that refers to it.
struct Raw {
    Options options;
    std::string size;
    std::string listen;
    std::vector<std::string> peers;
    std::vector<std::string> seeders;
    std::string peer_mode;
    int hops = -1;
    bool relay = false;
    bool exit = false;
};

void add_repeatable(CLI::App& app, const char* flag, std::vector<std::string>& into, const char* what)
{
    app.add_option(flag, into, what)->check(check_endpoint)->type_name("ADDR:PORT")->expected(1)->take_all();
}

/// A flag that is a setting: its value is checked with all the other settings, by the same table.
void add_setting(CLI::App& app, Raw& raw, const char* flag, const char* path, const char* type, const char* what)
{
    app.add_option_function<std::string>(
           flag,
           [&raw, flag, path](const std::string& value) { raw.options.overrides.push_back({path, flag, {value}}); },
           what)
        ->type_name(type);
}

void add_global_flags(CLI::App& app, Raw& raw)
{
    Options& o = raw.options;
    app.add_option("--config", o.settings_file, "settings file (TOML)")->envname("")->type_name("FILE");
    app.add_option("--state", o.state, "state folder of the node")->type_name("DIR");
    add_setting(app, raw, "--workers", "workers.count", "N|auto", "worker processes; 0: everything in this process");
    app.add_option("--listen", raw.listen, "UDP address of the node; of a seed without hops: of its torrents")
        ->type_name("ADDR:PORT");
    add_setting(app, raw, "--overlay", "network.overlay", "tribler|HEX", "id of the tunnel overlay");
    add_repeatable(app, "--peer", raw.peers, "a node to walk to first (repeatable)");
    add_setting(app, raw, "--join", "network.join", "public|private", "which network: private is the default");
    add_setting(app, raw, "--log-level", "log_level", "LEVEL", "trace, debug, info, warn or error");
    app.add_flag("--json", o.json, "the last line on stdout is one JSON object");
}

void add_hops(CLI::App& command, Raw& raw, const char* what)
{
    command.add_option("--hops", raw.hops, what)->check(CLI::Range(0, 5))->type_name("N");
}

void add_demo(CLI::App& c, Raw& raw)
{
    DemoOptions& d = raw.options.demo;
    c.add_option("FILE", d.file, "what to send through; without it a random file of --size");
    add_hops(c, raw, "hops of the circuits: 0 (plain, no anonymity) to 5; default 3");
    c.add_option_function<std::uint32_t>(
         "--relays",
         [&d](std::uint32_t count) {
             d.relays = count;
             d.relays_given = true;
         },
         "relay processes; with --hidden four more than hops, if that is more")
        ->check(CLI::Range(0, 64))
        ->default_str(std::to_string(d.relays))
        ->type_name("N");
    c.add_option_function<std::uint32_t>(
         "--exits",
         [&d](std::uint32_t count) {
             d.exits = count;
             d.exits_given = true;
         },
         "exit processes; with --hidden none")
        ->check(CLI::Range(0, 64))
        ->default_str(std::to_string(d.exits))
        ->type_name("N");
    c.add_flag("--hidden", d.hidden, "a hidden seeder and a hidden downloader, which need no exit");
    c.add_option("--seeders", d.seeders, "seeder processes; default: enough to load every worker")
        ->check(CLI::Range(1, 64))
        ->type_name("N");
    c.add_option("--size", raw.size, "size of the random file, such as 256MiB")->type_name("SIZE");
    c.add_option("--output,-o", d.output, "keep the downloaded file in this folder")->type_name("DIR");
    c.add_flag("--front-process", d.front_process, "let main hand packets to the workers, as where the kernel cannot");
}

void add_peer_mode(CLI::App& c, Raw& raw)
{
    c.add_option("--peers", raw.peer_mode, "whom to take as peers: hidden, public or both (needs --hops 1 to 4)")
        ->check(CLI::IsMember({"hidden", "public", "both"}))
        ->type_name("KIND");
    c.add_flag("--although-seen", raw.options.torrent.although_seen,
               "hidden peers although this state folder has used the torrent without hops before");
}

void add_torrent(CLI::App& c, Raw& raw, const char* what)
{
    TorrentOptions& t = raw.options.torrent;
    c.add_option("SOURCE", t.source, what)->required();
    c.add_option("--output,-o", t.folder, "folder of the download")->type_name("DIR");
    add_hops(c, raw, "hops of the circuits: 0 (plain, no anonymity) to 5; default: tunnels.hops, 3 unless it was set");
    c.add_option("--group", t.group, "isolation group: torrents of two groups share no circuit")->type_name("NAME");
    add_repeatable(c, "--seeder", raw.seeders, "a peer of the swarm to connect to at once (repeatable)");
    add_peer_mode(c, raw);
}

void add_command_flags(CLI::App& c, Command command, Raw& raw)
{
    Options& o = raw.options;
    switch (command) {
    case Command::demo:
        add_demo(c, raw);
        break;
    case Command::get:
        add_torrent(c, raw, "magnet link or .torrent file");
        c.add_flag("--keep-seeding", o.torrent.keep_seeding, "do not end when the download is complete");
        break;
    case Command::add:
        add_torrent(c, raw, "magnet link or .torrent file");
        c.add_flag("--paused", o.torrent.paused, "add it, but do not start it");
        break;
    case Command::seed:
        c.add_option("PATH", o.torrent.source, "file or folder")->required();
        c.add_option("--torrent", o.create.output,
                     "its own .torrent file, when one exists: nothing is hashed then, and all files must be there")
            ->type_name("FILE");
        add_hops(c, raw, "1 to 4: hidden, through so many hops; 0, the default: plain, under your address");
        add_peer_mode(c, raw);
        c.add_option("--tracker", o.create.trackers, "announce to this tracker (repeatable)")->expected(1)->take_all();
        break;
    case Command::create:
        c.add_option("PATH", o.create.path, "file or folder")->required();
        c.add_option("--output,-o", o.create.output, "the .torrent file to write")->type_name("FILE");
        c.add_option("--tracker", o.create.trackers, "tracker to name in it (repeatable)")->expected(1)->take_all();
        c.add_flag("--v1", o.create.v1, "version 1 only, for old clients; default: hybrid of 1 and 2");
        break;
    case Command::node:
        c.add_flag("--relay", raw.relay, "forward other people's cells");
        c.add_flag("--exit", raw.exit, "open UDP sockets for other people: your address is what the world sees");
        break;
    case Command::remove:
        c.add_flag("--delete-files", o.delete_files, "delete the downloaded files too");
        [[fallthrough]];
    case Command::show:
    case Command::pause:
    case Command::resume:
        c.add_option("ID", o.id, "info hash, or a unique beginning of it")
            ->required()
            ->check(CLI::Validator(check_id, ""));
        break;
    case Command::workers:
        c.add_option("N", o.worker_count, "how many are to run")->check(CLI::Validator(check_worker_count, "1 to 64"));
        break;
    default:
        break;
    }
}

std::string environment_value(const std::vector<std::string>& environment, std::string_view name)
{
    for (const std::string& entry : environment)
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
    return {};
}

std::vector<Endpoint> endpoints(const std::vector<std::string>& texts)
{
    std::vector<Endpoint> out;
    for (const std::string& text : texts)
        out.push_back(Endpoint::parse(text).value());
    return out;
}

/// What cannot be said in the table: values that go to more than one place, and combinations.
std::optional<ParseEnd> finish(Raw& raw)
{
    Options& o = raw.options;
    if (!raw.peers.empty()) o.overrides.push_back({"network.peers", "--peer", raw.peers});
    o.torrent.seeders = endpoints(raw.seeders);
    if (!raw.listen.empty()) {
        o.listen = Endpoint::parse(raw.listen);
        o.overrides.push_back({o.command == Command::seed && raw.hops <= 0 ? "torrents.listen" : "network.listen",
                               "--listen",
                               {raw.listen}});
    }
    if (raw.hops >= 0) {
        o.demo.hops = static_cast<std::uint8_t>(raw.hops);
        o.torrent.hops = static_cast<std::uint8_t>(raw.hops);
    }
    if (!raw.peer_mode.empty()) o.torrent.peers = parse_peer_mode(raw.peer_mode);
    if (o.demo.hidden && !o.demo.exits_given) o.demo.exits = 0;
    if (o.demo.exits == 0 && !o.demo.hidden) return ParseEnd{"--exits 0: only with --hidden can a demo do without", 2};
    if (o.torrent.peers == PeerMode::hidden && !o.torrent.seeders.empty())
        return ParseEnd{"--seeder names an open peer, and --peers hidden takes none: leave one out, or say --peers both", 2};
    if (raw.relay) o.overrides.push_back({"relay.enabled", "--relay", {"true"}});
    if (raw.exit) o.overrides.push_back({"exit.enabled", "--exit", {"true"}});
    if (!raw.size.empty()) {
        const auto size = parse_size(raw.size);
        if (!size || *size == 0) return ParseEnd{fmt::format("--size {}: expected a size such as 256MiB", raw.size), 2};
        o.demo.size_bytes = *size;
    }
    return std::nullopt;
}

} // namespace

const char* to_string(Command command) noexcept
{
    return kCommands[static_cast<std::size_t>(command)].name;
}

std::expected<Options, ParseEnd> parse_options(std::vector<std::string> arguments,
                                               const std::vector<std::string>& environment)
{
    Raw raw;
    raw.options.settings_file = environment_value(environment, "CEPA_CONFIG");
    raw.options.state = environment_value(environment, "CEPA_STATE");
    CLI::App app{"Cepa: BitTorrent through onion circuits, carried by a pool of worker processes.", "cepa"};
    app.set_version_flag("--version", "cepa " CEPA_VERSION);
    app.require_subcommand(1);
    add_global_flags(app, raw);
    for (const CommandName& entry : kCommands) {
        CLI::App* command = app.add_subcommand(entry.name, entry.what);
        command->fallthrough(); // global flags may stand behind the command
        command->callback([&raw, &entry] { raw.options.command = entry.command; });
        add_command_flags(*command, entry.command, raw);
        command->footer(entry.command == Command::seed ? std::string(kSeedFooter) + kFlagsFooter : kFlagsFooter);
    }
    std::ranges::reverse(arguments); // CLI11 takes them from the back
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            const bool version = error.get_name() == "CallForVersion";
            return std::unexpected(ParseEnd{version ? error.what() : without_blank_end(app.help()), 0});
        }
        const auto left_over = app.remaining();
        const bool no_command = app.get_subcommands().empty() && !left_over.empty();
        return std::unexpected(ParseEnd{
            fmt::format("{}\nSee cepa --help or cepa COMMAND --help.",
                        no_command ? "no such command: " + left_over.front() : without_argument_name(error.what())),
            2});
    }
    if (auto end = finish(raw)) return std::unexpected(std::move(*end));
    return std::move(raw.options);
}

} // namespace cepa::main
