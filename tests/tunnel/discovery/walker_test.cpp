#include "support/discovery_net.hpp"
#include "tunnel/discovery/walker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::discovery::at;

/// Address number i, each in a /16 of its own.
Endpoint numbered(std::uint32_t i)
{
    return {IpAddress::v4(0x14000001U + (i << 16U)), 1};
}

struct WalkerTest : testing::Test {
    test::discovery::NumberedRandom random{1};
    Walker walker{random, false};
    PeerTable peers{false};
    TimePoint now{1h};

    void live_at(const Endpoint& address, std::uint32_t number = 1)
    {
        Sighting sighting;
        Writer(sighting.key.ed25519).u32(number);
        sighting.source = address;
        sighting.flags = PeerFlags{9};
        peers.on_answer(sighting, now);
    }
    std::vector<Endpoint> step(bool hungry = true)
    {
        std::vector<Endpoint> out = walker.step(peers, hungry, now);
        for (const Endpoint& e : out)
            static_cast<void>(walker.begin_request(e, now));
        now += Walker::kStep;
        return out;
    }
};

TEST_F(WalkerTest, NamedAddressesComeFirst)
{
    for (std::uint32_t i = 0; i < 20; ++i)
        walker.add_introduced(numbered(i), now);
    walker.add_named(at("10.0.0.1:1"), now);
    EXPECT_EQ(step(), std::vector{at("10.0.0.1:1")});
    const auto next = step();
    ASSERT_FALSE(next.empty());
    EXPECT_EQ(std::ranges::count(next, at("10.0.0.1:1")), 0);
}

TEST_F(WalkerTest, NamedAddressesAreRetriedLessAndLessOftenForEver)
{
    walker.add_named(at("10.0.0.1:1"), now);
    std::vector<TimePoint> tries;
    const TimePoint start = now;
    while (now - start < 10min) {
        const TimePoint at_step = now;
        if (!step(false).empty()) tries.push_back(at_step);
    }
    ASSERT_GE(tries.size(), 20U);
    EXPECT_EQ(tries[1] - tries[0], 1s);
    EXPECT_EQ(tries[2] - tries[1], 2s);
    EXPECT_EQ(tries.back() - tries[tries.size() - 2], 30s);
}

TEST_F(WalkerTest, ANamedPeerThatVanishesIsSoughtAgain)
{
    walker.add_named(at("10.0.0.1:1"), now);
    static_cast<void>(step());
    live_at(at("10.0.0.1:1"));
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(step(false).empty());
    peers.expire(now + 1h);
    std::size_t sought = 0;
    for (int i = 0; i < 10; ++i)
        sought += step(false).size();
    EXPECT_GE(sought, 1U);
}

TEST_F(WalkerTest, GuardsAreSoughtUntilTheyAreGuardsNoMore)
{
    walker.set_guards({numbered(1), numbered(2)}, now);
    EXPECT_EQ(step(false).size(), 2U);
    for (int i = 0; i < 1000; ++i)
        static_cast<void>(step(false));
    EXPECT_EQ(walker.targets(), 2U);
    walker.hurry(now);
    EXPECT_EQ(step(false).size(), 2U) << "at once when the network is back";
    walker.set_guards({numbered(2)}, now);
    for (int i = 0; i < 200; ++i)
        static_cast<void>(step(false));
    EXPECT_EQ(walker.targets(), 1U);
}

TEST_F(WalkerTest, RememberedAddressesAreAllTriedWithinSeconds)
{
    for (std::uint32_t i = 0; i < 30; ++i)
        walker.add_remembered(numbered(i), now);
    std::vector<Endpoint> asked;
    for (int i = 0; i < 3; ++i)
        for (const Endpoint& e : walker.step(peers, true, now))
            asked.push_back(e);
    std::ranges::sort(asked);
    EXPECT_EQ(std::ranges::unique(asked).begin() - asked.begin(), 30);
    for (int i = 0; i < 400; ++i)
        static_cast<void>(step());
    EXPECT_EQ(walker.targets(), 0U) << "and given up in the end";
}

TEST_F(WalkerTest, IntroducedAddressesGetTwoTries)
{
    walker.add_introduced(numbered(1), now);
    std::size_t asked = 0;
    for (int i = 0; i < 100; ++i)
        asked += step().size();
    EXPECT_EQ(asked, 2U);
    EXPECT_EQ(walker.targets(), 0U);
}

TEST_F(WalkerTest, APunctureBringsTheSecondTryForward)
{
    walker.add_introduced(numbered(1), now);
    std::vector<Endpoint> first;
    for (int i = 0; i < 20 && first.empty(); ++i)
        first = step();
    ASSERT_EQ(first.size(), 1U);
    walker.on_puncture(numbered(1), now);
    walker.on_puncture(numbered(99), now);
    std::vector<Endpoint> second;
    for (int i = 0; i < 3 && second.empty(); ++i)
        second = step(); // below the three seconds of an ordinary retry
    EXPECT_EQ(second, first);
    EXPECT_EQ(walker.targets(), 1U);
}

