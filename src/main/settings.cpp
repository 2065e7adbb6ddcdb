#include "main/settings.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <sched.h>
#include <utility>

namespace cepa::main {
namespace {

std::vector<std::string> split_list(std::string_view text)
{
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view item = text.substr(0, comma);
        while (item.starts_with(' '))
            item.remove_prefix(1);
        while (item.ends_with(' '))
            item.remove_suffix(1);
        if (!item.empty()) out.emplace_back(item);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return out;
}

/// CEPA_* variables that others read: the command line and the test programs.
bool not_a_setting(std::string_view name)
{
    constexpr std::array<std::string_view, 4> kOthers{"CEPA_CONFIG", "CEPA_STATE", "CEPA_IPV8_VECTORS",
                                                      "CEPA_REQUIRE_INTEROP"};
    return std::ranges::find(kOthers, name) != kOthers.end() || name.starts_with("CEPA_TEST_") ||
           name.starts_with("CEPA_KILL_");
}

/// The setting that a wrong variable's name stands nearest to: CEPA_HOPS has the key's last part, CEPA_WORKERS its
/// section, CEPA_NETWORK_JION a slip of the hand. Empty when none is near.
std::string_view meant_by(std::string_view name)
{
    std::string path;
    for (const char c : name.substr(std::string_view("CEPA_").size()))
        path += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const SettingKey& key : setting_keys())
        if (key.path.substr(key.path.find('.') + 1) == path) return key.path;
    for (const SettingKey& key : setting_keys())
        if (key.path.substr(0, key.path.find('.')) == path) return key.path;
    if (const std::size_t line = path.find('_'); line != std::string::npos) path[line] = '.';
    return similar_setting(path);
}

std::uint32_t usable_cores() noexcept
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::uint32_t>(std::clamp(CPU_COUNT(&set), 1, 64));
}

} // namespace

OverlayBytes tribler_overlay() noexcept
{
    return {0xa3, 0x59, 0x1a, 0x6b, 0xd8, 0x9b, 0xba, 0xca, 0x09, 0x74,
            0x06, 0x2a, 0x12, 0x87, 0xaf, 0xcf, 0xbc, 0x6f, 0xd6, 0xbc};
}

OverlayBytes default_private_overlay() noexcept
{
    OverlayBytes out{};
    constexpr std::string_view kText = "cepa private overlay";
    static_assert(kText.size() == std::tuple_size_v<OverlayBytes>);
    std::memcpy(out.data(), kText.data(), out.size());
    return out;
}

OverlayBytes Settings::effective_overlay() const noexcept
{
    if (overlay) return *overlay;
    return join == Join::public_network ? tribler_overlay() : default_private_overlay();
}

std::string environment_name(std::string_view path)
{
    std::string out = "CEPA_";
    for (const char c : path)
        out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

void apply_environment(Settings& settings, std::span<const std::string> environment)
{
    for (const std::string& entry : environment) {
        const std::size_t equals = entry.find('=');
        if (equals == std::string::npos || !entry.starts_with("CEPA_")) continue;
        const std::string name = entry.substr(0, equals);
        const std::string value = entry.substr(equals + 1);
        const auto key =
            std::ranges::find_if(setting_keys(), [&](const SettingKey& k) { return environment_name(k.path) == name; });
        if (key == setting_keys().end()) {
            if (not_a_setting(name)) continue;
            const std::string_view near = meant_by(name);
            throw Misuse(fmt::format("environment variable {}: there is no such setting; {}", name,
                                     near.empty() ? "see cepa settings"
                                                  : fmt::format("did you mean {}?", environment_name(near))));
        }
        const auto values = key->kind == SettingKind::list ? split_list(value) : std::vector{value};
        if (!key->apply(settings, values))
            throw Misuse(fmt::format("environment variable {}=\"{}\": expected {}", name, value, key->expects));
    }
}

void apply_override(Settings& settings, const SettingOverride& given)
{
    const SettingKey* key = find_setting(given.path);
    if (key == nullptr) throw std::logic_error("no setting " + given.path);
    if (!key->apply(settings, given.values))
        throw Misuse(fmt::format("{} {}: expected {}", given.flag, fmt::join(given.values, " "), key->expects));
}

void check_settings(const Settings& s)
{
    const bool strangers = s.join == Join::public_network || s.effective_overlay() == tribler_overlay();
    if (strangers && s.allow_loopback)
        throw Misuse("network.allow_loopback is for private overlays only: remove it, or choose network.join = "
                     "\"private\" and an overlay of your own");
    if (strangers && s.allow_equal_prefixes)
        throw Misuse("network.allow_equal_prefixes is for private overlays only: remove it, or choose network.join = "
                     "\"private\" and an overlay of your own");
    for (const auto* named : {&s.peers, &s.bootstrap})
        for (const Endpoint& peer : *named)
            if (peer.ip.is_loopback() && !s.allow_loopback)
                throw Misuse(
                    fmt::format("{} is on this machine: a network on loopback needs network.allow_loopback = true in "
                                "cepa.toml, or CEPA_NETWORK_ALLOW_LOOPBACK=true, on each of its nodes",
                                peer.to_string()));
    if (s.join == Join::public_network && !s.bootstrap.empty())
        throw Misuse("network.bootstrap is for private networks only: the public network has its own servers");
    if (s.workers && s.max_workers && *s.workers > *s.max_workers)
        throw Misuse(fmt::format("workers.count = {} is more than workers.max = {}", *s.workers, *s.max_workers));
    if (s.listen.ip.v6) throw Misuse("network.listen: expected an IPv4 address; the tunnel protocol has no other");
}

std::uint32_t effective_workers(const Settings& settings)
{
    if (settings.workers) return *settings.workers;
    return std::min(usable_cores(), settings.max_workers.value_or(64));
}

std::uint32_t effective_max_workers(const Settings& settings)
{
    return std::max({settings.max_workers.value_or(usable_cores()), effective_workers(settings), 1u});
}

} // namespace cepa::main
