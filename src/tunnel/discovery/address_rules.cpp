#include "tunnel/discovery/address_rules.hpp"

namespace cepa::tunnel {
namespace {

/// 0/8, multicast, reserved and broadcast: never a host.
bool is_host(const Endpoint& address) noexcept
{
    const std::uint8_t first = address.ip.bytes[0];
    return !address.ip.v6 && address.port != 0 && first != 0 && first < 224;
}

} // namespace

bool may_contact_in_lan(const TunnelSettings& settings, const Endpoint& address) noexcept
{
    if (!is_host(address)) return false;
    if (address.ip.is_loopback()) return settings.allow_loopback && !settings.public_network;
    return true;
}

bool may_contact(const TunnelSettings& settings, const Endpoint& address) noexcept
{
    if (settings.public_network && !address.ip.is_global_unicast()) return false;
    return may_contact_in_lan(settings, address);
}

} // namespace cepa::tunnel
