#include "tunnel/crypto/keys.hpp"

#include "support/test_random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <unordered_set>

namespace cepa::tunnel {
namespace {

TEST(PublicKey, RoundTripAndRefusals)
{
    init_crypto();
    const PublicKey key = PrivateKey::generate().public_key();
    const EncodedKey encoded = key.encode();
    EXPECT_EQ(PublicKey::parse(encoded), key);
    for (std::size_t size = 0; size < encoded.size(); ++size) EXPECT_FALSE(PublicKey::parse(ByteSpan(encoded).first(size)));
    Bytes longer(encoded.begin(), encoded.end());
    longer.push_back(0);
    EXPECT_FALSE(PublicKey::parse(longer));
    for (std::size_t i = 0; i < 10; ++i) {
        EncodedKey other = encoded;
        other[i] ^= 1;
        EXPECT_FALSE(PublicKey::parse(other)) << "prefix byte " << i;
    }
    EXPECT_FALSE(PublicKey::parse(PrivateKey::generate().encode())); // a private key is no public one
}

TEST(PrivateKey, RoundTrip)
{
    init_crypto();
    const PrivateKey key = PrivateKey::generate();
    const auto parsed = PrivateKey::parse(key.encode());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->public_key(), key.public_key());
    EXPECT_EQ(parsed->encode(), key.encode());
    EXPECT_FALSE(PrivateKey::parse(key.public_key().encode()));
    EXPECT_NE(PrivateKey::generate().public_key(), key.public_key());
}

TEST(PrivateKey, SignaturesCoverEveryByte)
{
    init_crypto();
    test::TestRandom random;
    const PrivateKey key = PrivateKey::generate();
    const Bytes message = random.bytes(100);
    const Signature signature = key.sign(message);
    EXPECT_TRUE(key.public_key().verify(message, signature));
    EXPECT_FALSE(PrivateKey::generate().public_key().verify(message, signature));
    for (std::size_t i = 0; i < message.size(); ++i) {
        Bytes other = message;
        other[i] ^= 0x20;
        EXPECT_FALSE(key.public_key().verify(other, signature));
    }
    for (std::size_t size = 0; size < signature.size(); ++size)
        EXPECT_FALSE(key.public_key().verify(message, ByteSpan(signature).first(size)));
}

TEST(SecretBytes, MovingWipesTheSource)
{
    KeyBytes ones;
    ones.fill(1);
    SecretBytes from(ones);
    SecretBytes to(std::move(from));
    const auto is_zero = [](ByteSpan bytes) { return std::ranges::all_of(bytes, [](auto b) { return b == 0; }); };
    EXPECT_TRUE(is_zero(from.span())); // NOLINT: what is left is the point
    EXPECT_TRUE(std::ranges::equal(to.span(), ones));
    SecretBytes assigned;
    assigned = std::move(to);
    EXPECT_TRUE(is_zero(to.span())); // NOLINT
    EXPECT_TRUE(std::ranges::equal(assigned.span(), ones));
    SecretBytes& itself = assigned;
    assigned = std::move(itself);
    EXPECT_TRUE(std::ranges::equal(assigned.span(), ones));
}

TEST(SecretBytes, DestructionWipesTheMemory)
{
    KeyBytes ones;
    ones.fill(1);
    alignas(SecretBytes) std::array<std::uint8_t, sizeof(SecretBytes)> memory{};
    auto* secret = new (memory.data()) SecretBytes(ones);
    EXPECT_EQ(memory, ones);
    secret->~SecretBytes();
    EXPECT_EQ(memory, KeyBytes{});
}

TEST(PublicKey, HashSpreads)
{
    init_crypto();
    std::unordered_set<std::size_t> seen;
    for (int i = 0; i < 100; ++i) seen.insert(std::hash<PublicKey>{}(PrivateKey::generate().public_key()));
    EXPECT_EQ(seen.size(), 100U);
}

} // namespace
} // namespace cepa::tunnel
