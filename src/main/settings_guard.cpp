#include "main/settings_guard.hpp"

#include <fmt/format.h>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/socket_type.hpp>

#include <array>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
using lt::settings_pack;

constexpr std::array kGuardedNumbers{settings_pack::proxy_type, settings_pack::proxy_port};
constexpr std::array kGuardedTexts{settings_pack::proxy_hostname, settings_pack::listen_interfaces,
                                   settings_pack::dht_bootstrap_nodes, settings_pack::announce_ip,
                                   settings_pack::i2p_hostname};
constexpr std::array kGuardedFlags{settings_pack::proxy_hostnames,
                                   settings_pack::proxy_peer_connections,
                                   settings_pack::proxy_tracker_connections,
                                   settings_pack::anonymous_mode,
                                   settings_pack::enable_incoming_tcp,
                                   settings_pack::enable_outgoing_tcp,
                                   settings_pack::enable_lsd,
                                   settings_pack::enable_upnp,
                                   settings_pack::enable_natpmp,
                                   settings_pack::enable_ip_notifier,
                                   settings_pack::allow_i2p_mixed};

/// Under a proxy there is one socket, for uTP; libtorrent binds it to 0.0.0.0 whatever listen_interfaces says.
std::optional<std::string> guard_listening(const lt::listen_succeeded_alert& alert)
{
    const bool udp = alert.socket_type == lt::socket_type_t::utp || alert.socket_type == lt::socket_type_t::socks5;
    if (udp && (alert.address.is_loopback() || alert.address.is_unspecified()) && alert.address.is_v4())
        return std::nullopt;
    return fmt::format("it listens where an anonymous session must not: {}", alert.message());
}

} // namespace

std::optional<std::string> guard_alert(const lt::alert& alert)
{
    if (const auto* listening = lt::alert_cast<lt::listen_succeeded_alert>(&alert)) return guard_listening(*listening);
    if (lt::alert_cast<lt::portmap_alert>(&alert) != nullptr ||
        lt::alert_cast<lt::portmap_error_alert>(&alert) != nullptr ||
        lt::alert_cast<lt::portmap_log_alert>(&alert) != nullptr)
        return "port mapping is active: " + alert.message();
    if (lt::alert_cast<lt::lsd_peer_alert>(&alert) != nullptr || lt::alert_cast<lt::lsd_error_alert>(&alert) != nullptr)
        return "local discovery is active: " + alert.message();
    if (const auto* dht = lt::alert_cast<lt::dht_error_alert>(&alert);
        dht != nullptr && dht->op == lt::operation_t::hostname_lookup)
        return "the DHT looks a name up: " + alert.message();
    return std::nullopt;
}

std::optional<std::string> guard_settings(const settings_pack& wanted, const settings_pack& actual)
{
    const auto differs = [](int name) { return fmt::format("its setting {} changed", lt::name_for_setting(name)); };
    for (const int name : kGuardedNumbers)
        if (wanted.get_int(name) != actual.get_int(name)) return differs(name);
    for (const int name : kGuardedTexts)
        if (wanted.get_str(name) != actual.get_str(name)) return differs(name);
    for (const int name : kGuardedFlags)
        if (wanted.get_bool(name) != actual.get_bool(name)) return differs(name);
    return std::nullopt;
}

} // namespace cepa::main
