#include "support/candidates.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/guards.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cepa::tunnel {
namespace {

using test::candidate_number;

constexpr std::int64_t kNow = 1'900'000'000;

bool fit(const Candidate& candidate, GuardUse use)
{
    return has(candidate.flags, use == GuardUse::single_hop ? PeerFlag::exit_bittorrent : PeerFlag::relay);
}
bool anybody(const Candidate&)
{
    return true;
}

class GuardsTest : public ::testing::Test {
protected:
    GuardsTest()
    {
        for (std::uint32_t n = 0; n < 20; ++n)
            network_.push_back(candidate_number(n, n < 14 ? test::kRelayFlags : test::kExitFlags));
    }
    std::size_t count(const Guards& guards, bool for_exits) const
    {
        return static_cast<std::size_t>(
            std::ranges::count_if(guards.all(), [&](const Guard& g) { return g.for_exits == for_exits; }));
    }

    test::TestRandom random_;
    std::vector<Candidate> network_;
    Guards guards_{{}, {fit}};
};

TEST_F(GuardsTest, ThreeOfEachUseAreChosenAndKept)
{
    guards_.maintain(network_, kNow, random_);
    EXPECT_TRUE(guards_.take_changed());
    EXPECT_FALSE(guards_.take_changed());
    EXPECT_EQ(count(guards_, false), 3U);
    EXPECT_EQ(count(guards_, true), 3U);
    const auto kept = guards_.all();
    for (int day = 0; day <= 30; ++day)
        guards_.maintain(network_, kNow + day * 86400, random_);
    EXPECT_EQ(guards_.all(), kept);
    guards_.maintain(network_, kNow + 30 * 86400 + 1, random_);
    EXPECT_NE(guards_.all(), kept);
    EXPECT_EQ(guards_.all().size(), 6U);
}

TEST_F(GuardsTest, NobodyIsFirstAndSecondHopWhereOthersCanBe)
{
    const auto both = [](const Guards& guards) {
        std::size_t out = 0;
        for (const Guard& a : guards.all())
            for (const Guard& b : guards.all())
                if (a.second_hop && !b.second_hop && !b.for_exits && a.key == b.key) ++out;
        return out;
    };
    const std::vector<Candidate> six(network_.begin(), network_.begin() + 6);
    for (int i = 0; i < 20; ++i) {
        Guards guards({}, {fit});
        guards.keep_second_hops();
        guards.maintain(six, kNow, random_);
        EXPECT_EQ(guards.all().size(), 6U);
        EXPECT_EQ(both(guards), 0U);
    }
    Guards few({}, {fit});
    few.keep_second_hops();
    const std::vector<Candidate> four(network_.begin(), network_.begin() + 4);
    few.maintain(four, kNow, random_);
    few.maintain(four, kNow + 19, random_);
    EXPECT_EQ(few.all().size(), 4U); // others may soon be known
    EXPECT_EQ(both(few), 0U);
    few.maintain(four, kNow + 20, random_);
    EXPECT_EQ(few.all().size(), 6U); // there is no other
    EXPECT_EQ(both(few), 2U);
    Guards three({}, {fit});
    three.keep_second_hops();
    three.maintain({network_.begin(), network_.begin() + 3}, kNow, random_);
    EXPECT_EQ(both(three), 1U); // one is needed at once
}

TEST_F(GuardsTest, PathsBeginWithTheSameThree)
{
    std::set<PublicKey> used;
    for (int i = 0; i < 1000; ++i) {
        guards_.maintain(network_, kNow, random_);
        used.insert(guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow, random_)->key);
    }
    EXPECT_EQ(used.size(), 3U);
}

