#include "tunnel/hidden_services/link_worth.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(LinkWorth, IsWhatWentOverTheLinkInTheLastWholePeriod)
{
    constexpr TimePoint begun{1h};
    LinkWorth worth;
    worth.begin(begun, 5000);
    worth.measure(begun + 59s, 6000);
    EXPECT_FALSE(worth.per_s());
    worth.measure(begun + 60s, 5000 + 60 * 2000);
    ASSERT_TRUE(worth.per_s());
    EXPECT_DOUBLE_EQ(*worth.per_s(), 2000);
    worth.measure(begun + 100s, 5000 + 60 * 2000);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 2000); // what was brought once counts no longer than a period
    worth.measure(begun + 120s, 5000 + 60 * 2000);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 0);
    worth.begin(begun + 121s, 0);
    EXPECT_FALSE(worth.per_s());
}

} // namespace
} // namespace cepa::tunnel
