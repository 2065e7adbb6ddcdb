// The table of settings: one line per key says how it is written and where it goes.
#include "main/quantity.hpp"
#include "main/settings.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace cepa::main {
namespace {

using Values = std::span<const std::string>;

template <class T>
std::optional<T> parse_number(const std::string& text, T low, T high)
{
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) return std::nullopt;
    return value;
}

std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text)
{
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> out(text.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const char* at = text.data() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, out[i], 16);
        if (error != std::errc{} || end != at + 2) return std::nullopt;
    }
    return out;
}

/// Moves a parsed value into a field; false when nothing was parsed.
template <class T, class U>
bool put(T& field, const std::optional<U>& value)
{
    if (value) field = *value;
    return value.has_value();
}

bool put_flag(bool& field, Values v)
{
    if (v[0] != "true" && v[0] != "false") return false;
    field = v[0] == "true";
    return true;
}

bool put_endpoints(std::vector<Endpoint>& field, Values values)
{
    std::vector<Endpoint> out;
    for (const std::string& text : values) {
        const auto endpoint = Endpoint::parse(text);
        if (!endpoint || endpoint->port == 0) return false;
        out.push_back(*endpoint);
    }
    field = std::move(out);
    return true;
}

bool put_join(Settings& s, Values v)
{
    if (v[0] != "public" && v[0] != "private") return false;
    s.join = v[0] == "public" ? Join::public_network : Join::private_network;
    s.join_chosen = true;
    return true;
}

bool put_overlay(Settings& s, Values v)
{
    if (v[0] == "tribler") return put(s.overlay, std::optional(tribler_overlay()));
    const auto bytes = parse_hex(v[0]);
    if (!bytes || bytes->size() != OverlayBytes{}.size()) return false;
    s.overlay.emplace();
    std::copy(bytes->begin(), bytes->end(), s.overlay->begin());
    return true;
}

bool put_family(Settings& s, Values values)
{
    constexpr std::size_t kPublicKeySize = 74; // docs/protocol.md, section 3
    std::vector<std::string> out;
    for (const std::string& text : values) {
        const auto bytes = parse_hex(text);
        if (!bytes || bytes->size() != kPublicKeySize) return false;
        out.emplace_back(bytes->begin(), bytes->end());
    }
    s.family = std::move(out);
    return true;
}

bool put_workers(Settings& s, Values v)
{
    if (v[0] == "auto") {
        s.workers.reset();
        return true;
    }
    return put(s.workers, parse_number<std::uint32_t>(v[0], 0, 64));
}

bool put_sync_interval(Settings& s, Values v)
{
    const auto interval = parse_duration(v[0]);
    if (!interval || *interval < std::chrono::milliseconds(50) || *interval > std::chrono::minutes(5)) return false;
    s.sync_interval = *interval;
    return true;
}

bool put_ports(std::vector<std::uint16_t>& field, Values values)
{
    std::vector<std::uint16_t> out;
    for (const std::string& text : values) {
        const auto port = parse_number<std::uint16_t>(text, 0, 65535);
        if (!port) return false;
        out.push_back(*port);
    }
    field = std::move(out);
    return true;
}

bool put_containment(Settings& s, Values v)
{
    if (v[0] != "true" && v[0] != "false" && v[0] != "required") return false;
    s.containment = v[0] != "false";
    s.containment_required = v[0] == "required";
    return true;
}

bool put_folder(Settings& s, Values v)
{
    if (v[0].empty() || v[0].find('\0') != std::string::npos) return false;
    s.download_folder = v[0];
    return true;
}

constexpr std::string_view kEndpoint = "ADDRESS:PORT with a literal address, such as 0.0.0.0:7759 or [::]:7759";
constexpr std::string_view kEndpoints = "addresses with ports, such as 10.0.0.1:7759 (literal addresses, no names)";
constexpr std::string_view kFlag = "true or false";
constexpr std::string_view kRate = "bytes per second, such as 5MB/s or 512KiB/s; 0 for no limit";
constexpr std::string_view kPorts = "port numbers, 0 to 65535";
constexpr std::uint32_t kMany = std::numeric_limits<std::uint32_t>::max();

