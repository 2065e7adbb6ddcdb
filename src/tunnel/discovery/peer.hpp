// One peer of the tunnel overlay as discovery knows it. Plain values.
// Process: worker 0, io thread; the other workers know only the candidates that it shares.
// Spec: docs/protocol.md, sections 5 and 7.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "tunnel/crypto/keys.hpp"
#include "tunnel/settings.hpp"

#include <cstdint>
#include <optional>

namespace cepa::tunnel {

/// How sure we are that the peer's key and address belong together.
enum class PeerProof : std::uint8_t {
    claimed,    ///< a valid request came from there; a replayed one would look the same
    remembered, ///< from the last snapshot, or from before a suspend; not heard from since
    answered,   ///< it answered a request of ours with our identifier: key and address belong together
};

/// What a peer is good for, as far as room in our table goes.
enum class PeerRole : std::uint8_t { client, relay, exit };
[[nodiscard]] constexpr PeerRole role_of(PeerFlags flags) noexcept
{
    if (has(flags, PeerFlag::exit_bittorrent) || has(flags, PeerFlag::exit_ipv8)) return PeerRole::exit;
    return has(flags, PeerFlag::relay) ? PeerRole::relay : PeerRole::client;
}

struct Peer {
    PublicKey key;
    Endpoint address; ///< where it was last proven to be
    Endpoint lan;     ///< what it says of itself; null when unknown
    PeerFlags flags = 0;
    bool flags_known = false; ///< an introduction message carried them
    bool new_style = false;   ///< speaks 234/233 (section 5.2)
    bool connectable = false; ///< an extend by address to it succeeded
    PeerProof proof = PeerProof::claimed;
    /// Of its newest signed packet, modulo 65536 as in introductions; nothing after a restart of ours.
    std::optional<std::uint16_t> global_time;
    TimePoint last_heard{};
};

/// What one introduction message says of its sender, its signature checked.
struct Sighting {
    PublicKey key;
    Endpoint source;
    Endpoint lan;
    std::optional<PeerFlags> flags;
    std::uint16_t global_time = 0;
    bool new_style = false;
};

/// Serial number arithmetic (RFC 1982): the counters of section 4 wrap.
[[nodiscard]] constexpr bool is_newer(std::uint16_t a, std::uint16_t b) noexcept
{
    return a != b && static_cast<std::uint16_t>(a - b) < 0x8000;
}

} // namespace cepa::tunnel
