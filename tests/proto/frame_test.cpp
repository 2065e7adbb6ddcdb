#include "proto/frame.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cepa::proto {
namespace {

const Address kV4 = *Endpoint::parse("1.2.3.4:80");
const Address kV6 = *Endpoint::parse("[2001:db8::1]:443");
const Address kHost{"tracker.example", 6969};

/// A frame of its own memory.
struct Made {
    std::array<std::uint8_t, 8192> memory{};
    PacketBuffer buffer;

    explicit Made(std::string_view payload, std::size_t headroom = 512)
        : buffer(memory, headroom, payload.size())
    {
        std::copy(payload.begin(), payload.end(), buffer.data());
    }
    MutableByteSpan bytes() { return buffer.bytes(); }
};

std::string text(const PacketBuffer& packet) { return {packet.bytes().begin(), packet.bytes().end()}; }

TEST(Frame, DataRoundTripForEveryKindOfAddress)
{
    for (const Address& address : {kV4, kV6, kHost}) {
        Made made("hello");
        ASSERT_TRUE(wrap_data(made.buffer, CircuitId(0xdeadbeef), address));
        EXPECT_EQ(made.buffer.size(), data_header_size(address) + 5);
        FrameView view;
        ASSERT_EQ(next_frame(made.bytes(), view), FrameScan::frame);
        EXPECT_EQ(view.kind, FrameKind::data);
        const auto frame = parse_data(view);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->circuit, CircuitId(0xdeadbeef));
        EXPECT_EQ(frame->address, address);
        EXPECT_EQ(text(frame->payload), "hello");
        EXPECT_EQ(frame->payload.headroom(), data_header_size(address));
    }
}

TEST(Frame, LayoutOfAnIPv4DataFrame)
{
    Made made("AB");
    ASSERT_TRUE(wrap_data(made.buffer, CircuitId(0x01020304), kV4));
    const std::array<std::uint8_t, 18> expected{0, 0, 0, 14, 1, 1, 2, 3, 4, 1, 1, 2, 3, 4, 0, 80, 'A', 'B'};
    EXPECT_TRUE(std::ranges::equal(made.bytes(), expected));
}

TEST(Frame, HeaderLeavesRoomForASocks5Header)
{
    EXPECT_GE(data_header_size(kV4), 10U); // RSV FRAG ATYP, 4, port
    EXPECT_GE(data_header_size(kV6), 22U);
    EXPECT_GE(data_header_size(kV4), 15U); // head of a data message
}

TEST(Frame, PacketRoundTrip)
{
    for (const FrameKind kind : {FrameKind::packet_in, FrameKind::packet_out}) {
        Made made("a cell");
        ASSERT_TRUE(wrap_packet(made.buffer, kind, kV6.endpoint));
        FrameView view;
        ASSERT_EQ(next_frame(made.bytes(), view), FrameScan::frame);
        EXPECT_EQ(view.kind, kind);
        const auto frame = parse_packet(view);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->peer, kV6.endpoint);
        EXPECT_EQ(text(frame->packet), "a cell");
    }
}

TEST(Frame, IncompleteAtEveryLength)
{
    Made made("payload");
    ASSERT_TRUE(wrap_data(made.buffer, CircuitId(1), kV4));
    FrameView view;
    for (std::size_t size = 0; size < made.buffer.size(); ++size)
        EXPECT_EQ(next_frame(made.bytes().first(size), view), FrameScan::incomplete) << size;
}

TEST(Frame, BodyTruncatedAtEveryLengthIsMalformed)
{
    Made made("");
    ASSERT_TRUE(wrap_data(made.buffer, CircuitId(1), kHost));
    for (std::size_t size = kFrameHead; size < made.buffer.size(); ++size)
        EXPECT_FALSE(parse_data({FrameKind::data, made.bytes().first(size)})) << size;
    EXPECT_TRUE(parse_data({FrameKind::data, made.bytes()}));
    for (std::size_t size = kFrameHead; size < kFrameHead + kEncodedV4Size; ++size)
        EXPECT_FALSE(parse_packet({FrameKind::packet_in, made.bytes().first(size)})) << size;
}

TEST(Frame, LengthOfZeroOrAboveTheLimitBreaksTheStream)
{
    FrameView view;
    std::array<std::uint8_t, 5> zero{0, 0, 0, 0, 1};
    EXPECT_EQ(next_frame(zero, view), FrameScan::broken);
    std::array<std::uint8_t, 4> huge{0xff, 0xff, 0xff, 0xff};
    EXPECT_EQ(next_frame(huge, view), FrameScan::broken);
    std::array<std::uint8_t, 4> one_more{0, 0, 0x0f, 0xfd}; // kMaxFrame - 4 + 1
    EXPECT_EQ(next_frame(one_more, view), FrameScan::broken);
    std::array<std::uint8_t, 4> largest{0, 0, 0x0f, 0xfc};
    EXPECT_EQ(next_frame(largest, view), FrameScan::incomplete);
}

TEST(Frame, WrapRefusesWithoutRoomAndAboveTheLimit)
{
    Made cramped("x", data_header_size(kV4) - 1);
    EXPECT_FALSE(wrap_data(cramped.buffer, CircuitId(1), kV4));
    Made large(std::string(kMaxFrame - data_header_size(kV4) + 1, 'x'));
    EXPECT_FALSE(wrap_data(large.buffer, CircuitId(1), kV4));
    Made fits(std::string(kMaxFrame - data_header_size(kV4), 'x'));
    EXPECT_TRUE(wrap_data(fits.buffer, CircuitId(1), kV4));
    Made endless("x");
    EXPECT_FALSE(wrap_data(endless.buffer, CircuitId(1), Address(std::string(70000, 'a'), 1)));
    Made packet("x", 5);
    EXPECT_FALSE(wrap_packet(packet.buffer, FrameKind::packet_in, kV4.endpoint));
}

TEST(Frame, KindsAreNotTakenForEachOther)
{
    Made made("x");
    ASSERT_TRUE(wrap_packet(made.buffer, FrameKind::packet_in, kV4.endpoint));
    EXPECT_FALSE(parse_data({FrameKind::packet_in, made.bytes()}));
    EXPECT_FALSE(parse_packet({FrameKind::data, made.bytes()}));
    EXPECT_FALSE(parse_packet({static_cast<FrameKind>(16), made.bytes()}));
}

} // namespace
} // namespace cepa::proto
