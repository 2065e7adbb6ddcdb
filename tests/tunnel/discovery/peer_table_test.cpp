#include "support/discovery_net.hpp"
#include "tunnel/discovery/peer_table.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::discovery::at;
using Outcome = PeerTable::Outcome;

const TimePoint kStart{1h};
constexpr PeerFlags kClient = 8;
constexpr PeerFlags kRelay = 9;
constexpr PeerFlags kExit = 15;

PublicKey key(std::uint32_t number)
{
    PublicKey out;
    Writer(out.ed25519).u32(number);
    return out;
}

/// Peer `number` lives at 20.number.0.1:1, each in a /16 of its own.
Sighting sighting(std::uint32_t number, PeerFlags flags, std::uint16_t time)
{
    Sighting out;
    out.key = key(number);
    out.source = {IpAddress::v4(0x14000001U | number << 16U), 1};
    out.flags = flags;
    out.global_time = time;
    return out;
}

Sighting from(Sighting sighting, const std::string& address)
{
    sighting.source = at(address);
    return sighting;
}

TEST(PeerTable, ARequestClaimsAndAnAnswerProves)
{
    PeerTable table(false);
    EXPECT_EQ(table.on_request(sighting(1, kRelay, 5), kStart), Outcome::added);
    EXPECT_EQ(table.find(key(1))->proof, PeerProof::claimed);
    EXPECT_EQ(table.proven(), 0U);
    EXPECT_EQ(table.on_answer(sighting(1, kRelay, 6), kStart), Outcome::added);
    EXPECT_EQ(table.on_answer(sighting(1, kRelay, 7), kStart), Outcome::refreshed);
    EXPECT_EQ(table.proven(), 1U);
    EXPECT_EQ(table.at(sighting(1, 0, 0).source)->key, key(1));
    EXPECT_TRUE(table.take_changed());
    EXPECT_FALSE(table.take_changed());
}

TEST(PeerTable, AReplayedRequestDoesNotMoveAPeer)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 100), kStart);
    const Endpoint home = table.find(key(1))->address;
    EXPECT_EQ(table.on_request(from(sighting(1, kRelay, 100), "66.6.6.6:6"), kStart), Outcome::stale);
    EXPECT_EQ(table.on_request(from(sighting(1, kRelay, 40), "66.6.6.6:6"), kStart), Outcome::stale);
    // A newer one neither: it may have been meant for somebody else. But it is worth a question.
    EXPECT_EQ(table.on_request(from(sighting(1, kRelay, 101), "66.6.6.6:6"), kStart), Outcome::elsewhere);
    EXPECT_EQ(table.find(key(1))->address, home);
    EXPECT_EQ(table.on_answer(from(sighting(1, kRelay, 99), "66.6.6.6:6"), kStart), Outcome::stale);
    EXPECT_EQ(table.find(key(1))->address, home);
}

TEST(PeerTable, AnAnswerFromANewAddressMovesThePeer)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 100), kStart);
    EXPECT_EQ(table.on_answer(from(sighting(1, kRelay, 101), "30.1.1.1:9"), kStart), Outcome::added);
    EXPECT_EQ(table.find(key(1))->address, at("30.1.1.1:9"));
    EXPECT_EQ(table.at(sighting(1, 0, 0).source), nullptr);
    EXPECT_EQ(table.at(at("30.1.1.1:9"))->key, key(1));
    EXPECT_EQ(table.all().size(), 1U);
}

TEST(PeerTable, TimesWrap)
{
    EXPECT_TRUE(is_newer(1, 0));
    EXPECT_TRUE(is_newer(3, 0xfff0));
    EXPECT_FALSE(is_newer(0xfff0, 3));
    EXPECT_FALSE(is_newer(7, 7));
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 0xffff), kStart);
    EXPECT_EQ(table.on_answer(from(sighting(1, kRelay, 2), "30.1.1.1:9"), kStart), Outcome::added);
}

