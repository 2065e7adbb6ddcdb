// The right to seal in one direction of one session: key, salt and the next counter. Each (key, counter) pair has one
// owner: the right cannot be copied, counts only upwards, and who gave it away has nothing left. A Layer holds one
// until it is taken out, when two circuits of others are joined at a rendezvous and the other side's worker seals from
// then on. Process: worker, io thread. Spec: docs/protocol.md, sections 9.1 and 14.4.
#pragma once

#include "base/packet_buffer.hpp"
#include "base/result.hpp"
#include "tunnel/crypto/cipher.hpp"
#include "tunnel/crypto/keys.hpp"

#include <array>
#include <cstdint>

namespace cepa::tunnel {

inline constexpr std::size_t kCounterSize = 8;
/// Bytes that one layer adds: kCounterSize in front, kTagSize behind.
inline constexpr std::size_t kLayerOverhead = kCounterSize + kTagSize;
/// A session seals no more than this many messages (security over the deployed limits: 10 GiB come long before).
inline constexpr std::uint64_t kMaxSealed = std::uint64_t{1} << 48U;

using Salt = std::array<std::uint8_t, 4>;

[[nodiscard]] Nonce make_nonce(const Salt& salt, std::uint64_t counter) noexcept;

/// Wipes itself. Moved from, it seals nothing.
struct SealingRight {
    SecretBytes key;
    Salt salt{};
    std::uint64_t next_counter = 0;
    std::uint64_t left = 0; ///< messages that may still be sealed

    SealingRight() noexcept = default;
    SealingRight(SecretBytes k, const Salt& s, std::uint64_t first_counter, std::uint64_t messages) noexcept
        : key(std::move(k)), salt(s), next_counter(first_counter), left(messages)
    {
    }
    SealingRight(SealingRight&& other) noexcept;
    SealingRight& operator=(SealingRight&& other) noexcept;

    /// Seals `message` in place. Needs kCounterSize of headroom and kTagSize of tailroom, else too_large; fails with
    /// nonce_exhausted when nothing is left: the circuit must then be closed.
    [[nodiscard]] Result<void> seal(Aead& aead, PacketBuffer& message) noexcept;
};

} // namespace cepa::tunnel
