#include "support/fake_clock.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/keepalive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class KeepaliveTest : public ::testing::Test {
protected:
    test::FakeClock clock_;
    test::TestRandom random_;
};

TEST_F(KeepaliveTest, PingsEveryFiveToTenSecondsAndNeverInStep)
{
    std::set<Duration> gaps;
    Keepalive keepalive(clock_.now(), random_);
    TimePoint last = clock_.now();
    for (int pings = 0; pings < 200;) {
        clock_.advance(50ms);
        if (!keepalive.ping_due(clock_.now(), random_)) continue;
        const Duration gap = clock_.now() - last;
        EXPECT_GE(gap, 5s);
        EXPECT_LE(gap, 10s + 50ms);
        gaps.insert(gap);
        last = clock_.now();
        ++pings;
    }
    EXPECT_GT(gaps.size(), 50U);
}

TEST_F(KeepaliveTest, MeasuresOnlyTheLatestPing)
{
    Keepalive keepalive(clock_.now(), random_);
    clock_.advance(11s);
    const auto first = keepalive.ping_due(clock_.now(), random_);
    ASSERT_TRUE(first);
    clock_.advance(80ms);
    keepalive.on_pong(static_cast<std::uint16_t>(*first + 1), clock_.now());
    EXPECT_EQ(keepalive.round_trip(), Duration{});
    keepalive.on_pong(*first, clock_.now());
    EXPECT_EQ(keepalive.round_trip(), 80ms);
    clock_.advance(5s);
    keepalive.on_pong(*first, clock_.now()); // a second answer says nothing
    EXPECT_EQ(keepalive.round_trip(), 80ms);
    clock_.advance(6s);
    const auto second = keepalive.ping_due(clock_.now(), random_);
    clock_.advance(160ms);
    keepalive.on_pong(*second, clock_.now());
    EXPECT_EQ(keepalive.round_trip(), 100ms);
}

TEST_F(KeepaliveTest, SilenceEndsIt)
{
    Keepalive keepalive(clock_.now(), random_);
    clock_.advance(15s);
    keepalive.on_received(clock_.now());
    clock_.advance(19s + 999ms);
    EXPECT_FALSE(keepalive.over(clock_.now(), 0));
    clock_.advance(1ms);
    EXPECT_EQ(keepalive.over(clock_.now(), 0), "silent");
}

TEST_F(KeepaliveTest, RetiresAndEndsAtTimesOfItsOwn)
{
    std::vector<Duration> retires;
    std::vector<Duration> ends;
    for (int i = 0; i < 500; ++i) {
        const Keepalive keepalive(clock_.now(), random_);
        EXPECT_GE(keepalive.ends() - keepalive.retires(), 5min);
        retires.push_back(keepalive.retires() - keepalive.born());
        ends.push_back(keepalive.ends() - keepalive.born());
    }
    std::ranges::sort(retires);
    std::ranges::sort(ends);
    EXPECT_GE(retires.front(), 10min);
    EXPECT_LT(retires.front(), 12min);
    EXPECT_GT(retires.back(), 45min);
    EXPECT_LT(ends.back(), kOwnMostAge);
    EXPECT_GT(ends.back(), 55min);
    EXPECT_LT(ends[125], 45min) << "busy circuits do not all live to the limit";
}

TEST_F(KeepaliveTest, EndsWhenIdleAfterItsRetirementAndElseAtItsEnd)
{
    Keepalive keepalive(clock_.now(), random_);
    const auto live_until = [&](TimePoint end, bool busy) {
        while (clock_.now() < end) {
            clock_.advance(5s);
            keepalive.on_received(clock_.now());
            if (busy) keepalive.on_data(clock_.now());
        }
    };
    live_until(keepalive.retires() - 10s, true);
    EXPECT_FALSE(keepalive.over(clock_.now(), 0));
    live_until(keepalive.retires() + 5s, true);
    EXPECT_FALSE(keepalive.over(clock_.now(), 0)); // somebody uses it
    live_until(clock_.now() + 20s, false);
    EXPECT_EQ(keepalive.over(clock_.now(), 0), "aged");
    live_until(keepalive.ends(), true);
    EXPECT_EQ(keepalive.over(clock_.now(), 0), "aged");
}

TEST_F(KeepaliveTest, TheTrafficLimitEndsIt)
{
    const Keepalive keepalive(clock_.now(), random_);
    EXPECT_FALSE(keepalive.over(clock_.now(), kMostTraffic - 1));
    EXPECT_EQ(keepalive.over(clock_.now(), kMostTraffic), "traffic limit");
}

} // namespace
} // namespace cepa::tunnel
