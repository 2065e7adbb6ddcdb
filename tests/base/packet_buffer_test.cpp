#include "base/packet_buffer.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace cepa {
namespace {

TEST(PacketBuffer, GrowsAndShrinksAtBothEndsInPlace)
{
    std::array<std::uint8_t, 10> room{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    PacketBuffer packet(room, 4, 2);
    EXPECT_EQ(packet.headroom(), 4U);
    EXPECT_EQ(packet.tailroom(), 4U);
    EXPECT_EQ(packet.data(), room.data() + 4);

    EXPECT_EQ(packet.prepend(3).data(), room.data() + 1);
    EXPECT_EQ(packet.append(4).data(), room.data() + 6);
    EXPECT_EQ(packet.size(), 9U);
    EXPECT_EQ(packet.headroom(), 1U);
    EXPECT_EQ(packet.tailroom(), 0U);
    EXPECT_EQ(std::as_const(packet).bytes().front(), 1);
    EXPECT_EQ(std::as_const(packet).bytes().back(), 9);

    packet.strip_front(2);
    packet.strip_back(6);
    EXPECT_EQ(packet.size(), 1U);
    EXPECT_EQ(*packet.data(), 3);
    packet.strip_front(1);
    EXPECT_TRUE(packet.empty());
    EXPECT_EQ(packet.headroom() + packet.tailroom(), room.size());
}

TEST(PacketBuffer, DefaultHoldsNothing)
{
    const PacketBuffer packet;
    EXPECT_TRUE(packet.empty());
    EXPECT_EQ(packet.headroom(), 0U);
    EXPECT_EQ(packet.tailroom(), 0U);
}

TEST(PacketBuffer, TheRoomOfADataPathFitsFiveLayers)
{
    // In front: cell header, five counters, a data message with an IPv4 destination. Behind: five tags.
    EXPECT_GE(kPacketHeadroom, 29U + 5 * 8 + 15);
    EXPECT_GE(kPacketTailroom, 5U * 16);
    EXPECT_EQ(kPacketSlot, kPacketHeadroom + kMaxPacket + kPacketTailroom);
}

#ifndef NDEBUG
TEST(PacketBufferDeathTest, MoreThanThereIsRoomForIsABug)
{
    std::array<std::uint8_t, 4> room{};
    PacketBuffer packet(room, 1, 2);
    EXPECT_DEATH(packet.prepend(2), "headroom");
    EXPECT_DEATH(packet.append(2), "tailroom");
    EXPECT_DEATH(packet.strip_front(3), "size");
    EXPECT_DEATH(packet.strip_back(3), "size");
    EXPECT_DEATH(PacketBuffer(room, 3, 2), "size");
}
#endif

} // namespace
} // namespace cepa
