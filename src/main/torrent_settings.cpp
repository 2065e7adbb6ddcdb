#include "main/torrent_settings.hpp"

#include "main/engine_buffer.hpp"

#include <libtorrent/alert.hpp>
#include <libtorrent/disk_interface.hpp>
#include <libtorrent/fingerprint.hpp>
#include <libtorrent/posix_disk_io.hpp>

#include <limits>

namespace cepa::main {
namespace {

namespace lt = libtorrent;
using lt::settings_pack;

/// While the DHT runs libtorrent tells every peer the port that it listens on (BEP 5, PORT), hidden peers too. One drawn
/// for the session would show whoever is linked to two of its torrents that one node has both; this one is what most
/// clients say. Nobody can find a session by it: it is bound in an empty network namespace.
constexpr const char* kContainedListen = "127.0.0.1:6881";

void set_flags(settings_pack& pack, std::initializer_list<std::pair<int, bool>> values)
{
    for (const auto& [name, value] : values)
        pack.set_bool(name, value);
}

void set_numbers(settings_pack& pack, std::initializer_list<std::pair<int, int>> values)
{
    for (const auto& [name, value] : values)
        pack.set_int(name, value);
}

int limit(std::uint32_t bytes_per_s)
{
    constexpr std::uint32_t kMost = std::numeric_limits<int>::max();
    return static_cast<int>(std::min(bytes_per_s, kMost));
}

/// What both kinds share: what we want to hear, and what makes uTP over loopback fast.
void set_shared(settings_pack& pack, const SessionLimits& limits)
{
    namespace alerts = lt::alert_category;
    const lt::alert_category_t heard =
        alerts::error | alerts::status | alerts::storage | alerts::connect | alerts::port_mapping | alerts::dht;
    pack.set_int(settings_pack::alert_mask, static_cast<int>(static_cast<std::uint32_t>(heard)));
    set_numbers(pack, {
                          {settings_pack::recv_socket_buffer_size, kWantedReceiveBuffer},
                          {settings_pack::send_socket_buffer_size, kWantedReceiveBuffer},
                          {settings_pack::download_rate_limit, limit(limits.download_bytes_per_s)},
                          {settings_pack::upload_rate_limit, limit(limits.upload_bytes_per_s)},
                          {settings_pack::alert_queue_size, 10'000},
                          {settings_pack::stop_tracker_timeout, 1},
                          {settings_pack::connection_speed, 200},
                      });
    set_flags(pack, {
                        // Many circuits end at one exit, so many peers share its address.
                        {settings_pack::allow_multiple_connections_per_ip, true},
                        {settings_pack::allow_i2p_mixed, false}, // one .i2p tracker would block every other peer
                        {settings_pack::allow_idna, false},
                        {settings_pack::ssrf_mitigation, true},
                        {settings_pack::validate_https_trackers, true},
                    });
    pack.set_str(settings_pack::i2p_hostname, "");
    // Names in here go to the system's resolver whatever the proxy settings say.
    pack.set_str(settings_pack::dht_bootstrap_nodes, "");
}

} // namespace

settings_pack anonymous_settings(std::uint16_t proxy_port, const SessionLimits& limits, bool contained)
{
    settings_pack pack;
    set_shared(pack, limits);
    pack.set_str(settings_pack::proxy_hostname, "127.0.0.1");      // a literal: a name would be looked up
    // Loopback is the net below, should anybody clear the proxy.
    pack.set_str(settings_pack::listen_interfaces, contained ? kContainedListen : "127.0.0.1:0");
    pack.set_str(settings_pack::announce_ip, "");
    pack.set_str(settings_pack::user_agent, "");
    pack.set_str(settings_pack::handshake_client_version, "");
    // What most clients of the swarm send: libtorrent's own, in its newest common form.
    pack.set_str(settings_pack::peer_fingerprint, lt::generate_fingerprint("qB", 4, 6, 7, 0));
    set_numbers(pack, {
                          {settings_pack::proxy_type, static_cast<int>(settings_pack::socks5)},
                          {settings_pack::proxy_port, proxy_port},
                          // A failed connect is nearly always a circuit of ours: try again soon and often (default: 60
                          // s, 3 times). libtorrent connects once a second, so 0 would not be faster.
                          {settings_pack::min_reconnect_time, 1},
                          {settings_pack::max_failcount, 20},
                          {settings_pack::peer_timeout, 60},
                          // Its pieces are chosen by a hash of the peer's address, which may be a made-up one.
                          {settings_pack::allowed_fast_set_size, 0},
                      });
    set_flags(pack, {
                        {settings_pack::proxy_hostnames, true},
                        {settings_pack::proxy_peer_connections, true},
                        {settings_pack::proxy_tracker_connections, true},
                        {settings_pack::socks5_udp_send_local_ep, true},
                        {settings_pack::anonymous_mode, true},
                        {settings_pack::enable_incoming_tcp, false},
                        {settings_pack::enable_outgoing_tcp, false}, // until the listener offers CONNECT
                        {settings_pack::enable_incoming_utp, true},
                        {settings_pack::enable_outgoing_utp, true},
                        {settings_pack::enable_dht, false},
                        {settings_pack::enable_lsd, false},
                        {settings_pack::enable_upnp, false},
                        {settings_pack::enable_natpmp, false},
                        {settings_pack::enable_ip_notifier, false},
                        {settings_pack::support_share_mode, false},
                        {settings_pack::dht_prefer_verified_node_ids, false},
                        {settings_pack::apply_ip_filter_to_trackers, false}, // of torrents with hidden peers only
                    });
    return pack;
}

settings_pack plain_settings(const std::string& listen, bool discover, const SessionLimits& limits)
{
    settings_pack pack;
    set_shared(pack, limits);
    pack.set_str(settings_pack::listen_interfaces, listen);
    set_flags(pack, {
                        {settings_pack::enable_dht, discover},
                        {settings_pack::enable_lsd, discover},
                        {settings_pack::enable_upnp, discover},
                        {settings_pack::enable_natpmp, discover},
                        {settings_pack::enable_ip_notifier, discover},
                        {settings_pack::listen_system_port_fallback, false},
                    });
    set_numbers(pack,
                {
                    {settings_pack::min_reconnect_time, 10},
                    {settings_pack::max_failcount, 10},
                    {settings_pack::max_retry_port_bind, 0}, // a port in use is said, not replaced by the next one
                });
    return pack;
}

void set_dht_nodes(settings_pack& pack, std::span<const Endpoint> nodes)
{
    std::string text;
    for (const Endpoint& node : nodes)
        text += (text.empty() ? "" : ",") + node.to_string();
    pack.set_str(settings_pack::dht_bootstrap_nodes, text);
}

lt::session_params session_parameters(const settings_pack& settings)
{
    lt::session_params parameters(settings);
    // Torrents with hidden peers only are the ones that it applies to (torrent_source.cpp): a net below what keeps open
    // addresses from them.
    const auto block = [&](const char* first, const char* last) {
        parameters.ip_filter.add_rule(lt::make_address(first), lt::make_address(last), lt::ip_filter::blocked);
    };
    block("0.0.0.0", "239.255.255.255");
    block("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    // No hand-over between network and disk threads: faster and half the CPU time with uTP: docs/decisions/0011.
    parameters.disk_io_constructor = lt::posix_disk_io_constructor;
    return parameters;
}

} // namespace cepa::main
