// Which addresses the overlay may have to do with, so that nobody can aim our packets at hosts that are none of the
// network's. The tunnel overlay is IPv4 only. Pure functions. Process: worker 0, io thread.
// Spec: docs/protocol.md, sections 1, 5.3 and 18.
#pragma once

#include "base/address.hpp"
#include "tunnel/settings.hpp"

namespace cepa::tunnel {

/// Whether a packet may go to, and a peer live at, `address`: on the public network what the Internet routes; on a
/// private one also private ranges, and loopback where the settings allow it.
[[nodiscard]] bool may_contact(const TunnelSettings& settings, const Endpoint& address) noexcept;

/// The same for an address that is said to lie on our own LAN: private ranges too.
[[nodiscard]] bool may_contact_in_lan(const TunnelSettings& settings, const Endpoint& address) noexcept;

} // namespace cepa::tunnel
