#include "worker/slot_ring.hpp"

#include "worker/fakes.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

TEST(SlotRing, CopiesWithRoomOnBothSides)
{
    SlotRing ring;
    const Bytes payload(kMaxPacket, 0x77);
    const auto taken = ring.take(payload);
    ASSERT_TRUE(taken);
    EXPECT_EQ(test::to_bytes(taken->bytes()), payload);
    EXPECT_EQ(taken->headroom(), kPacketHeadroom);
    EXPECT_EQ(taken->tailroom(), kPacketTailroom);
}

TEST(SlotRing, RefusesWhatIsTooLarge)
{
    SlotRing ring;
    EXPECT_FALSE(ring.take(Bytes(kMaxPacket + 1)));
    EXPECT_TRUE(ring.empty());
    EXPECT_TRUE(ring.take({}));
}

TEST(SlotRing, KeepsEverySlotUntilCleared)
{
    SlotRing ring;
    std::vector<PacketBuffer> taken;
    for (std::size_t i = 0; i < SlotRing::kSlots; ++i) taken.push_back(*ring.take(Bytes(100, static_cast<std::uint8_t>(i))));
    EXPECT_TRUE(ring.full());
    for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(test::to_bytes(taken[i].bytes()), Bytes(100, static_cast<std::uint8_t>(i)));
    ring.clear();
    EXPECT_TRUE(ring.empty());
}

} // namespace
} // namespace cepa::worker
