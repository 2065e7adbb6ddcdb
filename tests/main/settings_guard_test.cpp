// Alerts cannot be made by hand, so the guard's view of them is tested on real sessions: see torrent_session_test.cpp.
#include "main/settings_guard.hpp"
#include "main/torrent_settings.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using p = libtorrent::settings_pack;

TEST(SettingsGuard, UnchangedSettingsAreFine)
{
    const p wanted = anonymous_settings(1234, {});
    EXPECT_FALSE(guard_settings(wanted, wanted));
    p actual = wanted;
    actual.set_bool(p::enable_dht, true);
    actual.set_int(p::download_rate_limit, 5);
    EXPECT_FALSE(guard_settings(wanted, actual)) << "these may change";
}

TEST(SettingsGuard, EveryWayOutIsNoticed)
{
    const p wanted = anonymous_settings(1234, {});
    for (const int name : {p::proxy_type, p::proxy_port}) {
        p actual = wanted;
        actual.set_int(name, 0);
        EXPECT_NE(guard_settings(wanted, actual).value_or("").find(libtorrent::name_for_setting(name)),
                  std::string::npos);
    }
    for (const int name :
         {p::proxy_hostname, p::listen_interfaces, p::dht_bootstrap_nodes, p::announce_ip, p::i2p_hostname}) {
        p actual = wanted;
        actual.set_str(name, "192.0.2.1:6881");
        EXPECT_TRUE(guard_settings(wanted, actual)) << libtorrent::name_for_setting(name);
    }
    for (const int name : {p::proxy_hostnames, p::proxy_peer_connections, p::proxy_tracker_connections,
                           p::anonymous_mode, p::enable_incoming_tcp, p::enable_outgoing_tcp, p::enable_lsd,
                           p::enable_upnp, p::enable_natpmp, p::enable_ip_notifier, p::allow_i2p_mixed}) {
        p actual = wanted;
        actual.set_bool(name, !wanted.get_bool(name));
        EXPECT_TRUE(guard_settings(wanted, actual)) << libtorrent::name_for_setting(name);
    }
}

} // namespace
} // namespace cepa::main
