#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace cepa {
namespace {

TEST(BootClock, GoesForwardAndCountsSinceBoot)
{
    const BootClock clock;
    const TimePoint first = clock.now();
    EXPECT_GT(first.time_since_epoch(), Duration::zero());
    EXPECT_GE(clock.now(), first);
    timespec boot{};
    ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &boot), 0);
    EXPECT_LT(std::chrono::seconds(boot.tv_sec) - first.time_since_epoch(), std::chrono::minutes(1));
}

} // namespace
} // namespace cepa
