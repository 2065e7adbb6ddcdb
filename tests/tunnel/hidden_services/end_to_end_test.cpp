#include "support/ipv8_vectors.hpp"
#include "support/packet.hpp"
#include "support/test_random.hpp"
#include "tunnel/error.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using Json = nlohmann::json;

const Json& e2e_vector()
{
    return test::ipv8_vectors().at("hidden").at("e2e_handshake");
}

class EndToEnd : public ::testing::Test {
protected:
    EndToEnd()
    {
        init_crypto();
        where_ = {test::endpoint_of(e2e_vector().at("rp_address")), test::private_key("dave").public_key(), {}};
        where_.cookie.fill(9);
    }
    EndAnswer answer(const KeyBytes& x)
    {
        auto made = answer_end(seeder_, EphemeralKey::generate(random_), x, where_, aead_);
        EXPECT_TRUE(made);
        return *std::move(made);
    }
    Result<EndFound> finish(const EndAnswer& made, ByteSpan enc)
    {
        return finish_end(own_, seeder_.public_key(), {1, made.ephemeral, made.auth, enc}, aead_);
    }

    test::TestRandom random_;
    Aead aead_;
    PrivateKey seeder_ = test::private_key("seeder_swarm");
    EphemeralKey own_ = EphemeralKey::generate(random_);
    RendezvousInfo where_;
};

TEST_F(EndToEnd, MakesThePacketOfTheVectorsAndReadsIt)
{
    const Json& entry = e2e_vector();
    where_.cookie = test::unhex_array<20>(entry.at("cookie"));
    const auto y = EphemeralKey::from_secret(SecretBytes(test::unhex_array<32>(entry.at("responder_ephemeral_sk"))));
    const auto x = EphemeralKey::from_secret(SecretBytes(test::unhex_array<32>(entry.at("initiator_ephemeral_sk"))));
    auto made = answer_end(seeder_, y, x.public_key, where_, aead_);
    ASSERT_TRUE(made);
    EXPECT_EQ(test::hex(made->rendezvous_enc), entry.at("rp_info_enc").get<std::string>());
    EXPECT_EQ(test::hex(made->auth), entry.at("auth").get<std::string>());
    EXPECT_EQ(made->layer.next_counter(), 3U); // 2 sealed where it waits
    auto found = finish_end(x, seeder_.public_key(), {332, made->ephemeral, made->auth, made->rendezvous_enc}, aead_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->where.address, where_.address);
    EXPECT_EQ(found->where.key, where_.key);
    EXPECT_EQ(found->where.cookie, where_.cookie);
}

TEST_F(EndToEnd, TheLayerCarriesBothWays)
{
    EndAnswer made = answer(own_.public_key);
    auto found = finish(made, made.rendezvous_enc);
    ASSERT_TRUE(found);
    test::OwnedPacket there(Bytes(100, 1));
    ASSERT_TRUE(found->layer.seal(aead_, there.buffer()));
    ASSERT_TRUE(made.layer.open(aead_, there.buffer()));
    test::OwnedPacket back(Bytes(100, 2));
    ASSERT_TRUE(made.layer.seal(aead_, back.buffer()));
    ASSERT_TRUE(found->layer.open(aead_, back.buffer()));
    EXPECT_EQ(Bytes(back.bytes().begin(), back.bytes().end()), Bytes(100, 2));
}

TEST_F(EndToEnd, OnlyTheHolderOfTheSwarmKeyCanAnswer)
{
    const PrivateKey other = PrivateKey::generate();
    auto made = answer_end(other, EphemeralKey::generate(random_), own_.public_key, where_, aead_);
    ASSERT_TRUE(made);
    EXPECT_FALSE(finish(*made, made->rendezvous_enc));
    // Even the right auth (it covers the ephemeral keys only) does not help without the key.
    EndAnswer right = answer(own_.public_key);
    EXPECT_FALSE(finish(right, made->rendezvous_enc));
}

TEST_F(EndToEnd, WhatWasCutOrChangedIsRefused)
{
    const EndAnswer made = answer(own_.public_key);
    const Bytes& enc = made.rendezvous_enc;
    for (std::size_t size = 0; size < enc.size(); ++size)
        EXPECT_FALSE(finish(made, ByteSpan(enc).first(size))) << size;
    for (std::size_t at = 0; at < enc.size(); at += 7) {
        Bytes changed = enc;
        changed[at] ^= 1U;
        EXPECT_FALSE(finish(made, changed)) << at;
    }
    EXPECT_FALSE(finish(made, Bytes(1400, 0)));
    EndAnswer auth = answer(own_.public_key);
    auth.auth[0] ^= 1U;
    EXPECT_FALSE(finish(auth, auth.rendezvous_enc));
}

TEST_F(EndToEnd, AnXWithoutASecretIsRefused)
{
    EXPECT_FALSE(answer_end(seeder_, EphemeralKey::generate(random_), KeyBytes{}, where_, aead_));
}

} // namespace
} // namespace cepa::tunnel