TEST_F(GuardsTest, TheLeastLoadedIsTakenAndAFourthWhenAllAreFull)
{
    guards_.maintain(network_, kNow, random_);
    Guards::Load load;
    std::set<PublicKey> used;
    for (std::uint32_t circuit = 0; circuit < 3 * Guards::kMostCircuits; ++circuit) {
        const auto guard = guards_.choose(GuardUse::first_hop, network_, load, anybody, kNow, random_);
        ASSERT_TRUE(guard);
        ++load[guard->key];
        used.insert(guard->key);
    }
    EXPECT_EQ(used.size(), 3U);
    for (const auto& [key, circuits] : load)
        EXPECT_EQ(circuits, Guards::kMostCircuits);
    const auto fourth = guards_.choose(GuardUse::first_hop, network_, load, anybody, kNow, random_);
    ASSERT_TRUE(fourth);
    EXPECT_FALSE(used.contains(fourth->key));
    EXPECT_EQ(count(guards_, false), 4U);
}

TEST_F(GuardsTest, AbsentGuardsAreReplacedAfterAWhileButNotForgotten)
{
    guards_.maintain(network_, kNow, random_);
    const auto first = guards_.all();
    std::vector<Candidate> fewer = network_;
    std::erase_if(fewer, [&](const Candidate& c) { return c.key == first.front().key; });
    guards_.maintain(fewer, kNow, random_);
    guards_.maintain(fewer, kNow + Guards::kAwaitedSeconds - 1, random_);
    EXPECT_EQ(guards_.all(), first);
    guards_.maintain(fewer, kNow + Guards::kAwaitedSeconds, random_);
    EXPECT_EQ(count(guards_, first.front().for_exits), 4U);
    // Back again, it is as good as before, and the replacement only kept.
    EXPECT_TRUE(std::ranges::count(guards_.all(), first.front()) == 1);
    std::set<PublicKey> used;
    for (int i = 0; i < 100; ++i)
        used.insert(guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow + 60, random_)->key);
    std::set<PublicKey> oldest;
    for (const Guard& guard : first)
        if (!guard.for_exits) oldest.insert(guard.key);
    EXPECT_EQ(used, oldest);
}

TEST_F(GuardsTest, ARestartKeepsThemWhileTheTableIsStillEmpty)
{
    guards_.maintain(network_, kNow, random_);
    const auto kept = guards_.all();
    Guards restarted(kept, {fit});
    for (int second = 0; second < 3600; ++second)
        restarted.maintain({}, kNow + second, random_);
    // Others are found first: it waits for its own.
    std::vector<Candidate> others = network_;
    std::erase_if(others, [&](const Candidate& c) { return std::ranges::count(kept, c.key, &Guard::key) > 0; });
    restarted.maintain(others, kNow + 3600, random_);
    EXPECT_FALSE(restarted.choose(GuardUse::first_hop, others, {}, anybody, kNow + 3600, random_));
    restarted.maintain(network_, kNow + 3610, random_);
    EXPECT_EQ(restarted.all(), kept);
    const auto chosen = restarted.choose(GuardUse::first_hop, network_, {}, anybody, kNow + 3610, random_);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(std::ranges::count(kept, chosen->key, &Guard::key), 1);
}

TEST_F(GuardsTest, WorkersThatWereToldOfGuardsChooseNoneThemselves)
{
    guards_.maintain(network_, kNow, random_);
    Guards follower({}, {fit, true, 1, true});
    follower.replace(guards_.all());
    Guards::Load load;
    std::set<PublicKey> used;
    for (int i = 0; i < 30; ++i) {
        const auto chosen = follower.choose(GuardUse::first_hop, network_, load, anybody, kNow, random_);
        ASSERT_TRUE(chosen);
        ++load[chosen->key];
        used.insert(chosen->key);
    }
    EXPECT_EQ(used.size(), 3U);
    EXPECT_EQ(follower.all(), guards_.all());
    EXPECT_FALSE(follower.take_changed());
}

TEST_F(GuardsTest, TheShareOfOneWorkerIsWhatItsGuardsCarry)
{
    Guards shared({}, {fit, true, 2, false});
    shared.maintain(network_, kNow, random_);
    Guards::Load load;
    for (int i = 0; i < 7; ++i)
        ++load[shared.choose(GuardUse::first_hop, network_, load, anybody, kNow, random_)->key];
    EXPECT_EQ(load.size(), 4U);
}

