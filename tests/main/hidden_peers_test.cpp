#include "main/hidden_peers.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::main {
namespace {

const std::string kSomeHash(20, 'h');

HiddenPeers::Secret secret_of(std::uint8_t byte)
{
    HiddenPeers::Secret out{};
    out.fill(byte);
    return out;
}

TEST(HiddenPeersTest, ASeederKeepsItsAddressOverLinks)
{
    HiddenPeers peers;
    const auto first = peers.of_seeder(kSomeHash, "key");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->port, kMadeUpPort);
    EXPECT_TRUE(is_made_up(first->ip));
    EXPECT_EQ(peers.of_seeder(kSomeHash, "key"), first) << "linked twice for a moment";
    peers.release(*first);
    peers.release(*first);
    const auto anew = peers.of_seeder(kSomeHash, "key");
    ASSERT_TRUE(anew);
    EXPECT_EQ(anew->ip, first->ip);
    EXPECT_EQ(anew->port, first->port + 1) << "libtorrent may have given the former endpoint up";
    EXPECT_NE(peers.of_seeder(kSomeHash, "other key"), first);
    EXPECT_NE(peers.of_seeder(std::string(20, 'i'), "key"), first);
}

TEST(HiddenPeersTest, EachLinkToUsHasItsOwn)
{
    HiddenPeers peers;
    const auto one = peers.of_link(CircuitId(1));
    const auto two = peers.of_link(CircuitId(2));
    EXPECT_NE(one, two);
    peers.release(*one);
    EXPECT_NE(peers.of_link(CircuitId(1)), one) << "the id may come again, for somebody else";
}

TEST(HiddenPeersTest, AddressesDependOnTheSecret)
{
    HiddenPeers one(secret_of(1));
    HiddenPeers same(secret_of(1));
    HiddenPeers other(secret_of(2));
    EXPECT_EQ(one.of_seeder(kSomeHash, "key"), same.of_seeder(kSomeHash, "key"));
    EXPECT_NE(one.of_seeder(kSomeHash, "another"), other.of_seeder(kSomeHash, "another"));
}

TEST(HiddenPeersTest, AllDifferAndNoneIsBroadcastAndThereIsABound)
{
    HiddenPeers peers(secret_of(3));
    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < HiddenPeers::kMost; ++i) {
        const auto peer = peers.of_link(CircuitId(i));
        ASSERT_TRUE(peer);
        const std::uint32_t ip = peer->ip.to_v4();
        EXPECT_GT(ip, 0xf0000000U);
        EXPECT_LT(ip, 0xff000000U);
        EXPECT_TRUE(seen.insert(ip).second);
    }
    EXPECT_FALSE(peers.of_link(CircuitId(1)));
    peers.release({IpAddress::v4(*seen.begin()), kMadeUpPort});
    EXPECT_TRUE(peers.of_link(CircuitId(1)));
}

TEST(HiddenPeersTest, PastTheBoundASeederOutOfUseMakesRoom)
{
    HiddenPeers peers(secret_of(4));
    const auto idle = peers.of_seeder(kSomeHash, "idle");
    peers.release(*idle);
    for (std::uint32_t i = 1; i < HiddenPeers::kMost; ++i)
        ASSERT_TRUE(peers.of_link(CircuitId(i)));
    EXPECT_TRUE(peers.of_link(CircuitId(1)));
    EXPECT_FALSE(peers.of_link(CircuitId(2)));
}

TEST(HiddenPeersTest, TheRangeInEverySpelling)
{
    for (const char* text : {"240.0.0.0:1", "250.1.2.3:1024", "255.255.255.255:1", "[::ffff:240.0.0.1]:9"})
        EXPECT_TRUE(made_up_address(Endpoint::parse(text).value())) << text;
    EXPECT_TRUE(made_up_address(Address("240.0.0.1", 1024)));
    EXPECT_TRUE(made_up_address(Address("::ffff:240.0.0.1", 1024)));
    for (const char* text : {"239.255.255.255:1", "1.2.3.4:1", "[2001:db8::f0]:1", "0.0.0.0:0"})
        EXPECT_FALSE(made_up_address(Endpoint::parse(text).value())) << text;
    EXPECT_FALSE(made_up_address(Address("tracker.example", 1)));
}

} // namespace
} // namespace cepa::main
