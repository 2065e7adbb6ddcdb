#include "tunnel/crypto/random.hpp"

#include "tunnel/crypto/keys.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::tunnel {
namespace {

TEST(SystemRandom, FillsAllAndDiffers)
{
    init_crypto();
    SystemRandom random;
    std::array<std::uint8_t, 4096> a{};
    std::array<std::uint8_t, 4096> b{};
    random.fill(a);
    random.fill(b);
    EXPECT_NE(a, b);
    EXPECT_GT(std::set<std::uint8_t>(a.begin(), a.end()).size(), 250U);
}

TEST(SystemRandom, BelowStaysBelow)
{
    init_crypto();
    SystemRandom random;
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.below(5));
    EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(random.below(1), 0U);
}

/// Counts upwards, so that the order of the bytes shows.
class Counting final : public RandomSource {
public:
    void fill(MutableByteSpan out) noexcept override
    {
        std::uint8_t next = 1;
        for (std::uint8_t& byte : out) byte = next++;
    }
    [[nodiscard]] std::uint32_t below(std::uint32_t) noexcept override { return 0; }
};

TEST(RandomNumbers, UseEveryByte)
{
    Counting source;
    EXPECT_EQ(random_u16(source), 0x0102U);
    EXPECT_EQ(random_u32(source), 0x01020304U);
    EXPECT_EQ(random_u64(source), 0x0102030405060708U);
}

} // namespace
} // namespace cepa::tunnel
