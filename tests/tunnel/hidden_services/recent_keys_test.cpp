#include "tunnel/hidden_services/recent_keys.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

KeyBytes key_of(std::uint32_t n)
{
    KeyBytes out{};
    Writer(out).u32(n);
    return out;
}

TEST(RecentKeysTest, TakesEachOnceWithinItsTime)
{
    RecentKeys keys(60s, 100);
    TimePoint now{};
    EXPECT_FALSE(keys.knows(key_of(1), now));
    EXPECT_TRUE(keys.accept(key_of(1), now));
    EXPECT_TRUE(keys.knows(key_of(1), now + 59s));
    EXPECT_TRUE(keys.accept(key_of(2), now + 30s));
    EXPECT_FALSE(keys.accept(key_of(1), now + 59s));
    EXPECT_TRUE(keys.accept(key_of(1), now + 60s));
    EXPECT_FALSE(keys.accept(key_of(2), now + 61s));
}

TEST(RecentKeysTest, ForgetsTheOldestWhenFull)
{
    RecentKeys keys(60s, 3);
    for (std::uint32_t n = 0; n < 4; ++n)
        EXPECT_TRUE(keys.accept(key_of(n), TimePoint{}));
    EXPECT_FALSE(keys.accept(key_of(3), TimePoint{}));
    EXPECT_FALSE(keys.accept(key_of(2), TimePoint{}));
    EXPECT_TRUE(keys.accept(key_of(0), TimePoint{}));
}

} // namespace
} // namespace cepa::tunnel
