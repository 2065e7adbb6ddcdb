#include "main/swarm_key.hpp"
#include "proto/tunnel_service.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kSeededFrom{1000s};

class SwarmKeyTest : public testing::Test {
protected:
    SwarmKeyTest() { key.use(true, now); }
    void pass(Duration time, std::uint32_t points, std::uint32_t refused, bool nodes = true)
    {
        now += time;
        key.see(points, refused, nodes, now);
    }
    TimePoint now = kSeededFrom;
    SwarmKey key;
};

TEST_F(SwarmKeyTest, IsDrawnWithTheFirstSeedingAndStays)
{
    EXPECT_EQ(key.value().size(), proto::kSwarmKeySize);
    const std::string first = key.value();
    for (int minute = 0; minute < 600; ++minute)
        pass(1min, 3, 0);
    key.use(false, now);
    pass(10h, 0, 0);
    key.use(true, now);
    pass(1min, 0, 0);
    EXPECT_EQ(key.value(), first) << "not while it was not seeded";
    SwarmKey idle;
    idle.use(false, now);
    EXPECT_TRUE(idle.value().empty());
}

TEST_F(SwarmKeyTest, NodesThatKnowItAlreadyMakeItAnother)
{
    const std::string first = key.value();
    pass(SwarmKey::kLives, 0, SwarmKey::kRefused - 1);
    EXPECT_EQ(key.value(), first);
    pass(1s, 0, SwarmKey::kRefused);
    EXPECT_NE(key.value(), first);
    EXPECT_EQ(key.number(), 2U);
    pass(1s, 0, SwarmKey::kRefused);
    EXPECT_EQ(key.number(), 2U) << "what the workers tell may still be of the former";
    pass(SwarmKey::kLives, 0, SwarmKey::kRefused);
    EXPECT_EQ(key.number(), 3U);
}

TEST_F(SwarmKeyTest, WhileOneIntroductionPointStandsItIsKeptWhoeverRefuses)
{
    for (int minute = 0; minute < 600; ++minute)
        pass(1min, 2, 16);
    EXPECT_EQ(key.number(), 1U);
    pass(1s, 0, SwarmKey::kRefused);
    EXPECT_EQ(key.number(), 2U);
}

TEST_F(SwarmKeyTest, MinutesInWhichNobodyCouldFindUsMakeItAnother)
{
    pass(4min, 0, 0);
    pass(1s, 1, 0);
    pass(4min, 0, 0);
    EXPECT_EQ(key.number(), 1U);
    pass(1min, 0, 0);
    EXPECT_EQ(key.number(), 2U);
    pass(1h, 0, 0, false);
    EXPECT_EQ(key.number(), 2U) << "no key helps where no node is";
}

} // namespace
} // namespace cepa::main
