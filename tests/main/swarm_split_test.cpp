#include "main/swarm_split.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

const std::string kSplitKey(proto::kSwarmKeySize, 'k');

proto::SwarmRequest split_swarm(char name, std::uint8_t hops = 2)
{
    return {std::string(proto::kLookupHashSize, name), hops, GroupId(7), true, kSplitKey};
}

std::uint32_t points_of_all(const SwarmSplit& split, std::uint32_t workers)
{
    std::uint32_t sum = 0;
    for (std::uint16_t i = 0; i < workers; ++i)
        sum += split.part_of(WorkerId(i), workers).swarms(0).introduction_points();
    return sum;
}

TEST(SwarmSplitTest, OneWorkerDoesItAll)
{
    SwarmSplit split;
    split.set({split_swarm('a')});
    const proto::Swarms told = split.part_of(WorkerId(0), 1);
    ASSERT_EQ(told.swarms_size(), 1);
    const proto::Swarm& swarm = told.swarms(0);
    EXPECT_EQ(swarm.lookup_hash(), std::string(20, 'a'));
    EXPECT_EQ(swarm.hops(), 2U);
    EXPECT_EQ(swarm.group(), 7U);
    EXPECT_TRUE(swarm.download());
    EXPECT_EQ(swarm.seed_key(), kSplitKey);
    EXPECT_EQ(swarm.introduction_points(), 3U);
    EXPECT_EQ(swarm.part(), 0U);
    EXPECT_EQ(swarm.parts(), 1U);
}

TEST(SwarmSplitTest, ThreeIntroductionPointsInAllAndOnePerSeedingWorker)
{
    SwarmSplit split;
    split.set({split_swarm('a')});
    for (std::uint32_t workers : {1U, 2U, 3U})
        EXPECT_EQ(points_of_all(split, workers), 3U) << workers;
    for (std::uint32_t workers : {1U, 2U, 3U, 4U, 16U})
        EXPECT_EQ(points_of_all(split, workers), SwarmSplit::introduction_points(workers)) << workers;
    EXPECT_EQ(points_of_all(split, 4), 4U);
    EXPECT_EQ(points_of_all(split, 16), 4U) << "no more workers than a DHT answer could name";
}

TEST(SwarmSplitTest, WhoHasNoIntroductionPointGetsNoKeyButItsPartOfTheSeeders)
{
    SwarmSplit split;
    split.set({split_swarm('a')});
    int keys = 0;
    for (std::uint16_t i = 0; i < 16; ++i) {
        const proto::Swarms told = split.part_of(WorkerId(i), 16);
        ASSERT_EQ(told.swarms_size(), 1);
        EXPECT_EQ(told.swarms(0).part(), i);
        EXPECT_EQ(told.swarms(0).parts(), 16U);
        EXPECT_EQ(told.swarms(0).seed_key().empty(), told.swarms(0).introduction_points() == 0);
        keys += told.swarms(0).seed_key().empty() ? 0 : 1;
    }
    EXPECT_EQ(keys, 4);
}

TEST(SwarmSplitTest, AWorkerThatDrainsIsToldOfNone)
{
    SwarmSplit split;
    split.set({split_swarm('a')});
    EXPECT_EQ(split.part_of(WorkerId(2), 2).swarms_size(), 0);
}

TEST(SwarmSplitTest, MalformedOnesAndSecondOnesAreLeftOut)
{
    SwarmSplit split;
    std::vector<proto::SwarmRequest> all{split_swarm('a'), split_swarm('a', 3), split_swarm('b', 0),
                                         split_swarm('c', 5), split_swarm('d')};
    all.back().seed_key = "short";
    all.push_back({"short", 1, GroupId(1), true, ""});
    split.set(all);
    const proto::Swarms told = split.part_of(WorkerId(0), 1);
    ASSERT_EQ(told.swarms_size(), 1);
    EXPECT_EQ(told.swarms(0).hops(), 2U) << "the first counts";
    EXPECT_TRUE(split.has(std::string(20, 'a')));
    EXPECT_FALSE(split.has(std::string(20, 'b')));
}

TEST(SwarmSplitTest, ThereIsABound)
{
    std::vector<proto::SwarmRequest> all;
    for (std::size_t i = 0; i < proto::kMaxSwarms + 5; ++i) {
        all.push_back(split_swarm('a'));
        all.back().lookup_hash.replace(0, 4, std::to_string(1000 + i).substr(0, 4));
    }
    SwarmSplit split;
    split.set(all);
    EXPECT_EQ(split.part_of(WorkerId(0), 1).swarms_size(), static_cast<int>(proto::kMaxSwarms));
    split.set({});
    EXPECT_EQ(split.part_of(WorkerId(0), 1).swarms_size(), 0);
}

} // namespace
} // namespace cepa::main
