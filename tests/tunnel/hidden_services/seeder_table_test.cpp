#include "support/candidates.hpp"
#include "tunnel/hidden_services/seeder_table.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::candidate_number;
using test::key_number;

constexpr TimePoint kTableNow{1h};

IntroductionPoint point(std::uint32_t n, TimePoint seen = kTableNow)
{
    return {candidate_number(n % 200).address, key_number(n), seen, {}};
}

TEST(SeederTable, KeepsAFewPointsOfASeederAndOnlyTriedOnesMakeRoom)
{
    SeederTable table;
    for (std::uint32_t n = 0; n < 12; ++n)
        EXPECT_TRUE(table.learn(key_number(500), point(n), kTableNow));
    Seeder& seeder = *table.find(key_number(500));
    ASSERT_EQ(seeder.points.size(), Seeder::kMostPoints);
    for (std::uint32_t n = 0; n < Seeder::kMostPoints; ++n)
        EXPECT_EQ(seeder.points[n].key, key_number(n));
    EXPECT_EQ(seeder.take_point(kTableNow + 1s).key, key_number(0));
    table.learn(key_number(500), point(11), kTableNow + 2s);
    table.learn(key_number(500), point(12), kTableNow + 2s);
    ASSERT_EQ(seeder.points.size(), Seeder::kMostPoints);
    EXPECT_EQ(seeder.points.front().key, key_number(1));
    EXPECT_EQ(seeder.points.back().key, key_number(11));
    EXPECT_EQ(table.points().size(), Seeder::kMostPoints);
}

TEST(SeederTable, ForgetsWhatNobodyNamesButNotWhatIsInUse)
{
    SeederTable table;
    table.learn(key_number(1), point(1), kTableNow);
    table.learn(key_number(2), point(2), kTableNow);
    table.find(key_number(2))->link = CircuitId(9);
    table.learn(key_number(3), point(3), kTableNow);
    table.learn(key_number(3), point(3, kTableNow + 100s), kTableNow + 100s);
    table.expire(kTableNow + SeederTable::kPointKept);
    EXPECT_EQ(table.find(key_number(1)), nullptr);
    ASSERT_NE(table.find(key_number(2)), nullptr);
    EXPECT_EQ(table.find(key_number(2))->points.size(), 1U);
    EXPECT_NE(table.find(key_number(3)), nullptr);
    EXPECT_EQ(table.find_link(CircuitId(9)), table.find(key_number(2)));
    EXPECT_EQ(table.find_link(CircuitId(8)), nullptr);
}

TEST(SeederTable, LiarsPushOutNobodyWhoWasNotTried)
{
    test::TestRandom random;
    SeederTable table;
    for (std::uint32_t n = 0; n < 1000; ++n)
        table.learn(key_number(n), point(n), kTableNow);
    EXPECT_EQ(table.all().size(), SeederTable::kMost);
    EXPECT_FALSE(table.learn(key_number(2000), point(7), kTableNow));
    table.find(key_number(3))->retry.fail(kTableNow, random); // that one was a lie
    EXPECT_TRUE(table.learn(key_number(2000), point(7), kTableNow));
    EXPECT_EQ(table.find(key_number(3)), nullptr);
    EXPECT_NE(table.find(key_number(2000)), nullptr);
    EXPECT_EQ(table.all().size(), SeederTable::kMost);
}

TEST(SeederTable, WhoeverWaitsLongestHasTheNextTurnWhateverItsKey)
{
    SeederTable table;
    for (std::uint32_t n = 0; n < 10; ++n)
        table.learn(key_number(n), point(n), kTableNow, 100 - n); // named by one answer: the drawn place decides
    table.learn(key_number(20), point(20), kTableNow + 1s, 0);
    EXPECT_EQ(table.in_turn().front()->first, key_number(9));
    EXPECT_EQ(table.in_turn().back()->first, key_number(20));
    table.find(key_number(9))->asked = kTableNow + 2s;
    EXPECT_EQ(table.in_turn().front()->first, key_number(8));
    EXPECT_EQ(table.in_turn().back()->first, key_number(9));
    for (std::uint32_t n = 30; n < 50; ++n) // who comes later, with however many keys, comes later
        table.learn(key_number(n), point(n), kTableNow + 3s, 0);
    EXPECT_EQ(table.in_turn()[10]->first, key_number(9));
    Seeder& good = *table.find(key_number(40));
    good.worth.begin(kTableNow);
    good.worth.note(60 * 2000);
    good.worth.measure(kTableNow + 60s);
    EXPECT_EQ(table.in_turn().front()->first, key_number(40));
}

TEST(SeederTable, WhoHeldALinkAndBroughtNothingMakesRoom)
{
    SeederTable table;
    for (std::uint32_t n = 0; n < SeederTable::kMost; ++n)
        table.learn(key_number(n), point(n), kTableNow);
    for (const std::uint32_t n : {5U, 6U, 7U}) {
        Seeder& seeder = *table.find(key_number(n));
        seeder.link = CircuitId(n);
        seeder.worth.begin(kTableNow);
        seeder.worth.note(n == 5 ? 60 * 2000 : n * 100);
        seeder.worth.measure(kTableNow + 60s);
    }
    EXPECT_EQ(table.least_useful(), table.find(key_number(6)));
    table.find(key_number(6))->useless = 1;
    EXPECT_FALSE(table.learn(key_number(2000), point(7), kTableNow)); // it is linked still
    table.find(key_number(6))->link.reset();
    EXPECT_EQ(table.least_useful(), table.find(key_number(7)));
    EXPECT_TRUE(table.learn(key_number(2000), point(7), kTableNow));
    EXPECT_EQ(table.find(key_number(6)), nullptr);
}

TEST(SeederTable, PointsTakeTurns)
{
    SeederTable table;
    for (std::uint32_t n = 0; n < 3; ++n)
        table.learn(key_number(1), point(n), kTableNow);
    Seeder& seeder = *table.find(key_number(1));
    for (std::uint32_t turn = 0; turn < 7; ++turn)
        EXPECT_EQ(seeder.take_point(kTableNow + turn * 1s).key, key_number(turn % 3));
    seeder.points.pop_back();
    EXPECT_EQ(seeder.take_point(kTableNow + 10s).key, key_number(1)); // however many are left
    table.learn(key_number(1), point(8, kTableNow + 11s), kTableNow + 11s);
    table.learn(key_number(1), point(9, kTableNow + 12s), kTableNow + 12s);
    EXPECT_EQ(seeder.take_point(kTableNow + 13s).key, key_number(9)); // the latest named of those never asked
    EXPECT_EQ(seeder.take_point(kTableNow + 14s).key, key_number(8));
    EXPECT_EQ(seeder.take_point(kTableNow + 15s).key, key_number(0));
}

} // namespace
} // namespace cepa::tunnel