constexpr SettingKey kKeys[] = {
    {"log_level", SettingKind::text, "info", "how much is logged to stderr", "trace, debug, info, warn or error",
     [](Settings& s, Values v) { return put(s.log_level, log::parse_level(v[0])); }},
    {"network.join", SettingKind::text, "private", "which network to join", "\"public\" or \"private\"", put_join},
    {"network.overlay", SettingKind::text, "", "the tunnel overlay; default: that of the network joined",
     "\"tribler\" or 40 hexadecimal digits", put_overlay},
    {"network.listen", SettingKind::text, "0.0.0.0:0", "the node's UDP address; relays and exits: port 7759", kEndpoint,
     [](Settings& s, Values v) { return put(s.listen, Endpoint::parse(v[0])); }},
    {"network.peers", SettingKind::list, "", "nodes to walk to first", kEndpoints,
     [](Settings& s, Values v) { return put_endpoints(s.peers, v); }},
    {"network.bootstrap", SettingKind::list, "", "rendezvous servers of a private network", kEndpoints,
     [](Settings& s, Values v) { return put_endpoints(s.bootstrap, v); }},
    {"network.family", SettingKind::list, "", "public keys of your other nodes: no path takes two of them",
     "public keys of 148 hexadecimal digits", put_family},
    {"network.allow_loopback", SettingKind::flag, "false", "nodes and exits may talk to addresses of this machine (private overlays only)", kFlag,
     [](Settings& s, Values v) { return put_flag(s.allow_loopback, v); }},
    {"network.allow_equal_prefixes", SettingKind::flag, "false",
     "paths may take two nodes of one /16 (private overlays only)", kFlag,
     [](Settings& s, Values v) { return put_flag(s.allow_equal_prefixes, v); }},
    {"network.front_process", SettingKind::flag, "false", "main owns the UDP socket, as where the kernel cannot steer",
     kFlag, [](Settings& s, Values v) { return put_flag(s.front_process, v); }},
    {"workers.count", SettingKind::text, "auto", "worker processes; auto: one per core; 0: everything in one process",
     "\"auto\" or a number from 0 to 64", put_workers},
    {"workers.max", SettingKind::number, "", "the most that cepa workers N may ask for; default: the cores",
     "a number from 1 to 64",
     [](Settings& s, Values v) { return put(s.max_workers, parse_number<std::uint32_t>(v[0], 1, 64)); }},
    {"workers.sync_interval", SettingKind::text, "5s", "how often workers report",
     "a time from 50ms to 5min, such as 5s", put_sync_interval},
    {"tunnels.hops", SettingKind::number, "3", "hops of get and add without --hops; 0: plain, no anonymity",
     "a number of hops from 0 (plain, no anonymity) to 5",
     [](Settings& s, Values v) { return put(s.hops, parse_number<std::uint8_t>(v[0], 0, 5)); }},
    {"tunnels.circuits_per_worker", SettingKind::number, "2", "circuits kept per worker and route",
     "a number from 1 to 16",
     [](Settings& s, Values v) { return put(s.circuits_per_worker, parse_number<std::uint32_t>(v[0], 1, 16)); }},
    {"relay.enabled", SettingKind::flag, "false", "forward other people's cells", kFlag,
     [](Settings& s, Values v) { return put_flag(s.relay.enabled, v); }},
    {"relay.rate", SettingKind::text, "0", "cap on what is relayed", kRate,
     [](Settings& s, Values v) { return put(s.relay.rate_bytes_per_s, parse_rate(v[0])); }},
    {"relay.month", SettingKind::text, "0", "cap on all traffic for others",
     "a size per calendar month, such as 500GB; 0 for no limit",
     [](Settings& s, Values v) { return put(s.month_bytes, parse_size(v[0])); }},
    {"exit.enabled", SettingKind::flag, "false", "open UDP sockets for other people: the world sees your address",
     kFlag, [](Settings& s, Values v) { return put_flag(s.exit.enabled, v); }},
    {"exit.rate", SettingKind::text, "0", "cap on what leaves and enters here for others", kRate,
     [](Settings& s, Values v) { return put(s.exit.rate_bytes_per_s, parse_rate(v[0])); }},
    {"exit.refused_ports", SettingKind::list, R"(["0", "25", "53"])", "ports that nothing is sent to for others", kPorts,
     [](Settings& s, Values v) { return put_ports(s.exit_refused_ports, v); }},
    {"exit.destination_rate", SettingKind::text, "4MiB/s", "cap per destination", kRate,
     [](Settings& s, Values v) { return put(s.exit_destination_rate_bytes_per_s, parse_rate(v[0])); }},
    {"exit.fan_out_per_minute", SettingKind::number, "600", "new destinations per circuit and minute",
     "a number of new destinations per circuit and minute, at least 1",
     [](Settings& s, Values v) { return put(s.exit_fan_out_per_min, parse_number<std::uint32_t>(v[0], 1, kMany)); }},
    {"torrents.folder", SettingKind::text, "", "where downloads go; default: the user's download folder",
     "the path of a folder", put_folder},
    {"torrents.listen", SettingKind::text, "0.0.0.0:0", "address of plain (0 hops) torrents", kEndpoint,
     [](Settings& s, Values v) { return put(s.torrent_listen, Endpoint::parse(v[0])); }},
    {"torrents.containment", SettingKind::text, "true",
     "anonymous torrents live in a network namespace; \"required\": they do not start without one",
     "true, false or \"required\"", put_containment},
    {"torrents.dht_nodes", SettingKind::list, "", "entry points of the BitTorrent DHT; without any it finds nobody",
     kEndpoints, [](Settings& s, Values v) { return put_endpoints(s.dht_nodes, v); }},
    {"torrents.record_peers", SettingKind::flag, "false", "remember the addresses that connected (the demo's proof)",
     kFlag, [](Settings& s, Values v) { return put_flag(s.record_peers, v); }},
};

/// Edit distance, for spelling mistakes; texts are short.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({change, row[j] + 1, row[j - 1] + 1}));
        }
    }
    return row.back();
}

} // namespace

std::span<const SettingKey> setting_keys() noexcept
{
    return kKeys;
}

const SettingKey* find_setting(std::string_view path) noexcept
{
    const auto found = std::ranges::find(kKeys, path, &SettingKey::path);
    return found == std::end(kKeys) ? nullptr : &*found;
}

std::string_view similar_setting(std::string_view path)
{
    constexpr std::size_t kLongest = 64;
    if (path.size() > kLongest) return {};
    std::string_view best;
    std::size_t least = 4; // further apart is no slip of the hand
    for (const SettingKey& key : kKeys) {
        const std::size_t d = distance(path, key.path);
        if (d < least) {
            least = d;
            best = key.path;
        }
    }
    return best;
}

} // namespace cepa::main
