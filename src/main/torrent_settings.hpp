// The settings of libtorrent sessions, complete before the session exists: a session that is made first and set up
// later has sent discovery packets in between. Anonymous sessions speak uTP through a loopback SOCKS5 listener and
// nothing else; plain ones are an ordinary client. Process: main; pure functions.
#pragma once

#include "main/torrent_types.hpp"

#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace cepa::main {

struct SessionLimits {
    std::uint32_t download_bytes_per_s = 0; ///< 0: no limit
    std::uint32_t upload_bytes_per_s = 0;
};

/// For hops >= 1. `proxy_port` is that of the session's own SOCKS5 listener on 127.0.0.1. The DHT is off: it is
/// switched on once the route carries traffic. `contained`: its sockets are in an empty network namespace.
[[nodiscard]] libtorrent::settings_pack anonymous_settings(std::uint16_t proxy_port, const SessionLimits& limits,
                                                           bool contained = false);

/// For hops 0. `listen` is "ADDRESS:PORT"; `discover` allows the DHT, local discovery and port mapping.
[[nodiscard]] libtorrent::settings_pack plain_settings(const std::string& listen, bool discover,
                                                       const SessionLimits& limits);

/// Where its DHT enters, once it is on. Literal addresses only: a name would go to the system's resolver.
void set_dht_nodes(libtorrent::settings_pack& pack, std::span<const Endpoint> nodes);

/// The parameters of a session's constructor: the settings, no saved DHT state, and the disk backend that measured
/// faster.
[[nodiscard]] libtorrent::session_params session_parameters(const libtorrent::settings_pack& settings);

} // namespace cepa::main
