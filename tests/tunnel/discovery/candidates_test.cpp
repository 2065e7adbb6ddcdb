#include "support/discovery_net.hpp"
#include "tunnel/discovery/candidates.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::discovery::at;

PublicKey key(std::uint32_t number)
{
    PublicKey out;
    Writer(out.ed25519).u32(number);
    return out;
}

Peer peer(std::uint32_t number, PeerFlags flags, const std::string& address)
{
    Peer out;
    out.key = key(number);
    out.address = at(address);
    out.flags = flags;
    out.flags_known = true;
    out.proof = PeerProof::answered;
    return out;
}

struct CandidatesTest : testing::Test {
    TunnelSettings settings;
    CandidatesTest()
    {
        settings.listen = at("10.0.0.1:7000");
        settings.identity_public = key(999);
    }
    [[nodiscard]] std::vector<Candidate> of(const std::vector<Peer>& peers) const
    {
        Candidates candidates(settings);
        candidates.rebuild(peers, OwnAddresses(settings));
        return candidates.list();
    }
};

TEST_F(CandidatesTest, AreRelaysAndExitsThatProvedThemselves)
{
    Peer claimed = peer(4, 9, "10.4.0.1:1");
    claimed.proof = PeerProof::claimed;
    Peer remembered = peer(5, 9, "10.5.0.1:1");
    remembered.proof = PeerProof::remembered;
    Peer unknown = peer(6, 9, "10.6.0.1:1");
    unknown.flags_known = false;
    const auto list = of(
        {peer(1, 9, "10.1.0.1:1"), peer(2, 15, "10.2.0.1:1"), peer(3, 8, "10.3.0.1:1"), claimed, remembered, unknown});
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0], (Candidate{key(1), at("10.1.0.1:1"), 9, false}));
    EXPECT_EQ(list[1], (Candidate{key(2), at("10.2.0.1:1"), 15, true})) << "an exit is connectable";
    EXPECT_EQ(list[2].key, key(5));
}

TEST_F(CandidatesTest, NeverOurselvesOurAddressesOrOurFamily)
{
    settings.family = {key(7)};
    EXPECT_TRUE(of({peer(999, 15, "10.1.0.1:1"), peer(7, 15, "10.2.0.1:1"), peer(3, 15, "10.0.0.1:7000")}).empty());
}

TEST_F(CandidatesTest, OnThePublicNetworkNobodyOfOurLan)
{
    settings.public_network = true;
    EXPECT_TRUE(of({peer(1, 15, "192.168.3.4:1"), peer(2, 15, "127.0.0.1:1")}).empty());
    EXPECT_EQ(of({peer(1, 15, "8.8.4.4:1")}).size(), 1U);
}

TEST_F(CandidatesTest, SharedOnesPassTheSameRules)
{
    Candidates candidates(settings);
    const OwnAddresses own(settings);
    const Candidate good{key(1), at("10.1.0.1:1"), 9, true};
    const Candidate us{key(999), at("10.2.0.1:1"), 15, true};
    const Candidate client{key(3), at("10.3.0.1:1"), 8, true};
    EXPECT_TRUE(candidates.replace({good, us, client, good}, own));
    EXPECT_EQ(candidates.list(), std::vector<Candidate>{good});
    EXPECT_FALSE(candidates.replace({good}, own)) << "nothing changed";
    EXPECT_NE(candidates.find(key(1)), nullptr);
    EXPECT_EQ(candidates.find(key(999)), nullptr);
    std::vector<Candidate> many;
    for (std::uint32_t i = 0; i < 500; ++i)
        many.push_back({key(10 + i), {IpAddress::v4(0x0b000001U + (i << 8U)), 1}, 9, false});
    candidates.replace(many, own);
    EXPECT_EQ(candidates.list().size(), 30U);
    candidates.mark_connectable(key(10));
    EXPECT_TRUE(candidates.find(key(10))->connectable);
}

TEST_F(CandidatesTest, AreCountedByWhatTheyDo)
{
    Candidates candidates(settings);
    candidates.rebuild(std::vector{peer(1, 9, "10.1.0.1:1"), peer(2, 15, "10.1.0.2:1"), peer(3, 15, "10.2.0.1:1")},
                       OwnAddresses(settings));
    DiscoveryView view;
    candidates.describe(view);
    EXPECT_EQ(view.relays, 3U);
    EXPECT_EQ(view.exits, 2U);
    EXPECT_EQ(view.distinct_prefixes, 2U);
}

} // namespace
} // namespace cepa::tunnel
