#include "tunnel/hidden_services/swarm_sightings.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const LookupHash kOneSwarm{1, 2};
const LookupHash kOtherSwarm{1, 3};

class SwarmSightingsTest : public ::testing::Test {
protected:
    using Swarms = std::vector<LookupHash>;
    Swarms later()
    {
        now_ += SwarmSightings::kReportEvery;
        return sightings_.take(now_);
    }
    SwarmSightings sightings_;
    TimePoint now_ = TimePoint{} + 1h;
};

TEST_F(SwarmSightingsTest, OneReportHasEachSwarmOnceHoweverOftenItWasNamed)
{
    sightings_.watch({kOneSwarm, kOtherSwarm});
    EXPECT_TRUE(later().empty());
    for (int i = 0; i < 10'000; ++i) {
        sightings_.note(kOneSwarm);
        now_ += 500us;
        EXPECT_TRUE(sightings_.take(now_).empty());
    }
    EXPECT_EQ(later(), Swarms{kOneSwarm});
    EXPECT_TRUE(later().empty());
}

TEST_F(SwarmSightingsTest, WhatIsNotWatchedOrNoHashIsNotSeen)
{
    sightings_.watch({kOneSwarm});
    sightings_.note(kOtherSwarm);
    sightings_.note({});
    sightings_.note(Bytes(21, 1));
    sightings_.note(ByteSpan(kOneSwarm).first(19));
    EXPECT_TRUE(later().empty());
}

TEST_F(SwarmSightingsTest, AnotherListKeepsWhatItHasInCommon)
{
    sightings_.watch({kOneSwarm});
    sightings_.note(kOneSwarm);
    sightings_.watch({kOtherSwarm, kOneSwarm});
    EXPECT_EQ(later(), Swarms{kOneSwarm});
    sightings_.note(kOneSwarm);
    sightings_.watch({kOtherSwarm});
    EXPECT_TRUE(later().empty());
    sightings_.watch({});
    sightings_.note(kOtherSwarm);
    EXPECT_TRUE(later().empty());
}

} // namespace
} // namespace cepa::tunnel
