#include "support/test_random.hpp"
#include "tunnel/hidden_services/backoff.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, PausesDoubleUpToTheMostAndAreJittered)
{
    test::TestRandom random;
    Backoff backoff(2s, 60s);
    TimePoint now{1h};
    EXPECT_TRUE(backoff.due(now));
    for (const Duration pause : {2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        backoff.fail(now, random);
        EXPECT_FALSE(backoff.due(now + pause - 1ms));
        EXPECT_TRUE(backoff.due(now + pause + pause / 2));
        now += pause * 2;
    }
    EXPECT_EQ(backoff.failures(), 7U);
    backoff.succeed();
    backoff.fail(now, random);
    EXPECT_TRUE(backoff.due(now + 3s));
}

TEST(Backoff, HundredsOfFailuresOverflowNothing)
{
    test::TestRandom random;
    Backoff backoff(2s, 60s);
    for (int i = 0; i < 300; ++i)
        backoff.fail(TimePoint{}, random);
    EXPECT_FALSE(backoff.due(TimePoint{} + 59s));
    EXPECT_TRUE(backoff.due(TimePoint{} + 90s));
}

} // namespace
} // namespace cepa::tunnel
