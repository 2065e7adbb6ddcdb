#include "main/restart_policy.hpp"
#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;

struct RestartPolicyTest : testing::Test {
    test::FakeClock clock;
    RestartPolicy policy;

    struct Life {
        Duration length;
        bool served = true;
        bool own_fault = false;
    };
    Duration live(const Life& life)
    {
        policy.on_start(clock.now());
        if (life.served) policy.on_served();
        clock.advance(life.length);
        const Duration delay = policy.on_death(clock.now(), life.own_fault);
        clock.advance(delay);
        return delay;
    }
    Duration never_serve(Duration length) { return live({length, false, false}); }
    Duration crash_after(Duration length) { return live({length, true, true}); }
    Duration killed_after(Duration length) { return live({length, true, false}); }
};

TEST_F(RestartPolicyTest, AWorkerThatLivedIsReplacedAtOnceEveryTime)
{
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(crash_after(10s), 0s);
}

TEST_F(RestartPolicyTest, AWorkerThatServedAndWasKilledIsReplacedAtOnceEveryTime)
{
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(killed_after(3s), 0s) << i;
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(killed_after(1s), 0s) << i;
}

TEST_F(RestartPolicyTest, TheFirstEarlyDeathIsForgiven)
{
    EXPECT_EQ(never_serve(1ms), 0s);
    policy = RestartPolicy();
    EXPECT_EQ(crash_after(1ms), 0s);
}

TEST_F(RestartPolicyTest, EarlyDeathsBackOffUpToFiveSeconds)
{
    const std::vector<Duration> expected{0ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s};
    for (const bool served : {false, true}) {
        policy = RestartPolicy();
        std::vector<Duration> delays;
        for (int i = 0; i < 10; ++i)
            delays.push_back(live({9s, served, true}));
        EXPECT_EQ(delays, expected) << served;
    }
}

TEST_F(RestartPolicyTest, ALongLifeWipesTheSlate)
{
    for (int i = 0; i < 5; ++i)
        (void)never_serve(1ms);
    EXPECT_EQ(crash_after(10s), 0s);
    EXPECT_EQ(crash_after(1s), 0s);
    EXPECT_EQ(crash_after(1s), 50ms);
}

TEST_F(RestartPolicyTest, OneThatNeverServesIsNotSettledByTime)
{
    EXPECT_EQ(never_serve(20s), 0s);
    EXPECT_EQ(never_serve(20s), 50ms);
}

TEST_F(RestartPolicyTest, TenStartsInARowAndOneASecond)
{
    std::vector<TimePoint> starts;
    for (int i = 0; i < 40; ++i) {
        starts.push_back(clock.now());
        (void)killed_after(1ms);
    }
    EXPECT_LE(starts[9] - starts[0], 10ms) << "the first ten do not wait";
    for (std::size_t i = 0; i < starts.size(); ++i)
        for (std::size_t j = i + 10; j < starts.size(); ++j)
            ASSERT_GE(starts[j] - starts[i], std::chrono::seconds(j - i - 9)) << i << " to " << j;
}

} // namespace
} // namespace cepa::main
