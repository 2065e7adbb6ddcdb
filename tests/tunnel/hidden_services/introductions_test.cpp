#include "support/serving_node.hpp"
#include "tunnel/hidden_services/introductions.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::message_bytes;
using test::neighbour;

constexpr CircuitId kSeeder(22);

class IntroductionsTest : public ::testing::Test {
protected:
    IntroductionsTest()
    {
        hash_.fill(3);
        node_.join(kSeeder, neighbour(2));
    }
    void establish(CircuitId circuit, const PublicKey& key, std::uint16_t identifier = 1)
    {
        node_.cell(circuit, message_bytes(EstablishIntro{identifier, hash_, key}));
    }
    void establish() { establish(kSeeder, swarm_.public_key()); }
    bool established(CircuitId circuit) { return node_.reply<IntroEstablished>(circuit).has_value(); }
    CreateE2e request(std::uint32_t n = 1) const
    {
        CreateE2e out{5, hash_, swarm_.public_key(), {}};
        Writer(out.ephemeral).u32(n);
        return out;
    }
    /// What reached the seeder.
    std::optional<Data> forwarded()
    {
        auto data = node_.reply<Data>(kSeeder);
        return data;
    }

    /// What passes at once has passed.
    void fill_up()
    {
        for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(RequestShares::kAtOnce); ++i)
            node_.create_e2e(request(500 + i), neighbour(9));
        EXPECT_TRUE(reached(neighbour(9)));
    }
    void pass(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 1s) {
            node_.bench.clock.advance(1s);
            node_.at(kSeeder).last_activity = node_.bench.now();
            node_.sweep();
        }
    }
    /// Whether a request from there reached the seeder since this was asked last.
    bool reached(const Endpoint& source)
    {
        bool out = false;
        while (!node_.bench.packets.sent.empty())
            if (const auto data = forwarded()) out = out || data->origin == Address(source);
        return out;
    }

    test::ServingNode node_;
    PrivateKey swarm_ = PrivateKey::generate();
    LookupHash hash_{};
};

TEST_F(IntroductionsTest, AnswersWhenTheRegisterHasAccepted)
{
    node_.node.at_once = std::nullopt;
    establish();
    ASSERT_EQ(node_.node.registered.size(), 1U);
    EXPECT_EQ(node_.node.registered[0], (Introduction{hash_, swarm_.public_key(), kSeeder}));
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    node_.create_e2e(request(), neighbour(9)); // not before
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 1U);
    node_.node.answers[0](true);
    EXPECT_TRUE(established(kSeeder));
    establish(); // its answer was lost
    EXPECT_TRUE(established(kSeeder));
    EXPECT_EQ(node_.node.registered.size(), 1U);
}

TEST_F(IntroductionsTest, IsSilentForASwarmKeyThatIsServedAlready)
{
    node_.node.at_once = false;
    establish();
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.at(kSeeder).role, JoinedRole::none);
    node_.node.at_once = true;
    establish();
    EXPECT_TRUE(established(kSeeder));
    node_.join(CircuitId(33), neighbour(3));
    establish(CircuitId(33), swarm_.public_key());
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.dropped(Drop::introduction_refused), 2U);
}

TEST_F(IntroductionsTest, ForwardsTheRequestAsItCame)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    node_.create_e2e(request(), neighbour(9, 4321));
    const auto data = forwarded();
    ASSERT_TRUE(data);
    EXPECT_TRUE(data->destination.is_null());
    EXPECT_EQ(data->origin, Address(neighbour(9, 4321)));
    ASSERT_TRUE(has_prefix(data->payload, node_.bench.sender.prefix()));
    EXPECT_EQ(packet_message_id(data->payload), 13);
    const auto seen = CreateE2e::parse(data->payload.subspan(kPrefixSize + 1));
    EXPECT_EQ(seen->ephemeral, request().ephemeral);
    EXPECT_EQ(seen->identifier, 5);
}

TEST_F(IntroductionsTest, AReplayGoesNowhere)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    for (int i = 0; i < 5; ++i)
        node_.create_e2e(request(), neighbour(9));
    node_.create_e2e(request(), neighbour(8)); // nor from elsewhere
    EXPECT_TRUE(forwarded());
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.dropped(Drop::introduction_replayed), 5U);
}

