// Candidates for tests of path choice.
#pragma once

#include "support/test_random.hpp"

#include "tunnel/tunnel.hpp"

#include <vector>

namespace cepa::test {

inline constexpr tunnel::PeerFlags kRelayFlags = 9;
inline constexpr tunnel::PeerFlags kExitFlags = 11;
inline constexpr tunnel::PeerFlags kBackupFlags = 11 | 16384;

/// A key that nobody has the secret of, different for each `n`.
[[nodiscard]] inline tunnel::PublicKey key_number(std::uint32_t n)
{
    tunnel::PublicKey out;
    TestRandom random(n);
    random.fill(out.x25519);
    random.fill(out.ed25519);
    return out;
}

/// In a public /16 of its own as long as n < 200.
[[nodiscard]] inline tunnel::Candidate candidate_number(std::uint32_t n, tunnel::PeerFlags flags = kRelayFlags,
                                                        bool connectable = true)
{
    return {key_number(n), {IpAddress::v4((51U << 24U) + (n << 16U) + n + 1U), 8090}, flags, connectable};
}

} // namespace cepa::test
