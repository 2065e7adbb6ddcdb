#include "tunnel/discovery/flood_limit.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(FloodLimit, AdmitsItsBurstAndThenItsRate)
{
    FloodLimit limit(10, 5);
    TimePoint now{1h};
    int admitted = 0;
    for (int i = 0; i < 100; ++i)
        admitted += limit.admit(now) ? 1 : 0;
    EXPECT_EQ(admitted, 5);
    now += 99ms;
    EXPECT_FALSE(limit.admit(now));
    now += 2ms;
    EXPECT_TRUE(limit.admit(now));
    EXPECT_FALSE(limit.admit(now));
}

TEST(FloodLimit, NeverSavesMoreThanItsBurst)
{
    FloodLimit limit(10, 5);
    const TimePoint now{1000h};
    int admitted = 0;
    for (int i = 0; i < 100; ++i)
        admitted += limit.admit(now) ? 1 : 0;
    EXPECT_EQ(admitted, 5);
    EXPECT_FALSE(limit.admit(now - 1h));
}

} // namespace
} // namespace cepa::tunnel
