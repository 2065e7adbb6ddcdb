// The command line as plain values, and the table of commands and flags behind `cepa --help`.
// Process: main. Spec: docs/architecture.md.
#pragma once

#include "base/address.hpp"
#include "main/settings.hpp"
#include "main/torrent_types.hpp"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cepa::main {

enum class Command : std::uint8_t {
    demo,
    get,
    seed,
    create,
    node,
    run,
    add,
    list,
    show,
    pause,
    resume,
    remove,
    status,
    circuits,
    swarms,
    workers,
    stop,
    settings,
};
[[nodiscard]] const char* to_string(Command command) noexcept;

struct DemoOptions {
    std::filesystem::path file; ///< empty: a random one of `size_bytes`
    std::uint8_t hops = 3;
    std::uint32_t workers = 2;
    std::uint32_t relays = 4;
    std::uint32_t exits = 2;
    std::uint32_t seeders = 0; ///< 0: enough to load every worker
    bool hidden = false;       ///< one hidden seeder, found and reached through circuits only
    bool relays_given = false;
    bool exits_given = false;
    std::uint64_t size_bytes = std::uint64_t{256} << 20U;
    std::filesystem::path output; ///< empty: the download is deleted
    bool front_process = false;   ///< every node with a pool steers by its main process, as where the kernel cannot
};

/// Of get, add and seed: which torrent, where to, how.
struct TorrentOptions {
    std::string source;           ///< magnet link or path of a .torrent file; of seed: what to seed
    std::filesystem::path folder; ///< -o; empty: the command's default
    std::optional<std::uint8_t> hops;
    std::string group = "default";
    std::vector<Endpoint> seeders; ///< to connect to at once
    std::optional<PeerMode> peers; ///< unset: the command's default
    bool although_seen = false;    ///< hidden, although it was used without hops before
    bool keep_seeding = false;
    bool paused = false;
};

struct CreateOptions {
    std::filesystem::path path;
    std::filesystem::path output; ///< of create: empty is NAME.torrent in the current folder; of seed: an existing one
    std::vector<std::string> trackers;
    bool v1 = false;
};

struct Options {
    Command command = Command::status;
    std::filesystem::path settings_file; ///< empty: the standard one
    std::filesystem::path state;         ///< empty: the standard one
    bool json = false;
    std::vector<SettingOverride> overrides;
    std::optional<Endpoint> listen; ///< also among the overrides

    DemoOptions demo;
    TorrentOptions torrent;
    CreateOptions create;
    std::string id;                            ///< of show, pause, resume, remove
    bool delete_files = false;                 ///< of remove
    std::optional<std::uint32_t> worker_count; ///< of workers
};

/// Help or version were asked for, or the line was wrong: print `text` (stdout when status is 0) and end.
struct ParseEnd {
    std::string text;
    int status;
};

/// `arguments` without the program's name. CEPA_CONFIG and CEPA_STATE of `environment` ("NAME=value") stand behind
/// --config and --state.
[[nodiscard]] std::expected<Options, ParseEnd> parse_options(std::vector<std::string> arguments,
                                                             const std::vector<std::string>& environment);

} // namespace cepa::main
