// Everything that can be set, as plain values, and the one table that says how each value is written.
// Precedence: flag > CEPA_* environment > file > default; who applies last wins, see load_settings().
// Process: main.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cepa::main {

using OverlayBytes = std::array<std::uint8_t, 20>;

/// The tunnel overlay of Tribler 8 (docs/protocol.md, section 1).
[[nodiscard]] OverlayBytes tribler_overlay() noexcept;
/// The overlay of private networks that chose none.
[[nodiscard]] OverlayBytes default_private_overlay() noexcept;

enum class Join : std::uint8_t { private_network, public_network };

struct RoleSettings {
    bool enabled = false;
    std::uint64_t rate_bytes_per_s = 0; ///< 0: no limit
};

struct Settings {
    // network
    Join join = Join::private_network;
    bool join_chosen = false;            ///< somebody wrote network.join, so nobody need be asked
    std::optional<OverlayBytes> overlay; ///< nullopt: Tribler's on the public network, else the private default
    Endpoint listen;                     ///< the node's UDP address; port 0: any free one
    std::vector<Endpoint> peers;         ///< walk there first
    std::vector<Endpoint> bootstrap;     ///< rendezvous servers of a private network
    std::vector<std::string> family;     ///< public keys (74 bytes) of the user's other nodes
    bool allow_loopback = false;
    bool allow_equal_prefixes = false;
    bool front_process = false;
    // workers
    std::optional<std::uint32_t> workers;     ///< nullopt: one per core
    std::optional<std::uint32_t> max_workers; ///< nullopt: the cores, or `workers` when that is more
    Duration sync_interval = std::chrono::seconds(5);
    // tunnels
    std::uint8_t hops = 3; ///< of new torrents; 0: plain, no anonymity
    std::uint32_t circuits_per_worker = 2;
    // roles
    RoleSettings relay;
    RoleSettings exit;
    std::uint64_t exit_destination_rate_bytes_per_s = 4 << 20; ///< 0: no limit
    std::vector<std::uint16_t> exit_refused_ports{0, 25, 53};
    std::uint32_t exit_fan_out_per_min = 600;
    std::uint64_t month_bytes = 0; ///< cap on traffic for others; 0: none
    // torrents
    std::filesystem::path download_folder; ///< empty: the user's download folder
    Endpoint torrent_listen;               ///< of plain (0 hops) torrents; port 0: any
    bool containment = true;
    bool containment_required = false; ///< refuse to carry anonymous torrents where the system refuses containment
    std::vector<Endpoint> dht_nodes;   ///< entry points of the DHT; empty: it has none
    bool record_peers = false;         ///< remember who connected (the demo's proof); bounded
    // log
    log::Level log_level = log::Level::info;

    [[nodiscard]] OverlayBytes effective_overlay() const noexcept;
};

enum class SettingKind : std::uint8_t { text, number, flag, list };

/// One key. `apply` gets the value as texts (one, or any number for a list) and returns false when it is not right.
struct SettingKey {
    std::string_view path; ///< "network.join"
    SettingKind kind;
    std::string_view fallback; ///< the default as it would be written; empty: none, or said by `what`
    std::string_view what;     ///< one line for the user
    std::string_view expects;  ///< completes "expected ..."
    bool (*apply)(Settings&, std::span<const std::string>);
};

[[nodiscard]] std::span<const SettingKey> setting_keys() noexcept;
/// nullptr when there is no such key.
[[nodiscard]] const SettingKey* find_setting(std::string_view path) noexcept;
/// The known key that is nearest in spelling; empty when none is near.
[[nodiscard]] std::string_view similar_setting(std::string_view path);
/// "network.join" -> "CEPA_NETWORK_JOIN".
[[nodiscard]] std::string environment_name(std::string_view path);

/// A key given on the command line: its flag's name, for messages, and the texts.
struct SettingOverride {
    std::string path;
    std::string flag;
    std::vector<std::string> values;
};

/// Applies every CEPA_* variable of `environment` ("NAME=value"). Lists are separated by commas. Throws Misuse that
/// names the variable, and for one that is no setting the setting that is probably meant: what is ignored in silence
/// could have been the hop count. CEPA_CONFIG and CEPA_STATE belong to the command line, a few others to our tests.
void apply_environment(Settings& settings, std::span<const std::string> environment);
/// Throws Misuse that names the flag.
void apply_override(Settings& settings, const SettingOverride& given);
/// Throws Misuse when values contradict each other.
void check_settings(const Settings& settings);
/// The workers to run: `workers`, or the cores this process may use.
[[nodiscard]] std::uint32_t effective_workers(const Settings& settings);
[[nodiscard]] std::uint32_t effective_max_workers(const Settings& settings);

} // namespace cepa::main