TEST_F(GuardsTest, OneOverWhichMostPathsFailComesLast)
{
    guards_.maintain(network_, kNow, random_);
    const auto before = guards_.all();
    const PublicKey bad = std::ranges::find(before, false, &Guard::for_exits)->key;
    for (int i = 0; i < 8; ++i)
        guards_.on_path(bad, test::key_number(static_cast<std::uint32_t>(90 + i % 2)), i == 0, kNow);
    for (int i = 0; i < 100; ++i)
        EXPECT_NE(guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow, random_)->key, bad);
    guards_.maintain(network_, kNow, random_);
    EXPECT_EQ(guards_.all(), before); // a bad network shall not change our guards
    // With nothing but bad ones it is as good as any.
    const auto only_bad = [&](const Candidate& c) { return c.key == bad; };
    EXPECT_TRUE(guards_.choose(GuardUse::first_hop, network_, {}, only_bad, kNow, random_));
    guards_.on_path(bad, test::key_number(90), true, kNow + 3601);
    std::set<PublicKey> used;
    for (int i = 0; i < 100; ++i)
        used.insert(guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow + 3601, random_)->key);
    EXPECT_TRUE(used.contains(bad));
}

TEST_F(GuardsTest, WhatFailsBehindOneNextHopIsThatOnes)
{
    guards_.maintain(network_, kNow, random_);
    const PublicKey honest = std::ranges::find(guards_.all(), false, &Guard::for_exits)->key;
    for (int i = 0; i < 20; ++i)
        guards_.on_path(honest, test::key_number(90), false, kNow);
    std::set<PublicKey> used;
    for (int i = 0; i < 100; ++i)
        used.insert(guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow, random_)->key);
    EXPECT_TRUE(used.contains(honest));
}

TEST_F(GuardsTest, SilenceNeverBringsAFourth)
{
    guards_.maintain(network_, kNow, random_);
    Guards::Load full;
    for (const Guard& guard : guards_.all())
        full[guard.key] = Guards::kMostCircuits;
    for (int i = 0; i < 6; ++i) // six first hops are known, of whom the oldest three are used
        ++full[guards_.choose(GuardUse::first_hop, network_, full, anybody, kNow, random_)->key] += 100;
    ASSERT_GT(count(guards_, false), 5U);
    std::vector<PublicKey> oldest;
    for (const Guard& guard : guards_.all())
        if (!guard.for_exits && oldest.size() < 3) oldest.push_back(guard.key);
    const auto used = [&](const std::function<bool(const Candidate&)>& later) {
        std::set<PublicKey> out;
        for (int i = 0; i < 200; ++i)
            out.insert(
                guards_.choose(GuardUse::first_hop, network_, {}, anybody, kNow, random_, Adopt::never, later)->key);
        return out;
    };
    const auto nobody = [](const Candidate&) { return false; };
    guards_.on_create(oldest[0], false, kNow);
    EXPECT_EQ(used(nobody), (std::set<PublicKey>{oldest[1], oldest[2]}));
    EXPECT_EQ(used([&](const Candidate& c) { return c.key == oldest[1]; }), std::set<PublicKey>{oldest[2]});
    guards_.on_create(oldest[1], false, kNow);
    guards_.on_create(oldest[2], false, kNow);
    EXPECT_EQ(used(nobody), (std::set<PublicKey>{oldest.begin(), oldest.end()}));
    EXPECT_EQ(used(anybody), (std::set<PublicKey>{oldest.begin(), oldest.end()}));
    guards_.on_create(oldest[0], true, kNow);
    EXPECT_EQ(used(nobody), std::set<PublicKey>{oldest[0]});
    for (const PublicKey& key : oldest) // and all paths fail, too
        for (std::uint32_t i = 0; i < 12; ++i)
            guards_.on_path(key, test::key_number(90 + i), false, kNow);
    EXPECT_EQ(used(nobody), (std::set<PublicKey>{oldest.begin(), oldest.end()}));
}