TEST(PeerTable, OldFlagsDoNotReplaceNewOnes)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kClient, 100), kStart);
    EXPECT_EQ(table.on_request(sighting(1, kExit, 50), kStart), Outcome::refreshed);
    EXPECT_EQ(table.find(key(1))->flags, kClient);
    EXPECT_EQ(table.on_request(sighting(1, kRelay, 101), kStart), Outcome::refreshed);
    EXPECT_EQ(table.find(key(1))->flags, kRelay);
    Sighting silent = sighting(1, 0, 102);
    silent.flags.reset();
    table.on_request(silent, kStart);
    EXPECT_EQ(table.find(key(1))->flags, kRelay);
}

TEST(PeerTable, TheKeyThatAnswersOwnsTheAddress)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 1), kStart);
    const std::string home = table.find(key(1))->address.to_string();
    EXPECT_EQ(table.on_request(from(sighting(2, kRelay, 1), home), kStart), Outcome::added);
    EXPECT_EQ(table.at(at(home))->key, key(1)) << "a claim must not hide a proven peer";
    EXPECT_EQ(table.on_answer(from(sighting(2, kRelay, 2), home), kStart), Outcome::added);
    EXPECT_EQ(table.at(at(home))->key, key(2));
    EXPECT_EQ(table.find(key(1)), nullptr);
}

TEST(PeerTable, IsBoundedAndManyNewKeysFlushNobodyOut)
{
    PeerTable table(false);
    for (std::uint32_t i = 0; i < 30; ++i)
        EXPECT_EQ(table.on_answer(sighting(i, kRelay, 1), kStart), Outcome::added);
    for (std::uint32_t i = 100; i < 200; ++i) {
        EXPECT_EQ(table.on_request(sighting(i, kRelay, 1), kStart), Outcome::full);
        EXPECT_EQ(table.on_answer(sighting(i, kRelay, 1), kStart), Outcome::full);
        EXPECT_EQ(table.on_answer(sighting(i, kClient, 1), kStart), Outcome::full);
    }
    EXPECT_EQ(table.all().size(), kMaxPeers);
    for (std::uint32_t i = 0; i < 30; ++i)
        EXPECT_NE(table.find(key(i)), nullptr);
}

TEST(PeerTable, AFullTableGivesWayToWhatItLacks)
{
    PeerTable table(false);
    for (std::uint32_t i = 0; i < 30; ++i)
        table.on_answer(sighting(i, i < 28 ? kRelay : kClient, 1), kStart);
    EXPECT_TRUE(table.would_admit(key(99), PeerRole::exit));
    EXPECT_TRUE(table.would_admit(key(99), PeerRole::relay));
    EXPECT_FALSE(table.would_admit(key(99), PeerRole::client));
    for (std::uint32_t i = 40; i < 60; ++i)
        static_cast<void>(table.on_answer(sighting(i, kExit, 1), kStart));
    std::size_t exits = 0;
    for (const Peer& peer : table.all())
        exits += role_of(peer.flags) == PeerRole::exit ? 1U : 0U;
    EXPECT_EQ(exits, 10U) << "exits displace clients and spare relays, not all of them";
    EXPECT_EQ(table.all().size(), kMaxPeers);
}

TEST(PeerTable, PinnedPeersGetInAndStayUntilTheyAreSilent)
{
    PeerTable table(false);
    table.pin({key(0), key(90)});
    for (std::uint32_t i = 0; i < 30; ++i)
        table.on_answer(sighting(i, i == 0 ? kClient : kRelay, 1), kStart + std::chrono::seconds(i));
    for (std::uint32_t i = 40; i < 80; ++i)
        static_cast<void>(table.on_answer(sighting(i, kExit, 1), kStart));
    EXPECT_NE(table.find(key(0)), nullptr) << "the oldest client would have been the first to go";
    EXPECT_TRUE(table.would_admit(key(90), PeerRole::relay));
    EXPECT_EQ(table.on_answer(sighting(90, kRelay, 1), kStart), Outcome::added);
    EXPECT_EQ(table.all().size(), kMaxPeers);
    table.expire(kStart + 1h);
    EXPECT_EQ(table.find(key(90)), nullptr);
}

