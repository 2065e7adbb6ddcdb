// Input: a datagram at an exit; its first bytes also as the destination.
#include "fuzz/fuzz.hpp"

#include "tunnel/exit/exit_policy.hpp"

using namespace cepa;
using namespace cepa::tunnel;

namespace {

ExitPolicy policy(bool bittorrent, bool ipv8)
{
    TunnelSettings settings;
    settings.exit_bittorrent = bittorrent;
    settings.exit_ipv8 = ipv8;
    return {settings, make_prefix(settings.overlay)};
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const ExitPolicy relay = policy(false, false);
    static const ExitPolicy bittorrent = policy(true, false);
    static const ExitPolicy ipv8 = policy(false, true);
    static const ExitPolicy both = policy(true, true);
    const ByteSpan input(data, size);
    const DatagramKind kind = DatagramKind::of(input);
    fuzz::require(bittorrent.allows(input) == (kind.bittorrent() || relay.allows(input)));
    fuzz::require(ipv8.allows(input) == kind.ipv8);
    fuzz::require(both.allows(input) == (bittorrent.allows(input) || ipv8.allows(input)));

    Reader reader(input);
    const Endpoint destination = read_endpoint(reader);
    if (relay.allows(destination)) {
        const IpAddress ip = destination.ip.unmapped();
        fuzz::require(ip.is_global_unicast() && !ip.is_loopback() && !ip.is_private() && destination.port != 0);
    }
    return 0;
}
