#include "tunnel/exit/exit_policy.hpp"

#include "base/utp.hpp"

#include <algorithm>

namespace cepa::tunnel {
namespace {

bool is_udp_tracker(ByteSpan b) noexcept
{
    constexpr std::uint32_t last_action = 3; // connect, announce, scrape, error
    const bool answer = b.size() >= 8 && Reader(b).u32() <= last_action;
    const bool request = b.size() >= 12 && Reader(b.subspan(8)).u32() <= last_action;
    return answer || request;
}

bool is_dht(ByteSpan b) noexcept
{
    return b.size() >= 2 && b.front() == 'd' && b.back() == 'e';
}

bool is_ipv8(ByteSpan b) noexcept
{
    return b.size() > kPrefixSize && b[0] == 0 && (b[1] == 1 || b[1] == 2);
}

/// A packet between a downloader and an introduction point, outside cells.
bool is_for_introductions(ByteSpan datagram, const Prefix& tunnel_prefix) noexcept
{
    if (!has_prefix(datagram, tunnel_prefix)) return false;
    switch (static_cast<MessageId>(packet_message_id(datagram))) {
    case MessageId::create_e2e:
    case MessageId::created_e2e:
    case MessageId::peers_request:
    case MessageId::peers_response:
        return true;
    default:
        return false;
    }
}

} // namespace

DatagramKind DatagramKind::of(ByteSpan datagram) noexcept
{
    return {is_utp(datagram), is_udp_tracker(datagram), is_dht(datagram), is_ipv8(datagram)};
}

ExitPolicy::ExitPolicy(const TunnelSettings& settings, const Prefix& tunnel_prefix)
    : tunnel_prefix_(tunnel_prefix), bittorrent_(settings.exit_bittorrent), ipv8_(settings.exit_ipv8),
      allow_loopback_(settings.allow_loopback && !settings.public_network), refused_ports_(settings.exit_refused_ports)
{
}

void ExitPolicy::set_host_addresses(const std::vector<IpAddress>& addresses)
{
    host_.clear();
    for (const IpAddress& address : addresses)
        if (const IpAddress ip = address.unmapped(); !ip.is_loopback()) host_.push_back(ip);
}

bool ExitPolicy::allows(ByteSpan datagram) const noexcept
{
    const DatagramKind kind = DatagramKind::of(datagram);
    if (bittorrent_ && kind.bittorrent()) return true;
    return kind.ipv8 && (ipv8_ || has_prefix(datagram, tunnel_prefix_));
}

bool ExitPolicy::allows(const Endpoint& destination) const noexcept
{
    const Endpoint plain{destination.ip.unmapped(), destination.port};
    if (plain.port == 0 || std::ranges::find(refused_ports_, plain.port) != refused_ports_.end()) return false;
    if (is_own(plain)) return false;
    return plain.ip.is_global_unicast() || (allow_loopback_ && plain.ip.is_loopback());
}

bool ExitPolicy::allows(ByteSpan datagram, const Endpoint& destination) const noexcept
{
    if (allows(destination)) return true;
    return is_for_introductions(datagram, tunnel_prefix_) && is_own_port(destination);
}

bool ExitPolicy::is_own_port(const Endpoint& destination) const noexcept
{
    const Endpoint plain{destination.ip.unmapped(), destination.port};
    if (!plain.ip.is_global_unicast() && !(allow_loopback_ && plain.ip.is_loopback())) return false;
    return std::ranges::any_of(own_, [&](const Endpoint& own) {
        return own.ip.unmapped() == plain.ip && own.port == plain.port && plain.port != 0;
    });
}

bool ExitPolicy::is_own(const Endpoint& destination) const noexcept
{
    if (std::ranges::find(host_, destination.ip) != host_.end()) return true;
    return std::ranges::any_of(own_, [&](const Endpoint& own) {
        const IpAddress ip = own.ip.unmapped();
        return ip == destination.ip && (own.port == destination.port || !ip.is_loopback());
    });
}

} // namespace cepa::tunnel
