// What may leave through our exit: which datagrams (by what they look like) and to which destinations. Pure decisions.
// It does not resolve names: the addresses that a name resolved to are asked about one by one.
// Process: worker, io thread. Spec: docs/protocol.md, sections 13 and 18.
#pragma once

#include "base/address.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/settings.hpp"

#include <cstdint>
#include <vector>

namespace cepa::tunnel {

/// What a datagram looks like; it may look like several.
struct DatagramKind {
    bool utp = false;
    bool udp_tracker = false;
    bool dht = false;
    bool ipv8 = false;

    [[nodiscard]] static DatagramKind of(ByteSpan datagram) noexcept;
    [[nodiscard]] bool bittorrent() const noexcept { return utp || udp_tracker || dht; }
};

class ExitPolicy {
public:
    /// What the settings say an exit of ours does, in the overlay of `tunnel_prefix`.
    ExitPolicy(const TunnelSettings& settings, const Prefix& tunnel_prefix);

    /// Both ways: what leaves and what comes back. Packets of the tunnel overlay itself pass every node.
    [[nodiscard]] bool allows(ByteSpan datagram) const noexcept;
    /// Global unicast only (an IPv4 address inside an IPv6 one counts as itself), no refused port, not ourselves.
    /// Loopback only where the settings allow it.
    [[nodiscard]] bool allows(const Endpoint& destination) const noexcept;

    /// Whether `datagram`, which allows() passed, may go to `destination`: as above, and to the node's own port what
    /// hidden services say there (section 14.3): who looks for a seeder may do so through its introduction point.
    [[nodiscard]] bool allows(ByteSpan datagram, const Endpoint& destination) const noexcept;

    /// Our own addresses, LAN and WAN: never a destination, on any port (on loopback, which nodes may share, only on
    /// the very port).
    void set_own_addresses(std::vector<Endpoint> addresses) { own_ = std::move(addresses); }
    /// Those of this machine's interfaces: as own ones. Loopback ones are left out, as nodes may share them.
    void set_host_addresses(const std::vector<IpAddress>& addresses);
    /// Replaces the refused ports of the settings.
    void set_refused_ports(std::vector<std::uint16_t> ports) { refused_ports_ = std::move(ports); }

private:
    [[nodiscard]] bool is_own_port(const Endpoint& destination) const noexcept;
    [[nodiscard]] bool is_own(const Endpoint& destination) const noexcept;

    Prefix tunnel_prefix_;
    bool bittorrent_;
    bool ipv8_;
    bool allow_loopback_;
    std::vector<std::uint16_t> refused_ports_;
    std::vector<Endpoint> own_;
    std::vector<IpAddress> host_;
};

} // namespace cepa::tunnel
