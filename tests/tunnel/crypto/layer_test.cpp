#include "tunnel/crypto/layer.hpp"

#include "support/packet.hpp"
#include "support/test_random.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <type_traits>

namespace cepa::tunnel {
namespace {

static_assert(!std::is_copy_constructible_v<Layer> && !std::is_copy_assignable_v<Layer>);
static_assert(!std::is_copy_constructible_v<SessionKeys> && !std::is_copy_assignable_v<SessionKeys>);

SessionKeys keys()
{
    test::TestRandom random(7);
    SessionKeys out;
    out.forward_key = SecretBytes(random.array<32>());
    out.backward_key = SecretBytes(random.array<32>());
    out.forward_salt = random.array<4>();
    out.backward_salt = random.array<4>();
    return out;
}

class LayerTest : public ::testing::Test {
protected:
    /// Seals `content` and returns the counter that the sealed packet shows.
    std::uint64_t sealed_counter(Layer& layer, ByteSpan content = as_bytes("hello"))
    {
        test::OwnedPacket packet(content);
        EXPECT_TRUE(layer.seal(aead_, packet.buffer()));
        return Reader(packet.bytes()).u64();
    }

    Aead aead_;
    test::TestRandom random_;
    Layer initiator_ = Layer::initiator(keys());
    Layer responder_ = Layer::responder(keys());
};

TEST_F(LayerTest, BothDirectionsInPlace)
{
    for (const std::size_t size : {0U, 1U, 1400U}) {
        const Bytes content = random_.bytes(size);
        for (const auto& [from, to] : {std::pair(&initiator_, &responder_), std::pair(&responder_, &initiator_)}) {
            test::OwnedPacket packet(content);
            const std::uint8_t* start = packet.bytes().data();
            const std::uint64_t counter = from->next_counter();
            ASSERT_TRUE(from->seal(aead_, packet.buffer()));
            EXPECT_EQ(packet.bytes().size(), size + kLayerOverhead);
            EXPECT_EQ(packet.bytes().data(), start - kCounterSize);
            const Bytes wire(packet.bytes().begin(), packet.bytes().end());
            const auto opened = to->open(aead_, packet.buffer());
            ASSERT_TRUE(opened);
            EXPECT_EQ(opened->counter, counter);
            EXPECT_TRUE(std::ranges::equal(opened->tag, ByteSpan(wire).last(kTagSize)));
            EXPECT_TRUE(std::ranges::equal(packet.bytes(), content));
            EXPECT_EQ(packet.bytes().data(), start);
        }
    }
}

TEST_F(LayerTest, NobodyOpensWhatItSealed)
{
    test::OwnedPacket packet(as_bytes("hello"));
    ASSERT_TRUE(initiator_.seal(aead_, packet.buffer()));
    const Bytes before(packet.bytes().begin(), packet.bytes().end());
    const auto opened = initiator_.open(aead_, packet.buffer());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), TunnelError::bad_tag);
    EXPECT_TRUE(std::ranges::equal(packet.bytes(), before)); // unchanged
}

TEST_F(LayerTest, CountersAreFixedAndNeverTwo)
{
    // FORWARD 2 is what deployed responders seal their candidates with.
    EXPECT_EQ(sealed_counter(initiator_), 3U);
    EXPECT_EQ(sealed_counter(initiator_), 4U);
    EXPECT_EQ(sealed_counter(responder_), 2U);
    EXPECT_EQ(initiator_.next_counter(), 5U);
}

TEST_F(LayerTest, AFailedSealSpendsNoCounterTwice)
{
    std::array<std::uint8_t, 5> room{};
    PacketBuffer no_room(room, 0, room.size());
    const auto sealed = initiator_.seal(aead_, no_room);
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error(), TunnelError::too_large);
    EXPECT_EQ(no_room.size(), room.size());
    EXPECT_GE(sealed_counter(initiator_), 3U);
}

TEST_F(LayerTest, MovingTakesTheCounterAlongAndSpendsTheSource)
{
    std::set<std::uint64_t> seen{sealed_counter(initiator_), sealed_counter(initiator_)};
    Layer relay_entry(std::move(initiator_)); // exit entry becomes relay entry
    EXPECT_TRUE(seen.insert(sealed_counter(relay_entry)).second);
    test::OwnedPacket packet(as_bytes("hello"));
    const auto sealed = initiator_.seal(aead_, packet.buffer()); // NOLINT: use after move is the point
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error(), TunnelError::nonce_exhausted);

    Layer assigned = Layer::initiator(keys());
    assigned = std::move(relay_entry);
    EXPECT_TRUE(seen.insert(sealed_counter(assigned)).second);
    EXPECT_FALSE(relay_entry.seal(aead_, packet.buffer())); // NOLINT
    Layer& itself = assigned;
    assigned = std::move(itself);
    EXPECT_TRUE(seen.insert(sealed_counter(assigned)).second);
}

TEST_F(LayerTest, TruncatedAtEveryLength)
{
    test::OwnedPacket packet(as_bytes("some message"));
    ASSERT_TRUE(initiator_.seal(aead_, packet.buffer()));
    const Bytes wire(packet.bytes().begin(), packet.bytes().end());
    for (std::size_t size = 0; size < wire.size(); ++size) {
        test::OwnedPacket cut(ByteSpan(wire).first(size));
        const auto opened = responder_.open(aead_, cut.buffer());
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error(), size < kLayerOverhead ? TunnelError::malformed : TunnelError::bad_tag);
        EXPECT_EQ(cut.bytes().size(), size);
    }
}

TEST_F(LayerTest, AnyCounterOpensInAnyOrder)
{
    Layer far(keys(), Direction::forward, 0x4000000000000001U);
    Layer from_one(keys(), Direction::forward, 1);
    for (Layer* layer : {&far, &initiator_, &from_one}) {
        test::OwnedPacket packet(as_bytes("hello"));
        ASSERT_TRUE(layer->seal(aead_, packet.buffer()));
        EXPECT_TRUE(responder_.open(aead_, packet.buffer()));
    }
}

TEST_F(LayerTest, OfferComesOnceFromCountersNoInitiatorReaches)
{
    const Bytes list = random_.bytes(300);
    const auto sealed = responder_.seal_offer(aead_, random_, list);
    ASSERT_TRUE(sealed);
    const std::uint64_t counter = Reader(*sealed).u64();
    EXPECT_GE(counter, kOfferCounterBase);
    EXPECT_GT(kOfferCounterBase, kInitiatorFirstCounter + kMaxSealed);

    const auto opened = initiator_.open_offer(aead_, *sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(*opened, list);
    EXPECT_EQ(initiator_.next_counter(), kInitiatorFirstCounter);

    const auto again = responder_.seal_offer(aead_, random_, list);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error(), TunnelError::wrong_state);
    EXPECT_EQ(sealed_counter(responder_), kResponderFirstCounter);
    EXPECT_FALSE(Layer(std::move(responder_)).seal_offer(aead_, random_, list));
}

TEST_F(LayerTest, OfferRefusesWhatIsNotOne)
{
    const auto sealed = responder_.seal_offer(aead_, random_, as_bytes("list"));
    ASSERT_TRUE(sealed);
    for (std::size_t size = 0; size < sealed->size(); ++size)
        EXPECT_FALSE(initiator_.open_offer(aead_, ByteSpan(*sealed).first(size)));
    Bytes changed = *sealed;
    changed.back() ^= 1;
    const auto opened = initiator_.open_offer(aead_, changed);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), TunnelError::bad_tag);
}

} // namespace
} // namespace cepa::tunnel
