// Hidden swarms over hours, in a network whose nodes come and go and whose introduction points renew nothing.
#include "support/ledger_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

/// A relay lives for two hours on average, so that each introduction point is likely to die before its renewal or soon
/// after, and all of them are others ten times over.
constexpr unsigned kMinutesOfLife = 120;

// Somebody who knows nothing but the torrent links to the seeder anew in every single minute.
TEST(HiddenHours, ASeederIsReachableAtEveryMinuteForTwentyHours)
{
    LedgerWorld world(20);
    world.seed(2);
    world.network.run_for(1min);
    std::vector<int> unreachable;
    std::vector<Duration> took;
    for (int minute = 0; minute < 20 * 60; ++minute) {
        world.age(kMinutesOfLife);
        const TimePoint asked = world.network.now();
        world.download(2);
        if (!world.network.run_until([&] { return !world.downloader->links.empty(); }, 58s))
            unreachable.push_back(minute);
        took.push_back(world.network.now() - asked);
        world.downloader->tunnel().set_swarms({});
        EXPECT_TRUE(world.downloader->links.empty());
        world.network.run_for(asked + 1min - world.network.now());
    }
    EXPECT_TRUE(unreachable.empty()) << unreachable.size() << " minutes, first " << unreachable.front();
    EXPECT_GT(world.died, 100U);
    std::ranges::sort(took);
    std::printf("[          ] %u relays died; links took %.1f s at the median, %.1f s of 99 %%, %.1f s at most\n",
                world.died, in_seconds(took[took.size() / 2]), in_seconds(took[took.size() * 99 / 100]),
                in_seconds(took.back()));
}

// Circuits age; a link is replaced before it ends, so that there is always one, and no more than a few.
TEST(HiddenHours, ALinkIsThereAtEveryMomentForThreeHours)
{
    LedgerWorld world(3);
    world.seed(1);
    world.download(1);
    ASSERT_TRUE(world.wait_for_link());
    int without = 0;
    std::set<CircuitId> links;
    for (int i = 0; i < 3 * 3600; ++i) {
        world.network.run_for(1s);
        if (!world.linked()) ++without;
        for (const auto& [circuit, seeder] : world.downloader->links) {
            links.insert(circuit);
            ASSERT_EQ(seeder, world.seed_key.public_key());
        }
        ASSERT_LE(world.downloader->links.size(), 3U);
        ASSERT_LE(world.seeder->tunnel().circuits().size(), 12U);
        ASSERT_LE(world.downloader->tunnel().circuits().size(), 8U);
        if (i % 60 == 0) {
            EXPECT_TRUE(world.data_both_ways()) << i;
        }
    }
    EXPECT_EQ(without, 0);
    EXPECT_GT(links.size(), 3U);
}

} // namespace
} // namespace cepa::test
