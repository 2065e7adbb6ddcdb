#include "tunnel/crypto/handshake.hpp"

#include "support/packet.hpp"
#include "support/test_random.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::tunnel {
namespace {

class HandshakeTest : public ::testing::Test {
protected:
    HandshakeTest() { init_crypto(); }

    test::TestRandom random_;
    PrivateKey responder_ = PrivateKey::generate();
    EphemeralKey x_ = EphemeralKey::generate(random_);
    EphemeralKey y_ = EphemeralKey::generate(random_);
};

TEST_F(HandshakeTest, BothEndsShareALayer)
{
    auto answer = answer_handshake(responder_.x25519_secret(), y_, x_.public_key);
    ASSERT_TRUE(answer);
    auto keys = finish_handshake(x_, responder_.public_key().x25519, answer->ephemeral, answer->auth);
    ASSERT_TRUE(keys);
    Aead aead;
    Layer initiator = Layer::initiator(std::move(*keys));
    Layer responder = Layer::responder(std::move(answer->keys));
    test::OwnedPacket packet(as_bytes("hello"));
    ASSERT_TRUE(initiator.seal(aead, packet.buffer()));
    ASSERT_TRUE(responder.open(aead, packet.buffer()));
    EXPECT_TRUE(std::ranges::equal(packet.bytes(), as_bytes("hello")));
}

TEST_F(HandshakeTest, EveryHandshakeHasItsOwnKeys)
{
    const auto first = answer_handshake(responder_.x25519_secret(), y_, x_.public_key);
    const auto second = answer_handshake(responder_.x25519_secret(), EphemeralKey::generate(random_), x_.public_key);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(std::ranges::equal(first->keys.forward_key.span(), second->keys.forward_key.span()));
    EXPECT_FALSE(std::ranges::equal(first->keys.forward_key.span(), first->keys.backward_key.span()));
}

TEST_F(HandshakeTest, WrongAuthIsRefused)
{
    const auto answer = answer_handshake(responder_.x25519_secret(), y_, x_.public_key);
    ASSERT_TRUE(answer);
    for (std::size_t i = 0; i < answer->auth.size(); ++i) {
        HandshakeAuth changed = answer->auth;
        changed[i] ^= 0x80;
        const auto keys = finish_handshake(x_, responder_.public_key().x25519, answer->ephemeral, changed);
        ASSERT_FALSE(keys);
        EXPECT_EQ(keys.error(), TunnelError::bad_tag);
    }
    const auto keys = finish_handshake(x_, responder_.public_key().x25519, x_.public_key, answer->auth);
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error(), TunnelError::bad_tag);
}

/// Auth does not cover the static key: a man in the middle with a key of his own is found out by the layers.
TEST_F(HandshakeTest, TheWrongResponderCannotOpenAnything)
{
    auto answer = answer_handshake(PrivateKey::generate().x25519_secret(), y_, x_.public_key);
    ASSERT_TRUE(answer);
    auto keys = finish_handshake(x_, responder_.public_key().x25519, answer->ephemeral, answer->auth);
    ASSERT_TRUE(keys);
    Aead aead;
    Layer initiator = Layer::initiator(std::move(*keys));
    const Layer impostor = Layer::responder(std::move(answer->keys));
    test::OwnedPacket packet(as_bytes("hello"));
    ASSERT_TRUE(initiator.seal(aead, packet.buffer()));
    EXPECT_FALSE(impostor.open(aead, packet.buffer()));
}

TEST_F(HandshakeTest, PointsOfLowOrderAreRefused)
{
    // 0, 1 and p - 1: multiplied by a clamped secret all give zero.
    KeyBytes one{1};
    KeyBytes minus_one;
    minus_one.fill(0xff);
    minus_one.front() = 0xec;
    minus_one.back() = 0x7f;
    const HandshakeAuth auth{};
    for (const KeyBytes& point : {KeyBytes{}, one, minus_one}) {
        const auto answer = answer_handshake(responder_.x25519_secret(), y_, point);
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error(), TunnelError::malformed);
        EXPECT_FALSE(finish_handshake(x_, responder_.public_key().x25519, point, auth));
        const auto keys = finish_handshake(x_, point, y_.public_key, auth);
        ASSERT_FALSE(keys);
        EXPECT_EQ(keys.error(), TunnelError::malformed);
    }
}

} // namespace
} // namespace cepa::tunnel
