#include "support/fake_clock.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/keepalive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <utility>
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
        keepalive.on_received(clock_.now());
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

TEST_F(KeepaliveTest, WhereDataWentAndNothingComesItIsAskedAboutEachSecond)
{
    Keepalive keepalive(clock_.now(), random_);
    clock_.advance(3s);
    keepalive.on_data(clock_.now());
    keepalive.on_received(clock_.now());
    std::vector<Duration> asked;
    const TimePoint began = clock_.now();
    while (clock_.now() - began < 6s) {
        clock_.advance(10ms);
        if (keepalive.ping_due(clock_.now(), random_)) asked.push_back(clock_.now() - began);
    }
    ASSERT_GE(asked.size(), 4U);
    ASSERT_LE(asked.size(), 9U);
    EXPECT_EQ(asked[0], kQuiet);
    for (std::size_t i = 1; i < asked.size(); ++i) {
        EXPECT_GE(asked[i] - asked[i - 1], 600ms);
        EXPECT_LE(asked[i] - asked[i - 1], 1410ms);
    }
}

TEST_F(KeepaliveTest, WhereNobodyWaitsItIsAskedSeldomUntilAnAnswerIsMissing)
{
    Keepalive idle(clock_.now(), random_); // nothing was ever sent over it
    int pings = 0;
    const TimePoint began = clock_.now();
    while (clock_.now() - began < 60s) {
        clock_.advance(50ms);
        if (!idle.ping_due(clock_.now(), random_)) continue;
        ++pings;
        idle.on_received(clock_.now());
    }
    EXPECT_LE(pings, 12);
    while (!idle.ping_due(clock_.now(), random_))
        clock_.advance(50ms);
    clock_.advance(1400ms);
    EXPECT_TRUE(idle.ping_due(clock_.now(), random_));
}

/// A circuit whose end is asked, and answers pings `after` so long; nothing else goes over it.
class KeepaliveOfAWay : public KeepaliveTest {
protected:
    void run(Duration time)
    {
        const TimePoint began = clock_.now();
        while (clock_.now() - began < time) {
            clock_.advance(50ms);
            if (const auto ping = keepalive_.ping_due(clock_.now(), random_)) {
                ++pings_;
                if (answers_ && pings_ != lost_) under_way_.emplace_back(*ping, clock_.now() + after_);
            }
            while (!under_way_.empty() && under_way_.front().second <= clock_.now()) {
                keepalive_.on_received(clock_.now());
                keepalive_.on_pong(under_way_.front().first, clock_.now());
                under_way_.pop_front();
            }
            if (!stalled_ && keepalive_.stalled(clock_.now())) stalled_ = clock_.now();
            if (!doubted_ && keepalive_.doubtful(clock_.now())) doubted_ = clock_.now();
        }
    }
    Keepalive keepalive_{clock_.now(), random_};
    std::deque<std::pair<std::uint16_t, TimePoint>> under_way_;
    Duration after_ = 200ms;
    bool answers_ = true;
    int pings_ = 0;
    int lost_ = 0; ///< which one
    std::optional<TimePoint> stalled_;
    std::optional<TimePoint> doubted_;
};

TEST_F(KeepaliveOfAWay, OneLostPingIsNoSilence)
{
    lost_ = 3;
    run(120s);
    EXPECT_FALSE(stalled_);
    EXPECT_TRUE(doubted_); // where there is a choice another is taken meanwhile
}

TEST_F(KeepaliveOfAWay, ASlowWayIsNoSilence)
{
    after_ = 1500ms;
    run(120s);
    EXPECT_EQ(keepalive_.round_trip(), 1500ms); // also when the next ping has gone out meanwhile
    EXPECT_FALSE(stalled_);
    stalled_.reset();
    answers_ = false;
    const TimePoint silent = clock_.now();
    run(30s);
    ASSERT_TRUE(stalled_);
    EXPECT_GE(*stalled_ - silent, 6s); // four round trips
}

TEST_F(KeepaliveOfAWay, SilenceCountsFromTheFirstPingWithoutAnAnswer)
{
    run(60s);
    answers_ = false;
    const int before = pings_;
    while (pings_ == before)
        run(50ms);
    const TimePoint asked = clock_.now();
    run(10s);
    ASSERT_TRUE(stalled_);
    EXPECT_GE(*stalled_ - asked, kStalled);
    EXPECT_LE(*stalled_ - asked, 2 * 1400ms + 50ms);
    ASSERT_TRUE(doubted_);
    EXPECT_GE(*doubted_ - asked, kQuiet - 50ms);
    keepalive_.on_received(clock_.now());
    EXPECT_FALSE(keepalive_.stalled(clock_.now() + 5s));
}

TEST_F(KeepaliveOfAWay, WhoNeverAnsweredPingsDoesNotStall)
{
    answers_ = false;
    run(60s);
    EXPECT_FALSE(stalled_);
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
