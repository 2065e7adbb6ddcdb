#include "tunnel/cell/cell.hpp"

#include "support/codec.hpp"
#include "support/packet.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

constexpr OverlayId kOverlay{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

Bytes cell(const CellHeader& header, ByteSpan message)
{
    test::OwnedPacket packet(message);
    prepend_cell_header(packet.buffer(), make_prefix(kOverlay), header);
    return {packet.bytes().begin(), packet.bytes().end()};
}

TEST(Prefix, BelongsToOneOverlay)
{
    const Prefix prefix = make_prefix(kOverlay);
    EXPECT_EQ(prefix[0], 0);
    EXPECT_EQ(prefix[1], 2);
    Bytes packet(prefix.begin(), prefix.end());
    EXPECT_FALSE(has_prefix(packet, prefix)); // no message id
    packet.push_back(99);
    EXPECT_TRUE(has_prefix(packet, prefix));
    EXPECT_EQ(packet_message_id(packet), 99);
    for (std::size_t i = 0; i < kPrefixSize; ++i) {
        Bytes other = packet;
        other[i] ^= 1;
        EXPECT_FALSE(has_prefix(other, prefix));
        EXPECT_FALSE(has_prefix(ByteSpan(packet).first(i), prefix));
    }
}

TEST(CellHeader, RoundTripOfEveryFlag)
{
    for (const bool plaintext : {false, true}) {
        for (const bool early : {false, true}) {
            const CellHeader header{CircuitId(0xfedcba98), plaintext, early};
            const Bytes packet = cell(header, as_bytes("message"));
            EXPECT_EQ(packet.size(), kCellHeaderSize + 7);
            EXPECT_EQ(read_cell_header(packet), header);
        }
    }
}

TEST(CellHeader, TruncatedAtEveryLength)
{
    const Bytes packet = cell({CircuitId(5), true, true}, {});
    for (std::size_t size = 0; size < packet.size(); ++size) {
        const test::ExactCopy cut(ByteSpan(packet).first(size));
        EXPECT_FALSE(read_cell_header(cut.bytes()));
    }
    EXPECT_TRUE(read_cell_header(packet));
}

TEST(CellHeader, OnlyMessageIdZeroIsACell)
{
    Bytes packet = cell({CircuitId(5), false, false}, {});
    for (unsigned id = 1; id < 256; ++id) {
        packet[kMessageIdOffset] = static_cast<std::uint8_t>(id);
        EXPECT_FALSE(read_cell_header(packet));
    }
}

TEST(CheckCell, RulesInTheirOrder)
{
    const CellHeader sealed{CircuitId(1), false, false};
    const CellHeader early{CircuitId(1), false, true};
    const CellHeader plain{CircuitId(1), true, false};
    EXPECT_EQ(check_cell(sealed, {}), CellCheck::empty);
    EXPECT_EQ(check_cell(plain, {}), CellCheck::empty);
    for (unsigned id = 0; id < 256; ++id) {
        const std::array<std::uint8_t, 1> message{static_cast<std::uint8_t>(id)};
        const bool building = id == 2 || id == 3;
        EXPECT_EQ(check_cell(plain, message), building  ? CellCheck::accepted
                                              : id == 4 ? CellCheck::extend_not_early
                                                        : CellCheck::plaintext_refused);
        EXPECT_EQ(check_cell(sealed, message), building  ? CellCheck::sealed_refused
                                               : id == 4 ? CellCheck::extend_not_early
                                                         : CellCheck::accepted);
        EXPECT_EQ(check_cell(early, message), building ? CellCheck::sealed_refused : CellCheck::accepted);
    }
    EXPECT_EQ(check_cell({CircuitId(1), true, true}, std::array<std::uint8_t, 1>{4}), CellCheck::plaintext_refused);
}

TEST(RelayEarlyCount, NeverWrapsAround)
{
    RelayEarlyCount count;
    for (int i = 0; i < 7; ++i) EXPECT_TRUE(count.admit(true));
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(count.admit(true));
        EXPECT_TRUE(count.admit(false));
    }
}

TEST(CellSize, AsTheTableHasIt)
{
    // Section 10: 68, 92 and 116 bytes around the user's data on the first link of 1, 2 and 3 hops.
    constexpr std::size_t data_header = 1 + 7 + 7;
    EXPECT_EQ(cell_size(data_header, 1), 68U);
    EXPECT_EQ(cell_size(data_header, 2), 92U);
    EXPECT_EQ(cell_size(data_header, 3), 116U);
    EXPECT_EQ(cell_size(data_header + 1356, 3), kMaxSentPacket);
}

} // namespace
} // namespace cepa::tunnel
