#include "support/dht_net.hpp"
#include "tunnel/hidden_services/found_introductions.hpp"

#include <map>

namespace cepa::tunnel {
namespace {

constexpr std::uint32_t kFoundNow = 1'800'000'000;

class FoundIntroductionsTest : public testing::Test {
protected:
    [[nodiscard]] PublicKey key() { return {random_.array<32>(), random_.array<32>()}; }
    [[nodiscard]] Bytes value(const PublicKey& swarm, std::uint32_t seen, const Endpoint& at)
    {
        Bytes data(kMaxSentPacket);
        Writer writer(data);
        IntroductionPointRecord{at, seen, key(), swarm}.write(writer);
        data.resize(writer.size());
        return DhtValue::encode_unsigned(data);
    }
    [[nodiscard]] std::vector<PeersResponse::Peer> read(const std::vector<Bytes>& values)
    {
        return introductions_in(values, settings_, kFoundNow, random_);
    }
    test::TestRandom random_;
    TunnelSettings settings_ = test::dht::settings_at(test::dht::address_number(1));
};

TEST_F(FoundIntroductionsTest, JunkAndImpossibleAddressesAreLeftOut)
{
    const PublicKey swarm = key();
    const auto found = read({value(swarm, kFoundNow, test::dht::address_number(2)),
                             {},
                             {0},
                             {1, 2},
                             Bytes(170, 0),
                             value(swarm, kFoundNow, *Endpoint::parse("127.0.0.1:80")),
                             value(swarm, kFoundNow, *Endpoint::parse("224.0.0.1:80")),
                             value(swarm, kFoundNow, *Endpoint::parse("10.3.0.1:0"))});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].address, test::dht::address_number(2));
    EXPECT_EQ(found[0].source, kFromDht);
    settings_.public_network = true;
    EXPECT_TRUE(read({value(swarm, kFoundNow, test::dht::address_number(2))}).empty()); // 10/8 is nobody's there
}

TEST_F(FoundIntroductionsTest, TheNewestOfEachSeederComeFirstAndTheFutureLast)
{
    const PublicKey swarm = key();
    std::vector<Bytes> values;
    for (std::uint32_t i = 1; i <= 6; ++i)
        values.push_back(value(swarm, kFoundNow - 100 * i, test::dht::address_number(i)));
    values.push_back(value(swarm, kFoundNow + 86'400, test::dht::address_number(99)));
    const auto found = read(values);
    ASSERT_EQ(found.size(), 7U);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_LE(found[i].address, test::dht::address_number(3));
}

TEST_F(FoundIntroductionsTest, TheSampleIsSmallAndGivesEachSeederItsTurn)
{
    std::vector<PeersResponse::Peer> many;
    for (int seeder = 0; seeder < 4; ++seeder) {
        const PublicKey swarm = key();
        for (unsigned i = 0; i < (seeder == 0 ? 60U : 2U); ++i)
            many.push_back({test::dht::address_number(i), key(), swarm, kFromDht});
    }
    const auto sample = sample_peers({}, many, {}, random_);
    EXPECT_EQ(sample.size(), kMostPeersInAnswer);
    std::map<PublicKey, int> of_seeder;
    for (const PeersResponse::Peer& peer : sample)
        ++of_seeder[peer.swarm_key];
    EXPECT_EQ(of_seeder.size(), 4U);
    EXPECT_EQ(sample_peers({many[0]}, {many[0], many[1]}, {many[1]}, random_).size(), 2U); // each once
}

TEST_F(FoundIntroductionsTest, WhatPexSaysLeavesRoomForTheRest)
{
    std::vector<PeersResponse::Peer> honest;
    std::vector<PeersResponse::Peer> lies;
    for (unsigned i = 0; i < 20; ++i) {
        honest.push_back({test::dht::address_number(i), key(), key(), kFromDht});
        lies.push_back({test::dht::address_number(99), key(), key(), kFromPexOrUs});
    }
    const auto lied = [](const auto& peers) {
        return std::ranges::count(peers, test::dht::address_number(99), &PeersResponse::Peer::address);
    };
    const auto sample = sample_peers({}, honest, lies, random_);
    EXPECT_EQ(sample.size(), kMostPeersInAnswer);
    EXPECT_EQ(lied(sample), std::ptrdiff_t{kMostPexInAnswer});
    const auto own = sample_peers(honest, {}, lies, random_);
    EXPECT_GE(own.size(), kMostPeersInAnswer);
    EXPECT_EQ(sample_peers({}, {honest[0], honest[1]}, lies, random_).size(), kMostPeersInAnswer);
    EXPECT_EQ(sample_peers({}, {}, lies, random_).size(), kMostPeersInAnswer); // where nothing else is known
    EXPECT_EQ(sample_peers({}, honest, {}, random_).size(), kMostPeersInAnswer);
}

// Anybody can have circuits end at us, each with the key of a seeder that he made up.
TEST_F(FoundIntroductionsTest, WhatIsRegisteredAtUsLeavesRoomForTheDht)
{
    std::vector<PeersResponse::Peer> honest;
    std::vector<PeersResponse::Peer> lies;
    for (unsigned i = 0; i < 20; ++i) {
        honest.push_back({test::dht::address_number(i), key(), key(), kFromDht});
        lies.push_back({test::dht::address_number(99), key(), key(), kFromPexOrUs});
    }
    const auto lied = [](const auto& peers) {
        return std::ranges::count(peers, test::dht::address_number(99), &PeersResponse::Peer::address);
    };
    EXPECT_EQ(lied(sample_peers(lies, honest, {}, random_)), std::ptrdiff_t{kMostOursInAnswer});
    const auto with_pex = sample_peers(lies, honest, lies, random_); // he is in PEX, too
    EXPECT_EQ(with_pex.size(), kMostPeersInAnswer);
    EXPECT_EQ(lied(with_pex), 5);
    EXPECT_EQ(lied(sample_peers(lies, {honest[0]}, {}, random_)), 6); // where nothing else is known
}

} // namespace
} // namespace cepa::tunnel
