#include "proto/hand_over.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cepa::proto {
namespace {

PacketBuffer make(std::array<std::uint8_t, 256>& memory, std::string_view packet, std::size_t headroom = 32)
{
    PacketBuffer buffer(memory, headroom, packet.size());
    std::copy(packet.begin(), packet.end(), buffer.data());
    return buffer;
}

TEST(HandOver, RoundTripInPlace)
{
    for (const char* source : {"10.1.2.3:5555", "[fd00::1]:1"}) {
        std::array<std::uint8_t, 256> memory{};
        PacketBuffer buffer = make(memory, "cell");
        const auto* payload = buffer.data();
        ASSERT_TRUE(wrap_hand_over(buffer, *Endpoint::parse(source), 3));
        EXPECT_LE(buffer.size(), 4 + kMaxHandOverHead);
        const auto parsed = parse_hand_over(buffer);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->source, *Endpoint::parse(source));
        EXPECT_EQ(parsed->times, 3);
        EXPECT_EQ(parsed->packet.data(), payload);
        EXPECT_EQ(parsed->packet.size(), 4U);
    }
}

TEST(HandOver, TruncatedAtEveryLength)
{
    std::array<std::uint8_t, 256> memory{};
    PacketBuffer buffer = make(memory, "c");
    ASSERT_TRUE(wrap_hand_over(buffer, *Endpoint::parse("10.1.2.3:5555"), 1));
    for (std::size_t size = 0; size < buffer.size(); ++size)
        EXPECT_FALSE(parse_hand_over(PacketBuffer(buffer.bytes().first(size), 0, size))) << size;
    EXPECT_TRUE(parse_hand_over(buffer));
}

TEST(HandOver, RefusesImpossibleTimesAndMissingRoom)
{
    std::array<std::uint8_t, 256> memory{};
    PacketBuffer buffer = make(memory, "c");
    ASSERT_TRUE(wrap_hand_over(buffer, *Endpoint::parse("10.1.2.3:5555"), 1));
    for (const std::uint8_t times : std::array<std::uint8_t, 3>{0, kMaxHandOvers + 1, 255}) {
        buffer.data()[0] = times;
        EXPECT_FALSE(parse_hand_over(buffer));
    }
    PacketBuffer cramped = make(memory, "c", 7);
    EXPECT_FALSE(wrap_hand_over(cramped, *Endpoint::parse("10.1.2.3:5555"), 1));
}

} // namespace
} // namespace cepa::proto
