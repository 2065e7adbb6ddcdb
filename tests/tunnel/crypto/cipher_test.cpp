#include "tunnel/crypto/cipher.hpp"

#include "support/test_random.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>

namespace cepa::tunnel {
namespace {

/// libsodium's AEAD, an independent implementation of the same RFC.
Bytes reference_seal(const SecretBytes& key, const Nonce& nonce, ByteSpan plain)
{
    Bytes out(plain.size() + kTagSize);
    crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(), nullptr, 0, nullptr,
                                              nonce.data(), key.data());
    return out;
}

class AeadTest : public ::testing::Test {
protected:
    AeadTest() { init_crypto(); }
    void draw_key()
    {
        key_ = SecretBytes(random_.array<32>());
        random_.fill(nonce_);
    }

    test::TestRandom random_;
    SecretBytes key_;
    Nonce nonce_{};
    Aead aead_;
};

TEST_F(AeadTest, EveryLengthEqualsLibsodium)
{
    for (std::size_t size = 0; size <= 2048; ++size) {
        draw_key();
        const Bytes plain = random_.bytes(size);
        const Bytes expected = reference_seal(key_, nonce_, plain);
        Bytes sealed(size + kTagSize);
        ASSERT_TRUE(aead_.seal(key_, nonce_, plain, sealed.data()));
        ASSERT_EQ(sealed, expected) << size;
        Bytes opened(size);
        ASSERT_TRUE(aead_.open(key_, nonce_, expected, opened.data()));
        ASSERT_EQ(opened, plain) << size;
    }
}

/// The input lies `shift` bytes beside the output, in one buffer.
TEST_F(AeadTest, OverlapOfAnyKind)
{
    for (const std::size_t size : {1U, 15U, 16U, 17U, 64U, 100U, 1400U, 2048U}) {
        for (const std::size_t in_at : {0U, 1U, 8U, 63U, 64U, 65U, 500U}) {
            for (const std::size_t out_at : {0U, 1U, 8U, 64U, 300U}) {
                draw_key();
                const Bytes plain = random_.bytes(size);
                const Bytes expected = reference_seal(key_, nonce_, plain);
                Bytes room(3000);
                std::ranges::copy(plain, room.begin() + static_cast<std::ptrdiff_t>(in_at));
                ASSERT_TRUE(aead_.seal(key_, nonce_, ByteSpan(room).subspan(in_at, size), room.data() + out_at));
                ASSERT_TRUE(std::ranges::equal(ByteSpan(room).subspan(out_at, size + kTagSize), expected));

                std::ranges::copy(expected, room.begin() + static_cast<std::ptrdiff_t>(in_at));
                ASSERT_TRUE(
                    aead_.open(key_, nonce_, ByteSpan(room).subspan(in_at, size + kTagSize), room.data() + out_at));
                ASSERT_TRUE(std::ranges::equal(ByteSpan(room).subspan(out_at, size), plain));
            }
        }
    }
}

TEST_F(AeadTest, EveryChangedBitIsNoticedAndNothingIsWritten)
{
    draw_key();
    const Bytes plain = random_.bytes(40);
    const Bytes sealed = reference_seal(key_, nonce_, plain);
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes changed = sealed;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        const Bytes before = changed;
        EXPECT_FALSE(aead_.open(key_, nonce_, changed, changed.data()));
        EXPECT_EQ(changed, before);
    }
    Nonce other = nonce_;
    other[11] ^= 1;
    Bytes out(plain.size());
    EXPECT_FALSE(aead_.open(key_, other, sealed, out.data()));
    EXPECT_EQ(out, Bytes(plain.size()));
}

TEST_F(AeadTest, TooShortToHoldATag)
{
    draw_key();
    const Bytes sealed = reference_seal(key_, nonce_, {});
    std::uint8_t untouched = 7;
    for (std::size_t size = 0; size < kTagSize; ++size)
        EXPECT_FALSE(aead_.open(key_, nonce_, ByteSpan(sealed).first(size), &untouched));
    EXPECT_TRUE(aead_.open(key_, nonce_, sealed, &untouched));
    EXPECT_EQ(untouched, 7);
}

/// RFC 8439, section 2.8.2, has associated data, so this is its appendix A.1 keystream check instead: with a zero key
/// and nonce the ciphertext of zeros is ChaCha20's block 1.
TEST_F(AeadTest, KnownKeystream)
{
    const Bytes zeros(16);
    Bytes sealed(32);
    ASSERT_TRUE(aead_.seal(SecretBytes{}, Nonce{}, zeros, sealed.data()));
    const Bytes block_one{0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d};
    EXPECT_TRUE(std::ranges::equal(ByteSpan(sealed).first(16), block_one));
}

TEST_F(AeadTest, MovedAeadGoesOn)
{
    draw_key();
    Aead moved(std::move(aead_));
    Bytes sealed(16);
    ASSERT_TRUE(moved.seal(key_, nonce_, {}, sealed.data()));
    EXPECT_EQ(sealed, reference_seal(key_, nonce_, {}));
}

} // namespace
} // namespace cepa::tunnel
