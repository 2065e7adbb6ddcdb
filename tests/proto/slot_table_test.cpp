#include "proto/descriptors.hpp"
#include "proto/slot_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <vector>

namespace cepa::proto {
namespace {

constexpr std::uint32_t kK1 = 0x9e3779b9;
constexpr std::uint32_t kK2 = 0x85ebca6b;

std::size_t slots_of(const SlotTable& table, std::uint32_t worker)
{
    return static_cast<std::size_t>(std::ranges::count(table.owners(), worker));
}

TEST(SlotTable, SlotsAreSharedEvenly)
{
    for (std::uint32_t workers = 1; workers <= kMaxWorkers; ++workers) {
        const SlotTable table = SlotTable::make(kK1, kK2, workers);
        for (std::uint32_t w = 0; w < workers; ++w) {
            EXPECT_GE(slots_of(table, w), kSlots / workers);
            EXPECT_LE(slots_of(table, w), kSlots / workers + 1);
        }
    }
}

TEST(SlotTable, FunctionIsTheSpecified)
{
    const SlotTable table = SlotTable::make(0x11111111, 0x3, 4);
    const std::uint32_t id = 0x12345678;
    const std::uint64_t product = std::uint64_t{id ^ 0x11111111U} * 3U;
    EXPECT_EQ(table.slot(CircuitId(id)), ((product & 0xffffffffU) >> 16U) % 64U);
}

TEST(SlotTable, EvenFactorsAreMadeOdd)
{
    EXPECT_EQ(SlotTable::make(1, 4, 1).k2(), 5U);
}

TEST(SlotTable, RandomIdsSpreadOverTheWorkers)
{
    const SlotTable table = SlotTable::make(kK1, kK2, 4);
    std::mt19937 random(1); // NOLINT: the same ids every time
    std::array<int, 4> hits{};
    for (int i = 0; i < 40000; ++i)
        ++hits.at(table.owner(CircuitId(static_cast<std::uint32_t>(random()))).value);
    for (const int count : hits)
        EXPECT_NEAR(count, 10000, 500);
}

TEST(SlotTable, ResizingMovesAsFewSlotsAsPossible)
{
    for (std::uint32_t from = 1; from <= 8; ++from) {
        for (std::uint32_t to = 1; to <= 8; ++to) {
            const SlotTable before = SlotTable::make(kK1, kK2, from);
            const SlotTable after = before.resized(to);
            std::size_t moved = 0;
            std::size_t needed = 0;
            for (std::size_t s = 0; s < kSlots; ++s)
                moved += before.owners().at(s) != after.owners().at(s) ? 1 : 0;
            for (std::uint32_t w = 0; w < std::max(from, to); ++w) {
                const std::size_t was = slots_of(before, w);
                const std::size_t is = slots_of(after, w);
                if (was > is) needed += was - is;
                if (w < to)
                    EXPECT_LE(is, kSlots / to + 1);
                else
                    EXPECT_EQ(is, 0U);
            }
            EXPECT_EQ(moved, needed) << from << " to " << to;
            EXPECT_EQ(after.version(), before.version() + 1);
            EXPECT_EQ(after.k1(), before.k1());
        }
    }
}

/// The owner and the former ones, in the order in which they are asked.
std::vector<std::uint16_t> line(const SlotTable& table, std::uint32_t id)
{
    std::vector<std::uint16_t> out;
    for (std::optional<WorkerId> next = table.owner(CircuitId(id)); next;
         next = table.next_in_line(CircuitId(id), *next))
        out.push_back(next->value);
    return out;
}

TEST(SlotTable, RemembersTheFormerOwner)
{
    const SlotTable before = SlotTable::make(kK1, kK2, 2);
    const SlotTable after = before.resized(4);
    for (std::uint32_t id = 0; id < 1000; ++id) {
        const std::uint16_t was = before.owner(CircuitId(id)).value;
        const std::uint16_t is = after.owner(CircuitId(id)).value;
        EXPECT_EQ(line(before, id), (std::vector{was}));
        EXPECT_EQ(line(after, id), is == was ? std::vector{was} : (std::vector{is, was}));
    }
}

TEST(SlotTable, RemembersEveryFormerOwnerThatStillRuns)
{
    std::mt19937 random(7); // NOLINT: the same sizes every time
    SlotTable table = SlotTable::make(kK1, kK2, 1);
    std::array<std::vector<std::uint16_t>, 200> expected;
    for (auto& e : expected)
        e = {0};
    for (int change = 0; change < 100; ++change) {
        const std::uint32_t workers = 1 + static_cast<std::uint32_t>(random()) % 6;
        table = table.resized(workers);
        for (std::uint32_t id = 0; id < expected.size(); ++id) {
            auto& e = expected[id];
            const std::uint16_t owner = table.owner(CircuitId(id)).value;
            std::erase_if(e, [&](std::uint16_t w) { return w == owner || w >= workers; });
            e.insert(e.begin(), owner);
            if (e.size() > 1 + SlotTable::kFormers) e.pop_back();
            ASSERT_EQ(line(table, id), e) << "change " << change << " to " << workers;
            for (std::uint16_t w = 0; w < 6; ++w)
                ASSERT_EQ(table.may_have(CircuitId(id), WorkerId(w)), std::ranges::find(e, w) != e.end());
        }
        ASSERT_EQ(SlotTable::from_message(table.to_message(), 6), table);
    }
}

TEST(SlotTable, WhoDoesNotStandInTheLineHasNobodyAfterIt)
{
    const SlotTable table = SlotTable::make(kK1, kK2, 2).resized(4);
    for (std::uint32_t id = 0; id < 100; ++id)
        for (std::uint16_t worker = 0; worker < 6; ++worker)
            EXPECT_FALSE(!table.may_have(CircuitId(id), WorkerId(worker)) &&
                         table.next_in_line(CircuitId(id), WorkerId(worker)));
}

TEST(SlotTable, MessageRoundTrip)
{
    const SlotTable table = SlotTable::make(kK1, kK2, 3).resized(5);
    const auto back = SlotTable::from_message(table.to_message(), 5);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, table);
}

TEST(SlotTable, RefusesMalformedMessages)
{
    const Steer good = SlotTable::make(kK1, kK2, 4).to_message();
    EXPECT_TRUE(SlotTable::from_message(good, 4));
    EXPECT_FALSE(SlotTable::from_message(good, 3)) << "a worker that does not exist";
    Steer bad = good;
    bad.set_k2(2);
    EXPECT_FALSE(SlotTable::from_message(bad, 4));
    for (const std::size_t size : {0U, 63U, 65U}) {
        bad = good;
        bad.mutable_table()->resize(size);
        EXPECT_FALSE(SlotTable::from_message(bad, 4)) << size;
        bad = good;
        bad.mutable_former()->resize(size);
        EXPECT_EQ(SlotTable::from_message(bad, 4).has_value(), size == 0) << size;
    }
    bad = good;
    bad.mutable_former()->resize((SlotTable::kFormers + 1) * kSlots);
    EXPECT_FALSE(SlotTable::from_message(bad, 4)) << "one table too many";
}

TEST(Descriptors, SiblingsFollowWithoutTheOwnSlot)
{
    EXPECT_EQ(sibling_descriptor(WorkerId(0), WorkerId(1)), 11);
    EXPECT_EQ(sibling_descriptor(WorkerId(0), WorkerId(3)), 13);
    EXPECT_EQ(sibling_descriptor(WorkerId(2), WorkerId(0)), 11);
    EXPECT_EQ(sibling_descriptor(WorkerId(2), WorkerId(3)), 13);
    EXPECT_EQ(last_descriptor(4), 13);
    EXPECT_EQ(last_descriptor(1), 10);
}

} // namespace
} // namespace cepa::proto
