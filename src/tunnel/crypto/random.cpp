#include "tunnel/crypto/random.hpp"

#include <sodium.h>

namespace cepa::tunnel {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> draw(RandomSource& random) noexcept
{
    std::array<std::uint8_t, N> out;
    random.fill(out);
    return out;
}

} // namespace

void SystemRandom::fill(MutableByteSpan out) noexcept { randombytes_buf(out.data(), out.size()); }

std::uint32_t SystemRandom::below(std::uint32_t bound) noexcept { return randombytes_uniform(bound); }

std::uint64_t random_u64(RandomSource& random) noexcept { return Reader(draw<8>(random)).u64(); }

std::uint32_t random_u32(RandomSource& random) noexcept { return Reader(draw<4>(random)).u32(); }

std::uint16_t random_u16(RandomSource& random) noexcept { return Reader(draw<2>(random)).u16(); }

} // namespace cepa::tunnel
