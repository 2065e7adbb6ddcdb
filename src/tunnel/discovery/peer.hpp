// One peer of the tunnel overlay as discovery knows it. Plain values.
// Process: worker 0, io thread; the other workers know only the candidates that it shares.
// Spec: docs/protocol.md, sections 5 and 7.
#pragma once

#include "tunnel/crypto/keys.hpp"
#include "tunnel/settings.hpp"

#include "base/address.hpp"
#include "base/clock.hpp"

#include <cstdint>

namespace cepa::tunnel {

/// How sure we are that the peer's key and address belong together.
enum class PeerProof : std::uint8_t {
    claimed,   ///< a valid request came from there; a replayed one would look the same
    remembered, ///< from the last snapshot, not heard from yet
    answered,  ///< it answered a request of ours with our identifier: key and address are its own, now
};

struct Peer {
    PublicKey key;
    Endpoint address;              ///< where it was last proven to be
    Endpoint lan;                  ///< what it says of itself; null when unknown
    PeerFlags flags = 0;
    bool flags_known = false;      ///< an introduction message carried them
    bool new_style = false;        ///< speaks 234/233 (section 5.2)
    bool connectable = false;      ///< an extend by address to it succeeded
    PeerProof proof = PeerProof::claimed;
    std::uint16_t global_time = 0; ///< of its newest signed packet, modulo 65536
    TimePoint last_heard{};
    TimePoint last_probe{};        ///< last ping or request that asked whether it lives
    std::uint32_t probes = 0;      ///< since it was last heard
};

} // namespace cepa::tunnel
