#include "main/engine_buffer.hpp"
#include "main/torrent_settings.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using p = libtorrent::settings_pack;

TEST(TorrentSettings, AnonymousSessionsHaveOneWayOut)
{
    const p pack = anonymous_settings(1234, {});
    EXPECT_EQ(pack.get_int(p::proxy_type), p::socks5);
    EXPECT_EQ(pack.get_str(p::proxy_hostname), "127.0.0.1");
    EXPECT_EQ(pack.get_int(p::proxy_port), 1234);
    for (const int on : {p::proxy_hostnames, p::proxy_peer_connections, p::proxy_tracker_connections, p::anonymous_mode,
                         p::ssrf_mitigation, p::validate_https_trackers, p::socks5_udp_send_local_ep,
                         p::enable_outgoing_utp, p::enable_incoming_utp, p::allow_multiple_connections_per_ip})
        EXPECT_TRUE(pack.has_val(on) && pack.get_bool(on)) << libtorrent::name_for_setting(on);
    for (const int off : {p::enable_upnp, p::enable_natpmp, p::enable_lsd, p::enable_ip_notifier, p::enable_dht,
                          p::enable_incoming_tcp, p::enable_outgoing_tcp, p::allow_i2p_mixed, p::allow_idna,
                          p::support_share_mode, p::dht_prefer_verified_node_ids})
        EXPECT_TRUE(pack.has_val(off) && !pack.get_bool(off)) << libtorrent::name_for_setting(off);
    for (const int empty :
         {p::dht_bootstrap_nodes, p::user_agent, p::handshake_client_version, p::announce_ip, p::i2p_hostname})
        EXPECT_TRUE(pack.has_val(empty) && pack.get_str(empty).empty()) << libtorrent::name_for_setting(empty);
    EXPECT_EQ(pack.get_str(p::listen_interfaces), "127.0.0.1:0");
    EXPECT_EQ(anonymous_settings(1234, {}, true).get_str(p::listen_interfaces), "127.0.0.1:6881") << "tells nothing";
    EXPECT_EQ(pack.get_str(p::peer_fingerprint).find("LT"), std::string::npos);
}

TEST(TorrentSettings, PlainSessionsDiscoverOnlyWhereTheyMay)
{
    for (const bool discover : {false, true}) {
        const p pack = plain_settings("127.3.2.1:0", discover, {});
        EXPECT_EQ(pack.get_str(p::listen_interfaces), "127.3.2.1:0");
        for (const int setting : {p::enable_dht, p::enable_lsd, p::enable_upnp, p::enable_natpmp})
            EXPECT_TRUE(pack.has_val(setting) && pack.get_bool(setting) == discover)
                << libtorrent::name_for_setting(setting);
        EXPECT_TRUE(pack.get_str(p::dht_bootstrap_nodes).empty());
    }
}

TEST(TorrentSettings, BuffersAndLimits)
{
    const SessionLimits limits{1000, 4'000'000'000U};
    for (const p& pack : {anonymous_settings(1, limits), plain_settings("127.0.0.1:0", false, limits)}) {
        EXPECT_EQ(pack.get_int(p::recv_socket_buffer_size), kWantedReceiveBuffer);
        EXPECT_EQ(pack.get_int(p::send_socket_buffer_size), kWantedReceiveBuffer);
        EXPECT_EQ(pack.get_int(p::download_rate_limit), 1000);
        EXPECT_EQ(pack.get_int(p::upload_rate_limit), 2'147'483'647) << "libtorrent's rates are signed";
    }
}

TEST(TorrentSettings, SessionParametersCarryNoSavedDht)
{
    const libtorrent::session_params parameters = session_parameters(anonymous_settings(1, {}));
    EXPECT_TRUE(parameters.dht_state.nodes.empty());
    EXPECT_TRUE(parameters.dht_state.nids.empty());
    EXPECT_TRUE(static_cast<bool>(parameters.disk_io_constructor));
}

// A net below what keeps open addresses from torrents with hidden peers only: those ask for the filter.
TEST(TorrentSettings, TheFilterPassesMadeUpAddressesOnly)
{
    const auto parameters = session_parameters(anonymous_settings(1, {}));
    const auto passes = [&](const char* address) {
        return parameters.ip_filter.access(boost::asio::ip::make_address(address)) == 0;
    };
    for (const char* made_up : {"240.0.0.0", "241.2.3.4", "254.255.255.255"})
        EXPECT_TRUE(passes(made_up)) << made_up;
    for (const char* open : {"0.0.0.0", "8.8.8.8", "10.0.0.1", "127.0.0.1", "224.0.0.1", "239.255.255.255", "::", "::1",
                             "2001:db8::1", "::ffff:8.8.8.8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
        EXPECT_FALSE(passes(open)) << open;
    EXPECT_FALSE(parameters.settings.get_bool(libtorrent::settings_pack::apply_ip_filter_to_trackers));
}

} // namespace
} // namespace cepa::main
