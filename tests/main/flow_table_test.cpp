#include "main/flow_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace cepa::main {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

Address peer(std::uint32_t number) { return Endpoint{IpAddress::v4(0x01000000U + number), 6881}; }

TEST(FlowTable, FindsWhatItHolds)
{
    FlowTable table(8, 1);
    EXPECT_EQ(table.find(peer(1)), nullptr);
    Flow evicted;
    table.insert(peer(1), kStart, evicted).circuit = 4;
    table.insert(Address("tracker.example", 80), kStart, evicted).circuit = 5;
    ASSERT_NE(table.find(peer(1)), nullptr);
    EXPECT_EQ(table.find(peer(1))->circuit, 4);
    EXPECT_EQ(table.find(Address("tracker.example", 80))->circuit, 5);
    EXPECT_EQ(table.find(Address("tracker.example", 81)), nullptr);
    Address other_port = peer(1);
    other_port.endpoint.port = 6882;
    EXPECT_EQ(table.find(other_port), nullptr);
    EXPECT_FALSE(evicted.used);
    EXPECT_EQ(table.size(), 2U);
}

TEST(FlowTable, FullTableForgetsTheLongestIdle)
{
    FlowTable table(8, 1);
    Flow evicted;
    for (std::uint32_t i = 0; i < 8; ++i) table.insert(peer(i), kStart + std::chrono::seconds(i == 5 ? 0 : i + 10), evicted);
    EXPECT_FALSE(evicted.used);
    table.insert(peer(100), kStart + std::chrono::seconds(60), evicted);
    ASSERT_TRUE(evicted.used); // eight are fewer than it looks at, so it finds the very oldest
    EXPECT_EQ(evicted.destination, peer(5));
    EXPECT_EQ(table.find(peer(5)), nullptr);
    EXPECT_NE(table.find(peer(100)), nullptr);
    EXPECT_EQ(table.size(), 8U);
}

TEST(FlowTable, SurvivesAnyOrderOfInsertsAndErasures)
{
    std::mt19937 random(7);
    FlowTable table(64, 99);
    std::set<std::uint32_t> expected;
    for (int round = 0; round < 20000; ++round) {
        const std::uint32_t number = static_cast<std::uint32_t>(random() % 200);
        Flow evicted;
        if (expected.contains(number)) {
            table.retain([&](const Flow& flow) { return flow.destination != peer(number); });
            expected.erase(number);
        } else if (expected.size() < 64) {
            table.insert(peer(number), kStart, evicted);
            expected.insert(number);
        }
        if (round % 50 != 0) continue;
        ASSERT_EQ(table.size(), expected.size());
        for (std::uint32_t i = 0; i < 200; ++i) ASSERT_EQ(table.find(peer(i)) != nullptr, expected.contains(i)) << i;
    }
}

TEST(FlowTable, RetainErasesExactlyWhatIsNotKept)
{
    FlowTable table(256, 3);
    Flow evicted;
    for (std::uint32_t i = 0; i < 256; ++i) table.insert(peer(i), kStart, evicted).circuit = static_cast<CircuitIndex>(i % 2);
    table.retain([](const Flow& flow) { return flow.circuit == 1; });
    EXPECT_EQ(table.size(), 128U);
    for (std::uint32_t i = 0; i < 256; ++i) EXPECT_EQ(table.find(peer(i)) != nullptr, i % 2 == 1);
    std::size_t seen = 0;
    table.for_each([&](Flow&) { ++seen; });
    EXPECT_EQ(seen, 128U);
}

TEST(FlowTable, SeedChangesThePlaces)
{
    // What collides under one seed must not under another: compare the order in which the slots are walked.
    const auto order = [](std::uint64_t seed) {
        FlowTable table(64, seed);
        Flow evicted;
        for (std::uint32_t i = 0; i < 64; ++i) table.insert(peer(i), kStart, evicted);
        std::vector<Address> out;
        table.for_each([&](const Flow& flow) { out.push_back(flow.destination); });
        return out;
    };
    EXPECT_EQ(order(1), order(1));
    EXPECT_NE(order(1), order(2));
}

} // namespace
} // namespace cepa::main
