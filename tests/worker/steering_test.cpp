#include "worker/steering.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

TEST(Steering, AnIdIsMineExactlyWhenTheTableSaysSo)
{
    const auto table = proto::SlotTable::make(0x12345678, 0x9abcdef1, 4);
    int mine = 0;
    const Steering steering(WorkerId(2), table);
    for (std::uint32_t id = 0; id < 4000; ++id) {
        EXPECT_EQ(steering.is_mine(CircuitId(id * 2654435761U)), table.owner(CircuitId(id * 2654435761U)) == WorkerId(2));
        mine += steering.is_mine(CircuitId(id * 2654435761U)) ? 1 : 0;
    }
    EXPECT_GT(mine, 500); // about a quarter
    EXPECT_LT(mine, 1500);
}

TEST(Steering, AnOlderTableIsIgnored)
{
    const auto two = proto::SlotTable::make(1, 3, 2);
    const auto three = two.resized(3);
    Steering steering(WorkerId(0), three);
    steering.update(two);
    EXPECT_EQ(steering.table(), three);
    steering.update(three.resized(1));
    EXPECT_EQ(steering.table().version(), three.version() + 1);
}

} // namespace
} // namespace cepa::worker