TEST_F(WalkerTest, APunctureFromAnotherPortOfAHostThatIsTriedIsAnsweredOnce)
{
    Endpoint elsewhere = numbered(1);
    elsewhere.port += 100;
    walker.on_puncture(elsewhere, now);
    EXPECT_EQ(walker.targets(), 0U) << "nobody asked that host";
    walker.add_introduced(numbered(1), now);
    std::vector<Endpoint> first;
    for (int i = 0; i < 20 && first.empty(); ++i)
        first = step();
    ASSERT_EQ(first, std::vector{numbered(1)});
    Endpoint third = elsewhere;
    third.port += 1;
    walker.on_puncture(elsewhere, now);
    walker.on_puncture(third, now);
    std::set<std::uint16_t> ports;
    for (int i = 0; i < 40; ++i)
        for (const Endpoint& asked : step())
            ports.insert(asked.port);
    EXPECT_TRUE(ports.contains(elsewhere.port));
    EXPECT_FALSE(ports.contains(third.port)) << "anybody can send punctures";
}

TEST_F(WalkerTest, KeepsItsWindow)
{
    for (std::uint32_t i = 0; i < 50; ++i)
        walker.add_introduced(numbered(i), now);
    std::size_t in_three_seconds = 0;
    for (int i = 0; i < 6; ++i)
        in_three_seconds += step().size();
    EXPECT_LE(in_three_seconds, Walker::kWindow);
    EXPECT_GE(in_three_seconds, 1U);
}

TEST_F(WalkerTest, AsksAKnownPeerWhenThereIsNobodyNew)
{
    live_at(at("10.0.0.1:1"));
    EXPECT_EQ(step(), std::vector{at("10.0.0.1:1")});
    EXPECT_TRUE(step(false).empty()) << "not when there are enough";
}

TEST_F(WalkerTest, HintsAreBounded)
{
    for (std::uint32_t i = 0; i < 100; ++i)
        walker.add_introduced({IpAddress::v4(0x14010000U + i), 1}, now);
    EXPECT_EQ(walker.targets(), Walker::kMaxTargetsPerPrefix);
    for (std::uint32_t i = 0; i < 1000; ++i)
        walker.add_introduced({IpAddress::v4(0x15000001U + (i << 16U)), 1}, now);
    EXPECT_LE(walker.targets(), Walker::kMaxTargets);
    Walker equal(random, true);
    for (std::uint32_t i = 0; i < 100; ++i)
        equal.add_introduced({IpAddress::v4(0x14010000U + i), 1}, now);
    EXPECT_EQ(equal.targets(), 100U);
}

TEST_F(WalkerTest, AnAnswerMustFitAddressAndIdentifierAndCountsOnce)
{
    const auto identifier = walker.begin_request(at("10.0.0.1:1"), now);
    ASSERT_TRUE(identifier);
    EXPECT_TRUE(walker.awaits(at("10.0.0.1:1"), now));
    EXPECT_FALSE(walker.finish_request(at("10.0.0.2:1"), *identifier, now));
    EXPECT_FALSE(walker.finish_request(at("10.0.0.1:1"), static_cast<std::uint16_t>(*identifier + 1), now));
    EXPECT_TRUE(walker.finish_request(at("10.0.0.1:1"), *identifier, now + 9s));
    EXPECT_FALSE(walker.finish_request(at("10.0.0.1:1"), *identifier, now + 9s));
    EXPECT_FALSE(walker.awaits(at("10.0.0.1:1"), now));
}

TEST_F(WalkerTest, AnAnswerCanComeTooLate)
{
    const auto identifier = walker.begin_request(at("10.0.0.1:1"), now);
    EXPECT_FALSE(walker.awaits(at("10.0.0.1:1"), now + Walker::kRequestLife));
    EXPECT_FALSE(walker.finish_request(at("10.0.0.1:1"), *identifier, now + Walker::kRequestLife));
}

TEST_F(WalkerTest, WaitingRequestsAreBounded)
{
    std::size_t begun = 0;
    for (std::uint32_t i = 0; i < 1000; ++i)
        begun += walker.begin_request(numbered(i), now) ? 1U : 0U;
    EXPECT_EQ(begun, Walker::kMaxRequests);
    EXPECT_TRUE(walker.begin_request(numbered(0), now)) << "the same address replaces its own";
    EXPECT_TRUE(walker.begin_request(numbered(2000), now + Walker::kRequestLife));
}

TEST_F(WalkerTest, ForgetsOurselves)
{
    walker.add_named(at("10.0.0.1:1"), now);
    static_cast<void>(step());
    walker.forget(at("10.0.0.1:1"));
    EXPECT_EQ(walker.targets(), 0U);
    EXPECT_FALSE(walker.awaits(at("10.0.0.1:1"), now));
}

} // namespace
} // namespace cepa::tunnel
