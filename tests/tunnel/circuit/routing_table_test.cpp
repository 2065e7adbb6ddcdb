#include "tunnel/circuit/routing_table.hpp"

#include "support/fake_clock.hpp"
#include "support/test_random.hpp"

#include <gtest/gtest.h>

#include <unordered_map>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

struct OneInFour final : CircuitIdOwner {
    [[nodiscard]] bool is_mine(CircuitId id) const noexcept override { return id.value % 4 == 1; }
};
struct Nobody final : CircuitIdOwner {
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return false; }
};

Route joined(std::size_t n) { return {RouteKind::joined, reinterpret_cast<void*>(n * 16)}; }

TEST(RoutingTable, AgreesWithAMapThroughRandomChanges)
{
    test::TestRandom random(4);
    RoutingTable table(random);
    std::unordered_map<std::uint32_t, std::size_t> expected;
    for (std::size_t step = 1; step < 200'000; ++step) {
        const std::uint32_t id = random.below(3000); // dense: neighbours, collisions, reuse
        if (random.chance(0.55)) {
            table.set(CircuitId(id), joined(step));
            expected[id] = step;
        } else {
            table.erase(CircuitId(id));
            expected.erase(id);
        }
        ASSERT_EQ(table.size(), expected.size());
        const std::uint32_t asked = random.below(3000);
        const auto known = expected.find(asked);
        const Route found = table.find(CircuitId(asked));
        ASSERT_EQ(found.kind == RouteKind::joined, known != expected.end());
        ASSERT_EQ(found.target, known == expected.end() ? nullptr : joined(known->second).target);
    }
    for (const auto& [id, n] : expected) ASSERT_EQ(table.find(CircuitId(id)).target, joined(n).target);
}

TEST(RoutingTable, IdZeroIsAnIdLikeAnyOther)
{
    test::TestRandom random;
    RoutingTable table(random);
    EXPECT_FALSE(table.contains(CircuitId(0)));
    table.erase(CircuitId(0));
    table.set(CircuitId(0), joined(1));
    EXPECT_TRUE(table.contains(CircuitId(0)));
    table.erase(CircuitId(0));
    EXPECT_FALSE(table.contains(CircuitId(0)));
    EXPECT_EQ(table.size(), 0U);
}

TEST(RoutingTable, LingersUntilItsTime)
{
    test::TestRandom random;
    test::FakeClock clock;
    RoutingTable table(random);
    table.set(CircuitId(7), joined(1));
    table.linger(CircuitId(7), clock.now() + 5s);
    EXPECT_EQ(table.find(CircuitId(7)).kind, RouteKind::lingering);
    clock.advance(4s);
    table.expire(clock.now());
    EXPECT_TRUE(table.contains(CircuitId(7)));
    clock.advance(1s);
    table.expire(clock.now());
    EXPECT_FALSE(table.contains(CircuitId(7)));
}

TEST(RoutingTable, AnOldFarewellDoesNotEndANewRoute)
{
    test::TestRandom random;
    test::FakeClock clock;
    RoutingTable table(random);
    table.linger(CircuitId(7), clock.now() + 5s);
    table.set(CircuitId(7), joined(2));
    table.expire(clock.now() + 1min);
    EXPECT_EQ(table.find(CircuitId(7)).kind, RouteKind::joined);
}

TEST(RoutingTable, DrawsFreeIdsOfItsOwner)
{
    test::TestRandom random;
    RoutingTable table(random);
    for (std::size_t i = 0; i < 500; ++i) {
        const auto id = table.draw_id(random, OneInFour{});
        ASSERT_TRUE(id);
        EXPECT_EQ(id->value % 4, 1U);
        EXPECT_FALSE(table.contains(*id));
        table.set(*id, joined(i + 1));
    }
    EXPECT_FALSE(table.draw_id(random, Nobody{}));
}

} // namespace
} // namespace cepa::tunnel
