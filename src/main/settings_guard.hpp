// The guard of an anonymous session: signs that it could reach the network past its SOCKS5 listener. Any of them ends
// the session within a second, loudly. Containment makes such a leak impossible where the system allows it; the guard
// is what remains elsewhere, and a witness where it does. Process: main; pure functions over libtorrent's values.
#pragma once

#include <libtorrent/alert.hpp>
#include <libtorrent/settings_pack.hpp>

#include <optional>
#include <string>

namespace cepa::main {

/// Why `alert` of an anonymous session must end it; nullopt for every harmless one. What a peer said is none: the address
/// it claims to see us under (external_ip_alert) would let it test whether this is the machine of that address.
[[nodiscard]] std::optional<std::string> guard_alert(const libtorrent::alert& alert);

/// Compares what a session says its settings are with what it was given; nullopt when all that matters for anonymity is
/// unchanged. enable_dht may differ.
[[nodiscard]] std::optional<std::string> guard_settings(const libtorrent::settings_pack& wanted,
                                                        const libtorrent::settings_pack& actual);

} // namespace cepa::main
