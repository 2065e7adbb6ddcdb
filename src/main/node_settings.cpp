#include "main/node_settings.hpp"

#include "main/public_network.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cepa::main {
namespace {

/// Bits of a candidate's flags that make it an exit (docs/protocol.md, section 7).
constexpr std::uint32_t kExitFlags = 2 | 4 | 32768;
constexpr int kMostRememberedExits = 32;
constexpr std::uint32_t kMaxJoinedCircuits = 100; // docs/protocol.md, section 16

void add_bootstrap(proto::NodeSettings& out, std::span<const Endpoint> servers)
{
    for (const Endpoint& server : servers)
        put_endpoint(*out.add_bootstrap()->mutable_address(), server);
}

/// Exits of the last run are a way in that spares the servers. Only on the public network: in a private one the user
/// names who is talked to.
void add_known_exits(proto::NodeSettings& out, const proto::Share& network)
{
    int added = 0;
    for (const proto::Candidate& candidate : network.candidates())
        if ((candidate.flags() & kExitFlags) != 0 && added++ < kMostRememberedExits)
            *out.add_walk_to() = candidate.address();
}

void add_roles(proto::NodeSettings& out, const Settings& s)
{
    out.set_relay(s.relay.enabled || s.exit.enabled);
    out.set_exit_bittorrent(s.exit.enabled);
    out.set_exit_ipv8(s.exit.enabled);
    out.set_relay_rate_bytes_per_s(s.relay.rate_bytes_per_s);
    out.set_exit_rate_bytes_per_s(s.exit.rate_bytes_per_s);
    out.set_exit_fan_out_per_min(s.exit_fan_out_per_min);
    out.set_exit_destination_rate_bytes_per_s(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(s.exit_destination_rate_bytes_per_s, UINT32_MAX)));
    for (const std::uint16_t port : s.exit_refused_ports)
        out.add_exit_refused_ports(port);
    out.set_max_joined_circuits(kMaxJoinedCircuits);
}

} // namespace

proto::NodeSettings node_settings(const Settings& s, const proto::Share& network, std::uint64_t month_bytes_used)
{
    proto::NodeSettings out;
    const OverlayBytes overlay = s.effective_overlay();
    out.set_overlay_id(overlay.data(), overlay.size());
    out.set_public_network(s.join == Join::public_network);
    out.set_allow_loopback(s.allow_loopback);
    out.set_allow_equal_prefixes(s.allow_equal_prefixes);
    out.set_resolve_names(true);
    for (const Endpoint& peer : s.peers)
        put_endpoint(*out.add_walk_to(), peer);
    if (s.join == Join::public_network) {
        add_bootstrap(out, public_bootstrap_servers(s.join));
        add_known_exits(out, network);
    } else {
        add_bootstrap(out, s.bootstrap);
    }
    for (const std::string& key : s.family)
        out.add_family(key);
    add_roles(out, s);
    out.set_month_bytes(s.month_bytes);
    out.set_month_bytes_used(month_bytes_used);
    *out.mutable_guards() = network.guards();
    return out;
}

bool has_network(const Settings& settings) noexcept
{
    const bool own_overlay = settings.overlay && *settings.overlay != tribler_overlay();
    return settings.join_chosen || own_overlay || !settings.peers.empty() || !settings.bootstrap.empty();
}

const char* how_to_join() noexcept
{
    return "this needs a network, and none was chosen. Either\n"
           "  --join public        joins Tribler's public network; your node then talks to strangers;\n"
           "                       it carries their traffic only if you turn relaying or exiting on, or\n"
           "  --peer ADDRESS:PORT  joins a private network by a node that you know.\n"
           "To keep the choice write join = \"public\" under [network] into cepa.toml.\n"
           "To see everything work on this machine alone: cepa demo";
}

std::string overlay_hex(const OverlayBytes& overlay)
{
    return fmt::format("{:02x}", fmt::join(overlay, ""));
}

void put_endpoint(proto::IpEndpoint& to, const Endpoint& from)
{
    to.set_ip(from.ip.bytes.data(), from.ip.v6 ? 16U : 4U);
    to.set_port(from.port);
}

Endpoint endpoint_of(const proto::IpEndpoint& from) noexcept
{
    Endpoint out;
    if ((from.ip().size() != 4 && from.ip().size() != 16) || from.port() > 0xffff) return out;
    std::ranges::copy(from.ip(), out.ip.bytes.begin());
    out.ip.v6 = from.ip().size() == 16;
    out.port = static_cast<std::uint16_t>(from.port());
    return out;
}

} // namespace cepa::main
