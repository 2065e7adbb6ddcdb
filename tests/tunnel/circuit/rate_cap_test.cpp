#include "support/fake_clock.hpp"
#include "tunnel/circuit/rate_cap.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(RateCap, ZeroIsNoLimit)
{
    test::FakeClock clock;
    RateCap cap(0);
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(cap.pass(1'000'000, clock.now()));
}

TEST(RateCap, HoldsTheRateOverTime)
{
    for (const std::uint64_t rate : {20'000ULL, 1'000'000ULL, 250'000'000ULL}) {
        test::FakeClock clock;
        RateCap cap(rate);
        std::uint64_t passed = 0;
        for (int i = 0; i < 40'000; ++i) { // 10 s
            clock.advance(250us);
            while (passed < UINT64_MAX / 2 && cap.pass(1400, clock.now()))
                passed += 1400;
        }
        const double got = static_cast<double>(passed) / 10.0;
        EXPECT_LE(got, static_cast<double>(rate) * 1.03 + 6600) << rate;
        EXPECT_GE(got, static_cast<double>(rate) * 0.95) << rate;
    }
}

TEST(RateCap, SavesUpNoMoreThanItsBurst)
{
    test::FakeClock clock;
    RateCap cap(1'000'000);
    clock.advance(24h);
    EXPECT_TRUE(cap.full(clock.now()));
    EXPECT_FALSE(cap.pass(250'001, clock.now()));
    EXPECT_TRUE(cap.pass(250'000, clock.now()));
    EXPECT_FALSE(cap.pass(1, clock.now()));
    EXPECT_FALSE(cap.full(clock.now()));
}

TEST(RateCap, TimeThatStandsStillGivesNothing)
{
    test::FakeClock clock;
    RateCap cap(1'000'000);
    while (cap.pass(1000, clock.now())) {
    }
    EXPECT_FALSE(cap.pass(1000, clock.now() - 1h));
}

TEST(RateCap, AnotherRateHoldsFromThenOn)
{
    test::FakeClock clock;
    clock.advance(1h);
    RateCap cap(4'000'000);
    cap.set_rate(1'000'000);
    EXPECT_FALSE(cap.pass(250'001, clock.now())) << "of the larger burst only the smaller is left";
    EXPECT_TRUE(cap.pass(250'000, clock.now()));
    clock.advance(100ms);
    EXPECT_FALSE(cap.pass(100'001, clock.now()));
    EXPECT_TRUE(cap.pass(100'000, clock.now()));
    cap.set_rate(4'000'000);
    EXPECT_FALSE(cap.pass(1, clock.now())) << "a new rate is no gift";
    clock.advance(100ms);
    EXPECT_TRUE(cap.pass(400'000, clock.now()));
    cap.set_rate(0);
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(cap.pass(1'000'000'000, clock.now()));
}

TEST(TrafficBudget, BeginsAnewWhenItIsRenewed)
{
    TrafficBudget budget(10);
    EXPECT_FALSE(budget.spend(11));
    EXPECT_TRUE(budget.exhausted());
    budget.renew(100);
    EXPECT_FALSE(budget.exhausted());
    EXPECT_TRUE(budget.spend(100));
    EXPECT_FALSE(budget.spend(1));
}

TEST(TrafficBudget, EndsForGood)
{
    TrafficBudget budget(1000);
    EXPECT_TRUE(budget.spend(999));
    EXPECT_FALSE(budget.exhausted());
    EXPECT_FALSE(budget.spend(2));
    EXPECT_TRUE(budget.exhausted());
    EXPECT_FALSE(budget.spend(1));
    TrafficBudget endless(UINT64_MAX);
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(endless.spend(UINT64_MAX / 2));
    EXPECT_FALSE(endless.exhausted());
}

} // namespace
} // namespace cepa::tunnel
