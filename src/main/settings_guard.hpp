// The guard of an anonymous session: signs that it could reach the network past its SOCKS5 listener. Any of them ends
// the session within a second, loudly. Containment makes such a leak impossible where the system allows it; the guard
// is what remains elsewhere, and a witness where it does. Process: main; pure functions over libtorrent's values.
#pragma once

#include "base/address.hpp"

#include <libtorrent/alert.hpp>
#include <libtorrent/settings_pack.hpp>

#include <optional>
#include <set>
#include <string>

namespace cepa::main {

/// Why `alert` of an anonymous session must end it; nullopt for every harmless one. `own` are this machine's addresses.
[[nodiscard]] std::optional<std::string> guard_alert(const libtorrent::alert& alert, const std::set<IpAddress>& own);

/// Compares what a session says its settings are with what it was given; nullopt when all that matters for anonymity is
/// unchanged. enable_dht may differ.
[[nodiscard]] std::optional<std::string> guard_settings(const libtorrent::settings_pack& wanted,
                                                        const libtorrent::settings_pack& actual);

/// The global addresses of this machine: of its interfaces, as the calling thread's network namespace has them, and the
/// one under which others see it (behind NAT no interface has that), when it is known.
[[nodiscard]] std::set<IpAddress> own_addresses(const std::optional<IpAddress>& outside);

} // namespace cepa::main
