#include "support/hop_player.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"
#include "tunnel/hidden_services/own_swarms.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class OwnSwarmsTest : public test::HopPlayer {
protected:
    OwnSwarmsTest()
        : swarms_({own_, bench_.sender, bench_.aead, bench_.counters, bench_.random, settings_, *this,
                   [](const Endpoint&) { return false; }})
    {
    }
    static SwarmPlan plan(std::uint8_t n, bool seed, bool download)
    {
        SwarmPlan out;
        out.lookup_hash.fill(n);
        if (seed) out.seed_key = PrivateKey::generate();
        out.introduction_points = 1;
        out.download = download;
        return out;
    }
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += 500ms) {
            advance(500ms);
            swarms_.tick(now());
            while (const auto asked = take_a<EstablishIntro>())
                say(asked->first, IntroEstablished{asked->second.identifier});
        }
    }
    /// A downloader comes to the seeder of `swarm` and is linked; its circuit.
    CircuitId link_to(const SwarmPlan& swarm)
    {
        const Endpoint downloader{IpAddress::v4(0x05060708), 99};
        const EphemeralKey x = EphemeralKey::generate(bench_.random);
        const CreateE2e request{7, swarm.lookup_hash, swarm.seed_key->public_key(), x.public_key};
        for (const CircuitId id : circuits_of(CircuitPurpose::introduction))
            say(id, Data{{}, downloader, overlay_packet(bench_.sender.prefix(), request)});
        const auto asked = take_a<EstablishRendezvous>();
        if (!asked) return {};
        say(asked->first, RendezvousEstablished{asked->second.identifier, downloader});
        const auto data = take_a<Data>();
        if (!data) return {};
        const auto answer = CreatedE2e::parse(data->second.payload.subspan(kPrefixSize + 1));
        auto found = finish_end(x, swarm.seed_key->public_key(), *answer, bench_.aead);
        if (!found) return {};
        say(asked->first, Data{{}, {}, Bytes(80, 6)}, &found->layer);
        return asked->first;
    }
    std::size_t count(CircuitPurpose purpose) { return circuits_of(purpose).size(); }

    OwnSwarms swarms_;
};

TEST_F(OwnSwarmsTest, EachPlanHasWhatItNeeds)
{
    swarms_.set_plans({plan(1, true, false), plan(2, false, true), plan(3, true, true)}, now());
    run(10s);
    EXPECT_EQ(count(CircuitPurpose::introduction), 2U);
    EXPECT_EQ(count(CircuitPurpose::lookup), 2U); // of one hop count and group: shared
    const auto views = swarms_.views(now());
    ASSERT_EQ(views.size(), 3U);
    EXPECT_EQ(views[0].introduction_points, 1U);
    EXPECT_TRUE(views[0].announced);
    EXPECT_FALSE(views[0].looked_up);
    EXPECT_EQ(views[1].introduction_points, 0U);
}

TEST_F(OwnSwarmsTest, UnderAnotherKeyTheFormerIntroductionsStayUntilOthersStand)
{
    const SwarmPlan first = plan(1, true, false);
    swarms_.set_plans({first}, now());
    run(10s);
    const CircuitId former = circuits_of(CircuitPurpose::introduction).at(0);
    SwarmPlan second = first;
    second.seed_key = PrivateKey::generate();
    swarms_.set_plans({second}, now());
    for (int i = 0; i < 40; ++i) { // nobody answers
        advance(500ms);
        swarms_.tick(now());
        play();
        told_.clear();
        ASSERT_NE(own_.find(former), nullptr);
    }
    EXPECT_EQ(swarms_.views(now()).at(0).introduction_points, 1U);
    EXPECT_TRUE(linked_.contains(link_to(first))); // still found, and answered under the key that was asked for
    run(30s);
    ASSERT_NE(own_.find(former), nullptr);
    EXPECT_EQ(swarms_.views(now()).at(0).introduction_points, 2U);
    EXPECT_TRUE(linked_.contains(link_to(second)));
    run(OwnSwarms::kFormerKept);
    EXPECT_EQ(own_.find(former), nullptr);
    EXPECT_EQ(swarms_.views(now()).at(0).introduction_points, 1U);
}

TEST_F(OwnSwarmsTest, ARequestThatWaitsIsAnsweredUnderTheKeyThatWasAskedFor)
{
    const SwarmPlan first = plan(1, true, false);
    swarms_.set_plans({first}, now());
    run(10s);
    const EphemeralKey x = EphemeralKey::generate(bench_.random);
    const CircuitId introduction = circuits_of(CircuitPurpose::introduction).at(0);
    const Endpoint downloader{IpAddress::v4(0x05060708), 99};
    const CreateE2e request{7, first.lookup_hash, first.seed_key->public_key(), x.public_key};
    say(introduction, Data{{}, downloader, overlay_packet(bench_.sender.prefix(), request)});
    SwarmPlan second = first;
    second.seed_key = PrivateKey::generate();
    swarms_.set_plans({second}, now());
    const auto asked = take_a<EstablishRendezvous>();
    ASSERT_TRUE(asked);
    say(asked->first, RendezvousEstablished{asked->second.identifier, downloader});
    const auto data = take_a<Data>();
    ASSERT_TRUE(data);
    const auto answer = CreatedE2e::parse(data->second.payload.subspan(kPrefixSize + 1));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(finish_end(x, first.seed_key->public_key(), *answer, bench_.aead));
}