TEST_F(IntroductionsTest, AWrongSwarmKeyOrHashOrSizeGoesNowhere)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    CreateE2e wrong = request();
    wrong.swarm_key = PrivateKey::generate().public_key();
    node_.create_e2e(wrong, neighbour(9));
    wrong = request();
    wrong.lookup_hash.fill(9);
    node_.create_e2e(wrong, neighbour(9));
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 2U);
    node_.create_e2e(request(), neighbour(9), 600);
    EXPECT_EQ(node_.dropped(Drop::malformed), 1U);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
}

TEST_F(IntroductionsTest, WhoFindsNoRoomWaitsAndMayBeDrawn)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    fill_up();
    node_.create_e2e(request(1000), neighbour(8));
    node_.create_e2e(request(1000), neighbour(7)); // a copy does not wait beside it
    EXPECT_EQ(node_.dropped(Drop::introduction_replayed), 1U);
    EXPECT_FALSE(reached(neighbour(8)));
    pass(1s);
    EXPECT_TRUE(reached(neighbour(8)));
    pass(10s);
    EXPECT_FALSE(reached(neighbour(8)));
    EXPECT_FALSE(reached(neighbour(7)));
}

TEST_F(IntroductionsTest, OneThatWaitsForACircuitThatEndsGoesNowhere)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    fill_up();
    node_.create_e2e(request(1000), neighbour(8));
    node_.joined.remove(kSeeder, node_.bench.now());
    node_.bench.packets.sent.clear();
    node_.bench.clock.advance(1s);
    node_.sweep();
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 1U);
}

TEST_F(IntroductionsTest, AFloodFromOneSourceLeavesRoomForOthers)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    std::uint32_t n = 0;
    int passed = 0;
    for (int i = 0; i < 40; ++i) {
        for (int k = 0; k < 100; ++k)
            node_.create_e2e(request(++n), neighbour(9));
        node_.create_e2e(request(++n), {IpAddress::v4(0x21000001), 7});
        pass(2s);
        passed += reached({IpAddress::v4(0x21000001), 7}) ? 1 : 0;
    }
    EXPECT_GE(passed, 30); // of two networks, with four draws
    EXPECT_GE(node_.dropped(Drop::introduction_flood), 3500U);
}

TEST_F(IntroductionsTest, APacedFloodLeavesAWayForOthersAtEveryMoment)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    std::uint32_t n = 0;
    int passed = 0;
    for (int s = 0; s < 200; ++s) {
        for (int i = 0; i < 10; ++i) {
            node_.bench.clock.advance(100ms);
            for (std::uint32_t source = 0; source < 10; ++source)
                node_.create_e2e(request(++n), {IpAddress::v4(0x01000000 + (source << 16) + n % 200), 7});
        }
        node_.at(kSeeder).last_activity = node_.bench.now();
        node_.sweep();
        passed += reached({IpAddress::v4(0x21000001), 7}) ? 1 : 0;
        if (s % 4 == 0) node_.create_e2e(request(++n), {IpAddress::v4(0x21000001), 7});
    }
    EXPECT_GE(passed, 12); // of 50: four draws among eleven networks
}

TEST_F(IntroductionsTest, AProvenSourceDoesNotWaitWithThoseThatAreInvented)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    node_.node.proven = {neighbour(8).ip};
    std::uint32_t n = 0;
    int passed = 0;
    for (int i = 0; i < 40; ++i) {
        for (std::uint32_t k = 0; k < 100; ++k)
            node_.create_e2e(request(++n), {IpAddress::v4(0x01000000 + (n << 16)), 7});
        node_.create_e2e(request(++n), neighbour(8));
        pass(2s);
        passed += reached(neighbour(8)) ? 1 : 0;
    }
    EXPECT_GE(passed, 34);
}

TEST_F(IntroductionsTest, AFloodFromEverywhereIsBoundedPerSeederAndInAll)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    for (std::uint32_t i = 0; i < 2000; ++i)
        node_.create_e2e(request(i), {IpAddress::v4(0x01000000 + i), 7});
    EXPECT_LE(node_.bench.packets.sent.size(), 16U);
    EXPECT_EQ(node_.at(kSeeder).role, JoinedRole::introduction); // and the circuit lives
}

