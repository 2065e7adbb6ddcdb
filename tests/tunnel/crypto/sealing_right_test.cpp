#include "support/packet.hpp"
#include "support/test_random.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/crypto/sealing_right.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace cepa::tunnel {
namespace {

static_assert(!std::is_copy_constructible_v<SealingRight> && !std::is_copy_assignable_v<SealingRight>);

class SealingRightTest : public ::testing::Test {
protected:
    static SessionKeys session()
    {
        test::TestRandom random(7);
        SessionKeys out;
        out.forward_key = SecretBytes(random.array<32>());
        out.backward_key = SecretBytes(random.array<32>());
        out.forward_salt = random.array<4>();
        out.backward_salt = random.array<4>();
        return out;
    }
    /// The counter that a message sealed with it shows; nullopt when it seals nothing, or not what the other end opens.
    template <class Sealer>
    std::optional<std::uint64_t> sealed(Sealer& sealer)
    {
        test::OwnedPacket packet(as_bytes("from the rendezvous point"));
        if (!sealer.seal(aead_, packet.buffer())) return std::nullopt;
        const auto opened = originator_.open(aead_, packet.buffer());
        if (!opened || !std::ranges::equal(packet.bytes(), as_bytes("from the rendezvous point"))) return std::nullopt;
        return opened->counter;
    }

    Aead aead_;
    Layer originator_ = Layer::initiator(session());
    Layer hop_ = Layer::responder(session());
};

TEST_F(SealingRightTest, GoesOnWhereTheLayerStood)
{
    EXPECT_EQ(sealed(hop_), 2U);
    EXPECT_EQ(sealed(hop_), 3U);
    SealingRight right = hop_.take_sealing_right();
    EXPECT_EQ(right.next_counter, 4U);
    EXPECT_EQ(sealed(right), 4U);
    EXPECT_EQ(sealed(right), 5U);
}

TEST_F(SealingRightTest, WhoGaveItAwaySealsNothing)
{
    SealingRight right = hop_.take_sealing_right();
    EXPECT_FALSE(sealed(hop_));
    SealingRight second = hop_.take_sealing_right();
    EXPECT_EQ(second.left, 0U);
    EXPECT_FALSE(sealed(second));
    SealingRight mine = std::move(right);
    EXPECT_EQ(sealed(mine), 2U);
    EXPECT_FALSE(sealed(right)); // NOLINT(bugprone-use-after-move): that is the point
    second = std::move(mine);
    EXPECT_EQ(sealed(second), 3U);
    EXPECT_FALSE(sealed(mine)); // NOLINT(bugprone-use-after-move)
}

TEST_F(SealingRightTest, TheLayerStillOpensWhatComesIn)
{
    const SealingRight right = hop_.take_sealing_right();
    test::OwnedPacket packet(as_bytes("forward"));
    ASSERT_TRUE(originator_.seal(aead_, packet.buffer()));
    EXPECT_TRUE(hop_.open(aead_, packet.buffer()));
    Layer moved = std::move(hop_);
    EXPECT_FALSE(sealed(moved));
}

TEST_F(SealingRightTest, EndsWhenItIsSpent)
{
    SealingRight right = hop_.take_sealing_right();
    right.left = 1;
    EXPECT_TRUE(sealed(right));
    test::OwnedPacket packet(as_bytes("more"));
    EXPECT_EQ(right.seal(aead_, packet.buffer()).error(), make_error_code(TunnelError::nonce_exhausted));
}

} // namespace
} // namespace cepa::tunnel
