// The metric of the DHT: the XOR of two ids as a 160-bit number. Pure functions. Process: worker 0, io thread.
// Spec: docs/protocol.md, section 15.1.
#pragma once

#include "tunnel/discovery/dht_messages.hpp"

#include <bit>
#include <cstddef>

namespace cepa::tunnel {

[[nodiscard]] inline bool is_closer(const DhtId& target, const DhtId& a, const DhtId& b) noexcept
{
    for (std::size_t i = 0; i < target.size(); ++i) {
        const auto to_a = static_cast<std::uint8_t>(a[i] ^ target[i]);
        const auto to_b = static_cast<std::uint8_t>(b[i] ^ target[i]);
        if (to_a != to_b) return to_a < to_b;
    }
    return false;
}

/// How many leading bits two ids have in common, 0 to 160: the number of the bucket.
[[nodiscard]] inline std::size_t shared_bits(const DhtId& a, const DhtId& b) noexcept
{
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto difference = static_cast<std::uint8_t>(a[i] ^ b[i]);
        if (difference != 0) return 8 * i + static_cast<std::size_t>(std::countl_zero(difference));
    }
    return 8 * a.size();
}

} // namespace cepa::tunnel
