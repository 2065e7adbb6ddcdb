#include "tunnel/circuit/guards.hpp"

#include "support/test_random.hpp"
#include "support/candidates.hpp"

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
bool anybody(const Candidate&) { return true; }

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
    Guards guards_{{}, fit, true};
};

TEST_F(GuardsTest, ThreeOfEachUseAreChosenAndKept)
{
    guards_.maintain(network_, kNow, random_);
    EXPECT_TRUE(guards_.take_changed());
    EXPECT_FALSE(guards_.take_changed());
    EXPECT_EQ(count(guards_, false), 3U);
    EXPECT_EQ(count(guards_, true), 3U);
    const auto kept = guards_.all();
    for (int day = 0; day <= 30; ++day) guards_.maintain(network_, kNow + day * 86400, random_);
    EXPECT_EQ(guards_.all(), kept);
    guards_.maintain(network_, kNow + 30 * 86400 + 1, random_);
    EXPECT_NE(guards_.all(), kept);
    EXPECT_EQ(guards_.all().size(), 6U);
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
    for (const auto& [key, circuits] : load) EXPECT_EQ(circuits, Guards::kMostCircuits);
    const auto fourth = guards_.choose(GuardUse::first_hop, network_, load, anybody, kNow, random_);
    ASSERT_TRUE(fourth);
    EXPECT_FALSE(used.contains(fourth->key));
    EXPECT_EQ(count(guards_, false), 4U);
}

TEST_F(GuardsTest, AbsentGuardsAreReplacedButNotForgotten)
{
    guards_.maintain(network_, kNow, random_);
    const auto first = guards_.all();
    std::vector<Candidate> fewer = network_;
    std::erase_if(fewer, [&](const Candidate& c) { return c.key == first.front().key; });
    guards_.maintain(fewer, kNow, random_);
    EXPECT_EQ(count(guards_, first.front().for_exits), 4U);
    // Back again, it is as good as before.
    EXPECT_TRUE(std::ranges::count(guards_.all(), first.front()) == 1);
}

TEST_F(GuardsTest, TheNumberIsBoundedThroughAnyChurn)
{
    for (std::uint32_t wave = 0; wave < 40; ++wave) {
        std::vector<Candidate> network;
        for (std::uint32_t n = 0; n < 5; ++n) network.push_back(candidate_number(wave * 5 + n));
        guards_.maintain(network, kNow, random_);
        const auto chosen = guards_.choose(GuardUse::first_hop, network, {}, anybody, kNow, random_);
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
    for (std::uint32_t n = 20; n < 22; ++n) network.push_back(candidate_number(n));
    guards_.maintain(network, kNow, random_);
    std::set<IpAddress> prefixes;
    for (const Guard& guard : guards_.all()) prefixes.insert(guard.address.ip.diversity_prefix());
    EXPECT_EQ(prefixes.size(), 3U);
}

TEST_F(GuardsTest, NobodyFits)
{
    EXPECT_FALSE(guards_.choose(GuardUse::first_hop, {}, {}, anybody, kNow, random_));
    EXPECT_FALSE(guards_.choose(GuardUse::first_hop, network_, {}, [](const Candidate&) { return false; }, kNow, random_));
    EXPECT_TRUE(guards_.all().empty());
}

} // namespace
} // namespace cepa::tunnel
