// What decides how the tunnels of one node behave; fixed for the life of a Tunnel. Plain values.
// Process: worker. The defaults are the deployed network's (docs/protocol.md, section 16) where it has one.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/crypto/keys.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::tunnel {

using OverlayId = std::array<std::uint8_t, 20>;

/// Bits of the flags field in introduction messages (docs/protocol.md, section 7).
enum class PeerFlag : std::uint16_t {
    relay = 1,
    exit_bittorrent = 2,
    exit_ipv8 = 4,
    speed_test = 8,
    backup_exit = 16384,
    exit_http = 32768,
};
using PeerFlags = std::uint16_t;
[[nodiscard]] constexpr bool has(PeerFlags flags, PeerFlag flag) noexcept
{
    return (flags & static_cast<PeerFlags>(flag)) != 0;
}

/// A first hop that is kept, so that time does not try every relay against us.
struct Guard {
    PublicKey key;
    Endpoint address;
    std::int64_t chosen_unix_s = 0; ///< day of choice; kept 30 days
    bool for_exits = false;         ///< of 1-hop paths, where the guard is the exit
    bool second_hop = false;        ///< of circuits for hidden services: the hop behind the first guard
    std::int64_t kept_until_unix_s = 0; ///< second_hop only: its own, drawn life
    friend bool operator==(const Guard&, const Guard&) = default;
};

struct TunnelSettings {
    OverlayId overlay{};
    bool public_network = false;
    bool relay = false;
    bool exit_bittorrent = false;
    bool exit_ipv8 = false;
    bool allow_loopback = false;       ///< needs !public_network
    bool allow_equal_prefixes = false; ///< needs !public_network
    bool resolve_names = true;
    bool discover = true; ///< walk and answer introductions: worker 0 only
    std::vector<Endpoint> walk_to;
    std::vector<Endpoint> bootstrap;
    std::vector<PublicKey> family;
    std::vector<Guard> guards;
    std::int64_t start_unix_s = 0;      ///< the wall clock at start, from which guards' days are counted; 0: unknown
    PublicKey identity_public;          ///< never a hop of ours
    std::optional<PrivateKey> identity; ///< needed to discover, relay and exit
    Endpoint listen;                    ///< own UDP address; 0.0.0.0 when bound to all
    std::uint64_t relay_rate_bytes_per_s = 0;            ///< 0: no limit
    std::uint64_t exit_rate_bytes_per_s = 0;             ///< 0: no limit
    std::uint64_t exit_destination_rate_bytes_per_s = 0; ///< towards one destination; 0: no limit
    std::uint32_t exit_fan_out_per_min = 600;            ///< new destinations of one circuit
    std::uint64_t month_bytes_left = UINT64_MAX;
    std::uint32_t max_joined_circuits = 100; ///< of this worker
    std::uint32_t workers = 1; ///< that share the node's port, and with it what neighbours and destinations see of it
    std::vector<std::uint16_t> exit_refused_ports{0, 25, 53}; ///< no name servers and no mail
    std::uint32_t exit_circuits_per_destination = 32;         ///< that may send to one address at once; 0: any

    /// Takes part in the DHT and keeps the register of introduction points. Who serves nobody needs neither, and would
    /// only be told to strangers by them.
    [[nodiscard]] bool keeps_directory() const noexcept { return discover && has(flags(), PeerFlag::relay); }

    /// The flags that we announce.
    [[nodiscard]] PeerFlags flags() const noexcept
    {
        PeerFlags out = static_cast<PeerFlags>(PeerFlag::speed_test);
        if (relay || exit_bittorrent || exit_ipv8) out |= static_cast<PeerFlags>(PeerFlag::relay);
        if (exit_bittorrent) out |= static_cast<PeerFlags>(PeerFlag::exit_bittorrent);
        if (exit_ipv8) out |= static_cast<PeerFlags>(PeerFlag::exit_ipv8);
        return out;
    }
};

} // namespace cepa::tunnel
