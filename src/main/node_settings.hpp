// From the user's settings to what the tunnels get: the one place where a choice of the public network turns into
// addresses to talk to. Process: main, start-up.
#pragma once

#include "main/settings.hpp"
#include "proto/control.pb.h"

#include <string>

namespace cepa::main {

/// `network`: guards and known exits of the last run. `month_bytes_used`: traffic for others this month.
[[nodiscard]] proto::NodeSettings node_settings(const Settings& settings, const proto::Share& network,
                                                std::uint64_t month_bytes_used);

/// Whether somebody chose a network: joined one explicitly, or named the overlay, peers or servers of a private one.
[[nodiscard]] bool has_network(const Settings& settings) noexcept;
/// What to say when nobody did: how to join, and how to try the demo.
[[nodiscard]] const char* how_to_join() noexcept;

[[nodiscard]] std::string overlay_hex(const OverlayBytes& overlay);
void put_endpoint(proto::IpEndpoint& to, const Endpoint& from);
/// The null endpoint when the message holds no address.
[[nodiscard]] Endpoint endpoint_of(const proto::IpEndpoint& from) noexcept;

} // namespace cepa::main