TEST_F(OwnSwarmsTest, WhatStaysAsItWasGoesOn)
{
    const SwarmPlan seeding = plan(1, true, false);
    swarms_.set_plans({seeding}, now());
    run(10s);
    const auto before = circuits_of(CircuitPurpose::introduction);
    swarms_.set_plans({seeding, plan(2, true, false)}, now());
    run(5s);
    EXPECT_EQ(count(CircuitPurpose::introduction), 2U);
    EXPECT_NE(own_.find(before.at(0)), nullptr);
    SwarmPlan more = seeding;
    more.introduction_points = 3;
    swarms_.set_plans({more}, now());
    run(5s);
    EXPECT_EQ(count(CircuitPurpose::introduction), 3U);
    EXPECT_NE(own_.find(before.at(0)), nullptr);
}

TEST_F(OwnSwarmsTest, AnotherHopCountOrGroupBeginsAnew)
{
    SwarmPlan seeding = plan(1, true, true);
    for (int change = 1; change < 3; ++change) {
        swarms_.set_plans({seeding}, now());
        run(10s);
        const auto before = circuits_of(CircuitPurpose::introduction);
        ASSERT_EQ(before.size(), 1U);
        if (change == 1) seeding.hops = 2;
        if (change == 2) seeding.group = 5;
        swarms_.set_plans({seeding}, now());
        EXPECT_EQ(own_.find(before[0]), nullptr);
        run(10s);
        EXPECT_EQ(count(CircuitPurpose::introduction), 1U);
        EXPECT_EQ(count(CircuitPurpose::lookup), 2U);
    }
}

TEST_F(OwnSwarmsTest, AnotherKeyKeepsWhoIsLinked)
{
    SwarmPlan seeding = plan(1, true, false);
    swarms_.set_plans({seeding}, now());
    run(10s);
    const auto linked = link_to(seeding);
    ASSERT_EQ(swarms_.views(now()).at(0).links, 1U);
    seeding.seed_key = PrivateKey::generate();
    swarms_.set_plans({seeding}, now());
    EXPECT_NE(own_.find(linked), nullptr);
    EXPECT_EQ(swarms_.views(now()).at(0).links, 1U);
    run(5s);
    EXPECT_NE(link_to(seeding), CircuitId()); // under the new key
    EXPECT_EQ(swarms_.views(now()).at(0).links, 2U);
    seeding.seed_key.reset();
    swarms_.set_plans({seeding}, now());
    EXPECT_EQ(own_.find(linked), nullptr);
}

TEST_F(OwnSwarmsTest, WithoutAPlanNothingIsLeft)
{
    swarms_.set_plans({plan(1, true, true), plan(2, true, true)}, now());
    run(10s);
    EXPECT_GT(own_.size(), 3U);
    swarms_.set_plans({}, now());
    EXPECT_EQ(count(CircuitPurpose::introduction), 0U);
    run(1s);
    EXPECT_EQ(own_.size(), 0U);
    EXPECT_TRUE(swarms_.views(now()).empty());
    EXPECT_TRUE(closed_.empty()); // nobody was told of these
}

TEST_F(OwnSwarmsTest, PlansWithoutSenseAndTooManyAreLeftOut)
{
    std::vector<SwarmPlan> plans(4, plan(1, false, true));
    for (std::uint8_t i = 0; i < 4; ++i)
        plans[i].lookup_hash.fill(i);
    plans[0].hops = 0;
    plans[1].hops = 5;
    plans[2].parts = 0;
    plans[3].part = 1;
    swarms_.set_plans(plans, now());
    EXPECT_TRUE(swarms_.views(now()).empty());
    std::vector<SwarmPlan> many;
    for (std::size_t i = 0; i < OwnSwarms::kMost + 50; ++i) {
        many.push_back(plan(0, false, false));
        many.back().lookup_hash[0] = static_cast<std::uint8_t>(i);
        many.back().lookup_hash[1] = static_cast<std::uint8_t>(i >> 8U);
    }
    swarms_.set_plans(many, now());
    EXPECT_EQ(swarms_.views(now()).size(), OwnSwarms::kMost);
}

TEST_F(OwnSwarmsTest, AllCircuitsMayEndAtAnyMoment)
{
    swarms_.set_plans({plan(1, true, true), plan(2, true, true)}, now());
    for (int i = 0; i < 20; ++i) {
        run(3s);
        own_.close_all("own address changed", now());
        EXPECT_EQ(own_.size(), 0U);
    }
    run(60s);
    EXPECT_EQ(count(CircuitPurpose::introduction), 2U);
    EXPECT_EQ(count(CircuitPurpose::lookup), 2U);
}

} // namespace
} // namespace cepa::tunnel
