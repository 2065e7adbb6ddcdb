// Random numbers that are the same in every run. Never for anything but tests.
#pragma once

#include "tunnel/environment.hpp"

#include <array>
#include <cstdint>

namespace cepa::test {

/// splitmix64.
class TestRandom final : public tunnel::RandomSource {
public:
    explicit TestRandom(std::uint64_t seed = 1) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept
    {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }
    void fill(MutableByteSpan out) noexcept override
    {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next() >> 56U);
    }
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept override
    {
        return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
    }
    /// True with that probability.
    [[nodiscard]] bool chance(double probability) noexcept
    {
        return static_cast<double>(next() >> 11U) * 0x1p-53 < probability;
    }

    [[nodiscard]] Bytes bytes(std::size_t count)
    {
        Bytes out(count);
        fill(out);
        return out;
    }
    template <std::size_t N>
    [[nodiscard]] std::array<std::uint8_t, N> array() noexcept
    {
        std::array<std::uint8_t, N> out;
        fill(out);
        return out;
    }

private:
    std::uint64_t state_;
};

} // namespace cepa::test