TEST_F(GuardsTest, ASecondHopIsLateWhenTwoFirstHopsWitnessIt)
{
    guards_.keep_second_hops();
    guards_.maintain(network_, kNow, random_);
    std::vector<PublicKey> seconds;
    for (const Guard& guard : guards_.all())
        if (guard.second_hop) seconds.push_back(guard.key);
    ASSERT_EQ(seconds.size(), 3U);
    const auto used = [&](std::int64_t now) {
        std::set<PublicKey> out;
        for (int i = 0; i < 200; ++i)
            out.insert(guards_.choose(GuardUse::second_hop, network_, {}, anybody, now, random_, Adopt::never)->key);
        return out;
    };
    const std::set<PublicKey> all{seconds.begin(), seconds.end()};
    const PublicKey liar = test::key_number(95);
    for (int i = 0; i < 10; ++i) { // one first hop drops what goes to all but its friend
        guards_.on_second_hop(liar, seconds[1], false, kNow);
        guards_.on_second_hop(liar, seconds[2], false, kNow);
    }
    EXPECT_EQ(used(kNow), all);
    guards_.on_second_hop(test::key_number(96), seconds[1], false, kNow);
    EXPECT_EQ(used(kNow), (std::set<PublicKey>{seconds[0], seconds[2]}));
    EXPECT_EQ(used(kNow + 601), all);
    guards_.on_second_hop(test::key_number(96), seconds[1], true, kNow);
    EXPECT_EQ(used(kNow), all);
}

TEST_F(GuardsTest, TheNumberIsBoundedThroughAnyChurn)
{
    for (std::uint32_t wave = 0; wave < 40; ++wave) {
        std::vector<Candidate> network;
        for (std::uint32_t n = 0; n < 5; ++n)
            network.push_back(candidate_number(wave * 5 + n));
        const std::int64_t now = kNow + wave * 3600;
        guards_.maintain(network, now, random_);
        const auto chosen =
            guards_.choose(GuardUse::first_hop, network, {}, anybody, now + Guards::kAwaitedSeconds, random_);
        ASSERT_TRUE(chosen);
        EXPECT_LE(guards_.all().size(), Guards::kMost);
    }
}

TEST_F(GuardsTest, FollowsAMovedAddress)
{
    guards_.maintain(network_, kNow, random_);
    static_cast<void>(guards_.take_changed());
    auto& moved = *std::ranges::find(network_, guards_.all().front().key, &Candidate::key);
    moved.address.port = 1;
    guards_.maintain(network_, kNow, random_);
    EXPECT_TRUE(guards_.take_changed());
    EXPECT_EQ(guards_.all().front().address, moved.address);
}

TEST_F(GuardsTest, OfDifferentNetworksWhereThereAreEnough)
{
    std::vector<Candidate> network;
    for (std::uint32_t n = 0; n < 10; ++n) {
        network.push_back(candidate_number(n));
        network.back().address.ip = IpAddress::v4(0x33000001 + n); // one /16
    }
    for (std::uint32_t n = 20; n < 22; ++n)
        network.push_back(candidate_number(n));
    guards_.maintain(network, kNow, random_);
    std::set<IpAddress> prefixes;
    for (const Guard& guard : guards_.all())
        prefixes.insert(guard.address.ip.diversity_prefix());
    EXPECT_EQ(prefixes.size(), 3U);
}

TEST_F(GuardsTest, NobodyFits)
{
    EXPECT_FALSE(guards_.choose(GuardUse::first_hop, {}, {}, anybody, kNow, random_));
    EXPECT_FALSE(
        guards_.choose(GuardUse::first_hop, network_, {}, [](const Candidate&) { return false; }, kNow, random_));
    EXPECT_TRUE(guards_.all().empty());
}

} // namespace
} // namespace cepa::tunnel
