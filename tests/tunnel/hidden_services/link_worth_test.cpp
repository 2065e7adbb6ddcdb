#include "tunnel/hidden_services/link_worth.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(LinkWorth, IsThePayloadOfTheLastWholePeriod)
{
    constexpr TimePoint begun{1h};
    LinkWorth worth;
    worth.note(5000);
    worth.begin(begun);
    worth.note(1000);
    worth.measure(begun + 59s);
    EXPECT_FALSE(worth.per_s());
    worth.note(60 * 2000);
    worth.measure(begun + 60s);
    ASSERT_TRUE(worth.per_s());
    EXPECT_DOUBLE_EQ(*worth.per_s(), 2000);
    worth.measure(begun + 100s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 2000); // what was brought once counts no longer than a period
    worth.measure(begun + 120s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 0);
    worth.begin(begun + 121s);
    EXPECT_FALSE(worth.per_s());
}

TEST(LinkWorth, WhatTurnsOutToBeWorthlessIsTakenAway)
{
    constexpr TimePoint begun{1h};
    LinkWorth worth;
    worth.begin(begun);
    worth.note(600'000);
    worth.measure(begun + 60s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 10'000);
    worth.note(0);
    worth.measure(begun + 120s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 0);
    worth.note(60'000);
    worth.measure(begun + 180s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 1000);
}

TEST(LinkWorth, WhatIsTakenAwayOfFormerPeriodsIsNoDebtOfThisOne)
{
    constexpr TimePoint begun{1h};
    LinkWorth worth;
    worth.begin(begun);
    worth.note(600'000);
    worth.measure(begun + 60s);
    worth.note(100'000);
    worth.note(400'000);
    worth.measure(begun + 120s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 5000);
    worth.note(1'000'000);
    worth.note(700'000); // some of this period's
    worth.measure(begun + 180s);
    EXPECT_DOUBLE_EQ(*worth.per_s(), 5000);
}

} // namespace
} // namespace cepa::tunnel
