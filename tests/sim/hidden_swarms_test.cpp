// A hidden seeder and a hidden downloader in one overlay of ours: found, linked, and linked again when something dies.
#include "support/hidden_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

class HiddenSwarmsOf : public ::testing::TestWithParam<std::uint8_t> {};

TEST_P(HiddenSwarmsOf, LinkAndCarryDataBothWays)
{
    HiddenWorld world(GetParam());
    world.settle();
    world.seed(GetParam());
    EXPECT_TRUE(world.network.run_until([&] { return world.view_of(*world.seeder).introduction_points == 3; }, 30s));
    world.download(GetParam());
    ASSERT_TRUE(world.network.run_until([&] { return world.linked(); }, 60s));
    EXPECT_TRUE(world.data_both_ways());
    EXPECT_TRUE(world.network.run_until([&] { return world.linked(); }, 60s));
}

INSTANTIATE_TEST_SUITE_P(Hops, HiddenSwarmsOf, ::testing::Values(1, 2, 3, 4));

TEST(HiddenSwarms, NeedNoExitInTheNetwork)
{
    for (std::uint8_t hops = 1; hops <= 3; ++hops) {
        HiddenWorld world(40U + hops, 14, 0);
        world.settle();
        world.seed(hops);
        world.download(hops);
        ASSERT_TRUE(world.network.run_until([&] { return world.linked(); }, 90s)) << int{hops};
        EXPECT_TRUE(world.data_both_ways());
    }
}

} // namespace
} // namespace cepa::test
