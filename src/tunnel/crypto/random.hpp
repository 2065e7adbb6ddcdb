// The system's random numbers, for everything that an outsider must not guess. Tests inject their own source.
// Process: worker, io thread. Needs init_crypto().
#pragma once

#include "tunnel/environment.hpp"

namespace cepa::tunnel {

class SystemRandom final : public RandomSource {
public:
    void fill(MutableByteSpan out) noexcept override;
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept override;
};

/// Eight random bytes as a number.
[[nodiscard]] std::uint64_t random_u64(RandomSource& random) noexcept;
[[nodiscard]] std::uint32_t random_u32(RandomSource& random) noexcept;
[[nodiscard]] std::uint16_t random_u16(RandomSource& random) noexcept;

} // namespace cepa::tunnel