TEST_F(IntroductionsTest, WhoFloodsOneSeederTakesNothingFromAnother)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    const PrivateKey other = PrivateKey::generate();
    node_.join(CircuitId(33), neighbour(3));
    establish(CircuitId(33), other.public_key());
    EXPECT_TRUE(established(CircuitId(33)));
    for (std::uint32_t s = 0; s < 20; ++s) {
        for (std::uint32_t i = 0; i < 500; ++i)
            node_.create_e2e(request(s * 500 + i), {IpAddress::v4(0x01000000 + s * 500 + i), 7});
        node_.bench.packets.sent.clear();
        CreateE2e wanted = request(100'000 + s);
        wanted.swarm_key = other.public_key();
        node_.create_e2e(wanted, neighbour(9));
        EXPECT_TRUE(node_.reply<Data>(CircuitId(33))) << s;
        node_.bench.clock.advance(5s);
    }
}

TEST_F(IntroductionsTest, AReplayTakesNothingOfTheSeedersShare)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    for (std::uint32_t i = 0; i < 1000; ++i)
        node_.create_e2e(request(1), {IpAddress::v4(0x01000000 + i), 7});
    EXPECT_EQ(node_.dropped(Drop::introduction_replayed), 999U);
    node_.create_e2e(request(2), neighbour(9));
    EXPECT_EQ(node_.bench.packets.sent.size(), 2U);
}

TEST_F(IntroductionsTest, StrangersDoNotKeepACircuitAlive)
{
    establish();
    for (std::uint32_t i = 0; i < 30; ++i) {
        node_.bench.clock.advance(1s);
        node_.create_e2e(request(i), neighbour(9));
    }
    node_.sweep();
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::lingering);
}

TEST_F(IntroductionsTest, LivesForADayAndIsRegisteredAgainAllTheTime)
{
    establish();
    for (int s = 0; s < 86'380; s += 10) {
        node_.bench.clock.advance(10s);
        node_.at(kSeeder).last_activity = node_.bench.now();
        node_.sweep();
        ASSERT_EQ(node_.kind(kSeeder), RouteKind::joined) << s;
    }
    EXPECT_GE(node_.node.registered.size(), 86'380U / 20);
    node_.bench.clock.advance(25s);
    node_.sweep();
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::lingering);
    EXPECT_EQ(node_.node.forgotten.size(), 1U);
}

TEST_F(IntroductionsTest, ForgetsWhenTheCircuitEnds)
{
    establish();
    node_.joined.remove(kSeeder, node_.bench.now());
    ASSERT_EQ(node_.node.forgotten.size(), 1U);
    EXPECT_EQ(node_.node.forgotten[0], (Introduction{hash_, swarm_.public_key(), kSeeder}));
    node_.create_e2e(request(), neighbour(9));
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 1U);
    node_.join(CircuitId(33), neighbour(3));
    node_.bench.packets.sent.clear();
    establish(CircuitId(33), swarm_.public_key());
    EXPECT_TRUE(established(CircuitId(33)));
}

TEST_F(IntroductionsTest, AnAnswerOfTheRegisterThatComesTooLateDoesNothing)
{
    node_.node.at_once = std::nullopt;
    establish();
    node_.joined.remove(kSeeder, node_.bench.now());
    node_.node.answers[0](true);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    node_.create_e2e(request(), neighbour(9));
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 1U);
}

TEST_F(IntroductionsTest, WhatTheRegisterRefusesItForgets)
{
    node_.node.at_once = false; // or it has accepted, and only its answer did not come
    establish();
    ASSERT_EQ(node_.node.forgotten.size(), 1U);
    EXPECT_EQ(node_.node.forgotten[0], (Introduction{hash_, swarm_.public_key(), kSeeder}));
    node_.node.at_once = true;
    establish();
    EXPECT_TRUE(established(kSeeder));
    node_.node.at_once = false; // a repeated one stands all the same
    node_.bench.clock.advance(20s);
    node_.at(kSeeder).last_activity = node_.bench.now();
    node_.sweep();
    EXPECT_EQ(node_.node.registered.size(), 3U);
    EXPECT_EQ(node_.node.forgotten.size(), 1U);
}

