#include "main/restart_policy.hpp"

#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

struct RestartPolicyTest : testing::Test {
    test::FakeClock clock;
    RestartPolicy policy;

    Duration live_for(Duration life)
    {
        policy.on_start(clock.now());
        clock.advance(life);
        const Duration delay = policy.on_death(clock.now());
        clock.advance(delay);
        return delay;
    }
};

TEST_F(RestartPolicyTest, AWorkerThatLivedIsReplacedAtOnceEveryTime)
{
    for (int i = 0; i < 50; ++i) EXPECT_EQ(live_for(10s), 0s);
}

TEST_F(RestartPolicyTest, TheFirstEarlyDeathIsForgiven) { EXPECT_EQ(live_for(1ms), 0s); }

TEST_F(RestartPolicyTest, EarlyDeathsBackOffUpToFiveSeconds)
{
    std::vector<Duration> delays;
    for (int i = 0; i < 10; ++i) delays.push_back(live_for(9s));
    const std::vector<Duration> expected{0ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s};
    EXPECT_EQ(delays, expected);
}

TEST_F(RestartPolicyTest, ALongLifeWipesTheSlate)
{
    for (int i = 0; i < 5; ++i) (void)live_for(1ms);
    EXPECT_EQ(live_for(10s), 0s);
    EXPECT_EQ(live_for(1ms), 0s);
    EXPECT_EQ(live_for(1ms), 50ms);
}

TEST_F(RestartPolicyTest, AtMostTwelveStartsWithinAMinute)
{
    std::vector<TimePoint> starts;
    for (int i = 0; i < 40; ++i) {
        starts.push_back(clock.now());
        (void)live_for(1ms);
    }
    for (std::size_t i = 12; i < starts.size(); ++i) EXPECT_GE(starts[i] - starts[i - 12], 60s) << i;
}

} // namespace
} // namespace cepa::main