TEST(PeerTable, APinnedPeerGetsInWhereItsNetworkIsFull)
{
    PeerTable table(false);
    table.pin({key(9)});
    for (std::uint32_t i = 1; i <= kMaxPeersPerPrefix; ++i)
        table.on_answer(from(sighting(i, kRelay, 1), "20.1.0." + std::to_string(i) + ":1"), kStart);
    EXPECT_EQ(table.on_answer(from(sighting(8, kRelay, 1), "20.1.0.8:1"), kStart), Outcome::full);
    EXPECT_EQ(table.on_answer(from(sighting(9, kRelay, 1), "20.1.0.9:1"), kStart), Outcome::added);
}

TEST(PeerTable, ClaimsOnlyDisplaceClaims)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 1), kStart);
    for (std::uint32_t i = 100; i < 200; ++i)
        EXPECT_EQ(table.on_request(sighting(i, kRelay, 1), kStart), Outcome::added);
    EXPECT_EQ(table.all().size(), 1 + kMaxClaimed);
    for (std::uint32_t i = 2; i <= 30; ++i)
        EXPECT_EQ(table.on_answer(sighting(i, kRelay, 1), kStart), Outcome::added);
    EXPECT_EQ(table.proven(), kMaxPeers);
}

TEST(PeerTable, TakesFewOfOnePrefixUnlessTheyMayBeEqual)
{
    PeerTable strict(false);
    PeerTable equal(true);
    for (std::uint32_t i = 0; i < 10; ++i) {
        const Sighting s = from(sighting(i, kRelay, 1), "20.1.0." + std::to_string(i + 1) + ":1");
        strict.on_answer(s, kStart);
        equal.on_answer(s, kStart);
    }
    EXPECT_EQ(strict.all().size(), kMaxPeersPerPrefix);
    EXPECT_EQ(equal.all().size(), 10U);
}

TEST(PeerTable, ForgetsTheSilentAndKeepsTheHeard)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 1), kStart);
    table.on_answer(sighting(2, kRelay, 1), kStart);
    EXPECT_EQ(table.expire(kStart + 57'499ms), 0U);
    EXPECT_TRUE(table.heard(sighting(1, 0, 0).source, kStart + 57'499ms));
    EXPECT_EQ(table.expire(kStart + 57'500ms), 1U);
    EXPECT_NE(table.find(key(1)), nullptr);
    EXPECT_EQ(table.find(key(2)), nullptr);
    EXPECT_FALSE(table.heard(sighting(2, 0, 0).source, kStart));
    EXPECT_TRUE(table.heard(sighting(1, 0, 0).source, kStart + 60s));
}

TEST(PeerTable, RemembersWhatItIsTold)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 1), kStart);
    table.remember({key(1), at("66.6.6.6:6"), kExit, true}, kStart);
    table.remember({key(2), at("30.1.1.1:1"), kExit, true}, kStart);
    EXPECT_EQ(table.find(key(1))->flags, kRelay) << "what we know ourselves stays";
    const Peer* remembered = table.find(key(2));
    ASSERT_NE(remembered, nullptr);
    EXPECT_EQ(remembered->proof, PeerProof::remembered);
    EXPECT_TRUE(remembered->connectable);
    // It restarted meanwhile: any time is as new as nothing.
    EXPECT_EQ(table.on_request(from(sighting(2, kExit, 3), "30.1.1.1:2"), kStart), Outcome::elsewhere);
    EXPECT_EQ(table.on_answer(from(sighting(2, kExit, 4), "30.1.1.1:2"), kStart), Outcome::added);
    EXPECT_TRUE(table.find(key(2))->connectable);
}

TEST(PeerTable, AfterASuspendEverybodyGetsTimeToShowLife)
{
    PeerTable table(false);
    table.on_answer(sighting(1, kRelay, 1), kStart);
    table.doubt_all(kStart + 8h);
    EXPECT_EQ(table.expire(kStart + 8h + 57s), 0U);
    EXPECT_EQ(table.find(key(1))->proof, PeerProof::remembered);
    EXPECT_EQ(table.expire(kStart + 8h + 58s), 1U);
}

} // namespace
} // namespace cepa::tunnel