TEST_F(IntroductionsTest, OneThatNobodyReachesAnyMoreEndsWithADestroy)
{
    establish();
    EXPECT_TRUE(established(kSeeder));
    node_.node.at_once = Registration::nobody_reaches_us();
    node_.bench.clock.advance(20s);
    node_.at(kSeeder).last_activity = node_.bench.now();
    node_.sweep();
    EXPECT_EQ(node_.destroyed(), kSeeder);
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::lingering);
    EXPECT_EQ(node_.node.forgotten.size(), 1U);
    node_.create_e2e(request(), neighbour(9));
    EXPECT_EQ(node_.dropped(Drop::unknown_swarm), 1U);
}

TEST_F(IntroductionsTest, OneAddressAndEverybodyHaveTheirBounds)
{
    for (std::uint32_t i = 0; i < 200; ++i) {
        Writer(hash_).u32(i); // each of another swarm
        const CircuitId id(1000 + i);
        node_.join(id, neighbour(i < 100 ? 4 : 5 + i));
        establish(id, PrivateKey::generate().public_key());
    }
    EXPECT_EQ(node_.node.registered.size(), Introductions::kMostIntroductions);
    const auto same =
        std::ranges::count_if(node_.node.registered, [](const Introduction& i) { return i.circuit.value < 1100; });
    EXPECT_EQ(same, static_cast<std::ptrdiff_t>(Introductions::kMostOfAddress));
}

TEST_F(IntroductionsTest, OneAddressHasAFewSeedersOfOneSwarm)
{
    for (std::uint32_t i = 0; i < 10; ++i) {
        node_.join(CircuitId(1000 + i), neighbour(4));
        establish(CircuitId(1000 + i), PrivateKey::generate().public_key());
    }
    EXPECT_EQ(node_.node.registered.size(), Introductions::kMostOfAddressAndSwarm);
    node_.join(CircuitId(2000), neighbour(5));
    establish(CircuitId(2000), PrivateKey::generate().public_key());
    EXPECT_EQ(node_.node.registered.size(), Introductions::kMostOfAddressAndSwarm + 1);
}

TEST_F(IntroductionsTest, NoneThatDoesSomethingElseAlready)
{
    Cookie cookie{};
    node_.cell(kSeeder, message_bytes(EstablishRendezvous{1, cookie}));
    node_.bench.packets.sent.clear();
    establish();
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.dropped(Drop::introduction_refused), 1U);
}

TEST_F(IntroductionsTest, TheSeedersAnswerLeavesAndNothingElse)
{
    establish();
    Bytes packet(node_.bench.sender.prefix().begin(), node_.bench.sender.prefix().end());
    packet.push_back(14);
    packet.resize(90);
    node_.cell(kSeeder, message_bytes(Data{Address(neighbour(9)), Address{}, packet}));
    EXPECT_EQ(node_.bench.sockets.opened.size(), 1U);
    packet[22] = 17;
    node_.cell(kSeeder, message_bytes(Data{Address(neighbour(9)), Address{}, packet}));
    EXPECT_EQ(node_.dropped(Drop::refused_cell), 1U);
}

TEST_F(IntroductionsTest, WhatIsASiblingsIsPassedOn)
{
    test::HeldSiblings siblings;
    test::ServingNode node(&siblings);
    node.node.elsewhere[swarm_.public_key()] = CircuitId(77);
    node.create_e2e(request(), neighbour(9));
    ASSERT_EQ(siblings.passed.size(), 1U);
    EXPECT_EQ(siblings.passed_to[0], CircuitId(77));
    EXPECT_EQ(siblings.passed[0].to, neighbour(9));
    for (std::uint32_t i = 0; i < 1000; ++i)
        node.create_e2e(request(i), neighbour(9));
    EXPECT_LE(siblings.passed.size(), 40U); // the flood ends here
}

} // namespace
} // namespace cepa::tunnel
