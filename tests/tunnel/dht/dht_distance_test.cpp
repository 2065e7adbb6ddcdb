#include "tunnel/dht/dht_distance.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

TEST(DhtDistance, IsTheXorAsANumber)
{
    const DhtId zero{};
    DhtId one{};
    one[19] = 1;
    DhtId high{};
    high[0] = 0x80;
    EXPECT_TRUE(is_closer(zero, one, high));
    EXPECT_FALSE(is_closer(zero, high, one));
    EXPECT_FALSE(is_closer(zero, one, one));
    EXPECT_TRUE(is_closer(high, high, one));
    EXPECT_EQ(shared_bits(zero, one), 159U);
    EXPECT_EQ(shared_bits(zero, high), 0U);
    EXPECT_EQ(shared_bits(one, one), 160U);
}

} // namespace
} // namespace cepa::tunnel
