#include "tunnel/discovery/signed_packet.hpp"

#include "support/codec.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

class SignedPacketTest : public ::testing::Test {
protected:
    SignedPacketTest() { init_crypto(); }

    const Prefix prefix_ = make_prefix(OverlayId{9, 8, 7});
    const PrivateKey key_ = PrivateKey::generate();
    const Bytes body_{1, 2, 3, 4, 5};
};

TEST_F(SignedPacketTest, RoundTrip)
{
    for (const bool timed : {false, true}) {
        const auto time = timed ? std::optional<std::uint64_t>(0x1122334455667788) : std::nullopt;
        const TimeField field = timed ? TimeField::present : TimeField::absent;
        const Bytes packet = build_signed(prefix_, 246, key_, time, body_);
        EXPECT_TRUE(has_prefix(packet, prefix_));
        const auto opened = open_signed(packet, field);
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->message_id, 246);
        EXPECT_EQ(opened->key, key_.public_key());
        EXPECT_EQ(opened->global_time, time.value_or(0));
        EXPECT_TRUE(std::ranges::equal(opened->body, body_));

        const Bytes plain = build_unsigned(prefix_, 250, time, body_);
        const auto opened_plain = open_unsigned(plain, field);
        ASSERT_TRUE(opened_plain);
        EXPECT_EQ(opened_plain->message_id, 250);
        EXPECT_EQ(opened_plain->global_time, time.value_or(0));
        EXPECT_TRUE(std::ranges::equal(opened_plain->body, body_));
    }
}

TEST_F(SignedPacketTest, EveryByteIsSigned)
{
    const Bytes packet = build_signed(prefix_, 246, key_, 1, body_);
    for (std::size_t i = 0; i < packet.size(); ++i) {
        Bytes changed = packet;
        changed[i] ^= 0x04;
        EXPECT_FALSE(open_signed(changed, TimeField::present)) << "byte " << i;
    }
}

TEST_F(SignedPacketTest, TruncatedAtEveryLength)
{
    const Bytes packet = build_signed(prefix_, 246, key_, 1, body_);
    const Bytes plain = build_unsigned(prefix_, 250, 1, {});
    for (std::size_t size = 0; size < packet.size(); ++size) {
        const test::ExactCopy cut(ByteSpan(packet).first(size));
        EXPECT_FALSE(open_signed(cut.bytes(), TimeField::present));
        EXPECT_FALSE(open_signed(cut.bytes(), TimeField::absent));
    }
    for (std::size_t size = 0; size < plain.size(); ++size) {
        const test::ExactCopy cut(ByteSpan(plain).first(size));
        const auto opened = open_unsigned(cut.bytes(), TimeField::present);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error(), TunnelError::malformed);
    }
}

TEST_F(SignedPacketTest, OneMessageDoesNotPassForAnother)
{
    // The same bytes, read with and without a time: the signature holds, the body is another. The id decides.
    const Bytes packet = build_signed(prefix_, 8, key_, 1, body_);
    const auto opened = open_signed(packet, TimeField::absent);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->body.size(), 8 + body_.size());
}

TEST_F(SignedPacketTest, ForeignKeysCannotSign)
{
    Bytes packet = build_signed(prefix_, 246, key_, 1, body_);
    packet[25] = 'X'; // "XibNaCLPK:"
    const auto opened = open_signed(packet, TimeField::present);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), TunnelError::bad_signature);
}

struct Filler {
    std::size_t size;
    void write(Writer& writer) const noexcept { writer.bytes(Bytes(size)); }
};

TEST_F(SignedPacketTest, BodiesBeyondAPacketAreEmpty)
{
    EXPECT_EQ(encode_body(Filler{kMaxSentPacket}).size(), kMaxSentPacket);
    EXPECT_TRUE(encode_body(Filler{kMaxSentPacket + 1}).empty());
}

} // namespace
} // namespace cepa::tunnel
