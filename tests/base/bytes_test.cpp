#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace cepa {
namespace {

TEST(Reader, FieldsAreBigEndian)
{
    const Bytes bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 2, 16, 17, 18};
    Reader reader(bytes);
    EXPECT_EQ(reader.u8(), 0x01U);
    EXPECT_EQ(reader.u16(), 0x0203U);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fU);
    EXPECT_EQ(reader.varlen().size(), 2U);
    EXPECT_FALSE(reader.complete());
    EXPECT_EQ(reader.rest().front(), 18);
    EXPECT_TRUE(reader.complete());
}

TEST(Reader, AShortReadIsZeroAndFinal)
{
    const Bytes bytes{0xff, 0xff, 0xff};
    Reader reader(bytes);
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0U); // what was left is out of reach too
    EXPECT_TRUE(reader.rest().empty());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_FALSE(reader.complete());
}

TEST(Reader, TakeAndArrayCheckTheirLength)
{
    const Bytes bytes{1, 2, 3};
    Reader exact(bytes);
    EXPECT_EQ(exact.array<3>(), (std::array<std::uint8_t, 3>{1, 2, 3}));
    EXPECT_TRUE(exact.complete());
    Reader beyond(bytes);
    EXPECT_EQ(beyond.array<4>(), (std::array<std::uint8_t, 4>{}));
    EXPECT_FALSE(beyond.ok());
    Reader huge(bytes);
    EXPECT_TRUE(huge.take(SIZE_MAX).empty());
    EXPECT_FALSE(huge.ok());
    Reader nothing(ByteSpan{});
    EXPECT_TRUE(nothing.take(0).empty());
    EXPECT_TRUE(nothing.complete());
}

TEST(Reader, VarlenBeyondTheEnd)
{
    const Bytes bytes{0, 3, 1, 2};
    Reader reader(bytes);
    EXPECT_TRUE(reader.varlen().empty());
    EXPECT_FALSE(reader.ok());
}

TEST(Reader, RejectMarksTheInput)
{
    const Bytes bytes{1};
    Reader reader(bytes);
    EXPECT_EQ(reader.u8(), 1);
    reader.reject();
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.complete());
}

TEST(Writer, RoundTrip)
{
    std::array<std::uint8_t, 20> room{};
    Writer writer(room);
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    writer.varlen(Bytes{1, 2, 3});
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ(writer.size(), 20U);
    Reader reader(writer.written());
    EXPECT_EQ(reader.u8(), 0x01U);
    EXPECT_EQ(reader.u16(), 0x0203U);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fU);
    EXPECT_EQ(reader.varlen().size(), 3U);
    EXPECT_TRUE(reader.complete());
}

TEST(Writer, NeverWritesPastTheEnd)
{
    std::array<std::uint8_t, 8> room{};
    Writer writer(MutableByteSpan(room).first(3));
    writer.u32(0xffffffff);
    EXPECT_FALSE(writer.ok());
    writer.u8(0xff); // would fit, but the message is broken already
    EXPECT_EQ(writer.size(), 0U);
    EXPECT_EQ(room, (std::array<std::uint8_t, 8>{}));
    Writer exact(MutableByteSpan(room).first(4));
    exact.u32(0x01020304);
    EXPECT_TRUE(exact.ok());
    exact.bytes({});
    EXPECT_TRUE(exact.ok());
}

TEST(Writer, VarlenHoldsNoMoreThanItsLengthCanSay)
{
    Bytes room(70000);
    const Bytes long_data(65536);
    Writer writer(room);
    writer.varlen(long_data);
    EXPECT_FALSE(writer.ok());
    Writer longest(room);
    longest.varlen(ByteSpan(long_data).first(65535));
    EXPECT_TRUE(longest.ok());
    EXPECT_EQ(longest.size(), 65537U);
}

TEST(AsBytes, IsTheTextWithoutATerminator)
{
    const ByteSpan bytes = as_bytes("ab");
    ASSERT_EQ(bytes.size(), 2U);
    EXPECT_EQ(bytes[0], 'a');
}

} // namespace
} // namespace cepa
