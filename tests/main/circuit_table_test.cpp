#include "main/circuit_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace cepa::main {
namespace {

const std::vector<WorkerId> kThree{WorkerId(0), WorkerId(1), WorkerId(2)};

TEST(CircuitTable, AnIdBelongsToOneWorker)
{
    CircuitTable table;
    EXPECT_TRUE(table.add(CircuitId(5), WorkerId(1)));
    EXPECT_FALSE(table.add(CircuitId(5), WorkerId(2)));
    EXPECT_EQ(table.owner(CircuitId(5)), WorkerId(1));
    EXPECT_TRUE(table.owns(WorkerId(1), CircuitId(5)));
    EXPECT_FALSE(table.owns(WorkerId(2), CircuitId(5)));
    EXPECT_EQ(table.count(WorkerId(1)), 1U);
    EXPECT_EQ(table.count(WorkerId(2)), 0U);
}

TEST(CircuitTable, RemovingTellsTheWorker)
{
    CircuitTable table;
    ASSERT_TRUE(table.add(CircuitId(5), WorkerId(1)));
    EXPECT_EQ(table.remove(CircuitId(5)), WorkerId(1));
    EXPECT_FALSE(table.remove(CircuitId(5)));
    EXPECT_FALSE(table.owner(CircuitId(5)));
    EXPECT_EQ(table.count(WorkerId(1)), 0U);
}

TEST(CircuitTable, ADeadWorkerLosesAllItsCircuitsAndNoOthers)
{
    CircuitTable table;
    for (std::uint32_t i = 0; i < 10; ++i)
        ASSERT_TRUE(table.add(CircuitId(i), WorkerId(i % 2)));
    auto gone = table.remove_all(WorkerId(1));
    std::ranges::sort(gone);
    EXPECT_EQ(gone, (std::vector<CircuitId>{CircuitId(1), CircuitId(3), CircuitId(5), CircuitId(7), CircuitId(9)}));
    EXPECT_EQ(table.count(WorkerId(0)), 5U);
    EXPECT_EQ(table.count(WorkerId(1)), 0U);
}

TEST(CircuitTable, FewestCircuitsFirstPendingOnesCounted)
{
    CircuitTable table;
    EXPECT_FALSE(table.least_loaded({}));
    EXPECT_EQ(table.least_loaded(kThree), WorkerId(0));
    ASSERT_TRUE(table.add(CircuitId(1), WorkerId(0)));
    table.begin_pending(WorkerId(1));
    EXPECT_EQ(table.least_loaded(kThree), WorkerId(2));
    table.begin_pending(WorkerId(2));
    table.end_pending(WorkerId(1));
    EXPECT_EQ(table.least_loaded(kThree), WorkerId(1));
    table.end_pending(WorkerId(1)); // one too many changes nothing
    EXPECT_EQ(table.least_loaded(kThree), WorkerId(1));
}

TEST(CircuitTable, WhatWasBeingMadeOnADeadWorkerDoesNotCountAgainstItsReplacement)
{
    CircuitTable table;
    table.begin_pending(WorkerId(0));
    table.begin_pending(WorkerId(0));
    (void)table.remove_all(WorkerId(0));
    (void)table.add(CircuitId(1), WorkerId(1));
    const std::array workers{WorkerId(0), WorkerId(1)};
    EXPECT_EQ(table.least_loaded(workers), WorkerId(0));
    table.end_pending(WorkerId(0)); // an answer that comes late takes nothing from those that are new
    EXPECT_EQ(table.least_loaded(workers), WorkerId(0));
}

} // namespace
} // namespace cepa::main
