#include "support/candidates.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/path_selection.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace cepa::tunnel {
namespace {

using test::candidate_number;

constexpr std::int64_t kHiddenNow = 1'900'000'000;

PathRules hidden_rules()
{
    PathRules rules;
    rules.public_network = true;
    return rules;
}

PathWish wish_for(CircuitPurpose purpose, std::uint8_t hops)
{
    PathWish out;
    out.purpose = purpose;
    out.hops = hops;
    return out;
}

class HiddenPaths : public ::testing::Test {
protected:
    HiddenPaths()
    {
        for (std::uint32_t n = 0; n < 40; ++n)
            network_.push_back(candidate_number(n, n < 32 ? test::kRelayFlags : test::kExitFlags));
    }
    Path choose(const PathWish& wish)
    {
        auto path = selection_.choose(wish, network_, {}, kHiddenNow);
        EXPECT_TRUE(path) << path.error().message();
        return path ? *path : Path{};
    }
    std::set<PublicKey> guards(bool second) const
    {
        std::set<PublicKey> out;
        for (const Guard& guard : selection_.guards().all())
            if (!guard.for_exits && guard.second_hop == second) out.insert(guard.key);
        return out;
    }

    test::TestRandom random_;
    std::vector<Candidate> network_;
    PathSelection selection_{hidden_rules(), {}, random_};
};

TEST_F(HiddenPaths, FirstAndSecondHopsAreFewWhateverIsAskedFor)
{
    std::set<PublicKey> firsts;
    std::set<PublicKey> seconds;
    std::set<PublicKey> lasts;
    for (int i = 0; i < 3000; ++i) {
        const auto purpose = static_cast<CircuitPurpose>(1 + i % 3);
        const Path path = choose(wish_for(purpose, static_cast<std::uint8_t>(3 + i % 3)));
        for (std::size_t a = 0; a < path.size(); ++a)
            for (std::size_t b = 0; b < a; ++b)
                ASSERT_TRUE(selection_.together(path[a], path[b]));
        firsts.insert(path[0].key);
        seconds.insert(path[1].key);
        lasts.insert(path.back().key);
    }
    EXPECT_EQ(firsts, guards(false));
    EXPECT_EQ(seconds, guards(true));
    EXPECT_EQ(firsts.size(), 3U);
    EXPECT_EQ(seconds.size(), 3U);
    EXPECT_GT(lasts.size(), 30U);
}

TEST_F(HiddenPaths, WhatStrangersMakeUsCarryAdoptsNobody)
{
    static_cast<void>(choose(wish_for(CircuitPurpose::rendezvous, 3)));
    const auto before = selection_.guards().all();
    PathLoads loads;
    for (const Candidate& c : network_)
        loads.strangers[c.key] = 1000;
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(selection_.choose(wish_for(CircuitPurpose::rendezvous, 3), network_, loads, kHiddenNow));
        ASSERT_TRUE(selection_.choose(wish_for(CircuitPurpose::data, 3), network_, loads, kHiddenNow));
        ASSERT_TRUE(selection_.choose(wish_for(CircuitPurpose::data, 1), network_, loads, kHiddenNow));
    }
    EXPECT_EQ(selection_.guards().all(), before);
    for (const Candidate& c : network_)
        loads.first_hops[c.key] = 1000; // what is our own wish fills guards, but not for strangers
    for (int i = 0; i < 200; ++i)
        ASSERT_TRUE(selection_.choose(wish_for(CircuitPurpose::rendezvous, 3), network_, loads, kHiddenNow));
    EXPECT_EQ(selection_.guards().all(), before);
    ASSERT_TRUE(selection_.choose(wish_for(CircuitPurpose::data, 3), network_, loads, kHiddenNow));
    EXPECT_NE(selection_.guards().all(), before);
}

TEST_F(HiddenPaths, WorkersThatWantDifferentLastHopsGetThem)
{
    for (const std::uint8_t hops : {std::uint8_t{2}, std::uint8_t{3}}) { // of the kept second hops, and of all
        std::array<std::set<PublicKey>, 2> lasts;
        for (std::uint32_t part = 0; part < 2; ++part) {
            PathWish wish = wish_for(CircuitPurpose::introduction, hops);
            wish.part = part;
            wish.parts = 2;
            for (int i = 0; i < 100; ++i)
                lasts[part].insert(choose(wish).back().key);
        }
        for (const PublicKey& key : lasts[0])
            EXPECT_FALSE(lasts[1].contains(key));
        EXPECT_GE(lasts[1].size(), hops == 2 ? 1U : 10U);
        PathWish wish = wish_for(CircuitPurpose::introduction, hops); // where its part is used up, another's
        wish.part = 1;
        wish.parts = 2;
        wish.avoid_last.assign(lasts[1].begin(), lasts[1].end());
        EXPECT_TRUE(selection_.choose(wish, network_, {}, kHiddenNow));
    }
}

TEST_F(HiddenPaths, WhatStrangersMakeUsCarryIsSpread)
{
    const Path busy = choose(wish_for(CircuitPurpose::rendezvous, 3));
    PathLoads loads;
    loads.strangers[busy[0].key] = 5;
    for (int i = 0; i < 50; ++i) {
        const auto path = selection_.choose(wish_for(CircuitPurpose::rendezvous, 3), network_, loads, kHiddenNow);
        ASSERT_TRUE(path);
        EXPECT_NE((*path)[0].key, busy[0].key);
    }
}

TEST_F(HiddenPaths, ALastHopOfAStrangersChoiceMovesNoGuard)
{
    static_cast<void>(choose(wish_for(CircuitPurpose::rendezvous, 3)));
    const auto before = selection_.guards().all();
    for (const Guard& guard : before) {
        PathWish wish = wish_for(CircuitPurpose::rendezvous, 4);
        wish.last = candidate_number(150);
        wish.last->address.ip = guard.address.ip; // its /16, its very host
        const Path path = choose(wish);
        EXPECT_EQ(path.back().key, wish.last->key);
        EXPECT_NE(path[0].address.ip, guard.address.ip);
        EXPECT_NE(path[1].address.ip, guard.address.ip);
        wish.last->address.ip.bytes[3] ^= 0x80U; // a neighbour of the guard tells nothing: the guard is used as ever
        std::set<PublicKey> used;
        for (int i = 0; i < 100; ++i)
            used.insert(choose(wish)[0].key);
        EXPECT_EQ(used, guards(false));
    }
    EXPECT_EQ(selection_.guards().all(), before);
}

TEST_F(HiddenPaths, ARequiredLastHopIsNeverOneOfOurs)
{
    PathRules rules = hidden_rules();
    rules.self = test::key_number(300);
    rules.family = {test::key_number(301)};
    rules.is_own = [](const Endpoint& address) { return address == candidate_number(160).address; };
    PathSelection selection(rules, {}, random_);
    PathWish wish = wish_for(CircuitPurpose::rendezvous, 3);
    const auto refused = [&](const Candidate& last) {
        wish.last = last;
        const auto path = selection.choose(wish, network_, {}, kHiddenNow);
        return !path && path.error() == make_error_code(TunnelError::refused_by_policy);
    };
    EXPECT_TRUE(refused(candidate_number(300)));
    EXPECT_TRUE(refused(candidate_number(301)));
    EXPECT_TRUE(refused(candidate_number(160)));
    Candidate inside = candidate_number(161);
    inside.address = {IpAddress::v4(0x0a000001), 8090};
    EXPECT_TRUE(refused(inside));
    inside.address = {IpAddress::v4(0x7f000001), 8090};
    EXPECT_TRUE(refused(inside));
    EXPECT_FALSE(refused(candidate_number(162)));
}

TEST_F(HiddenPaths, WorkWithoutAnyExit)
{
    std::erase_if(network_, [](const Candidate& c) { return has(c.flags, PeerFlag::exit_bittorrent); });
    for (std::uint8_t hops = 1; hops <= 5; ++hops)
        EXPECT_EQ(choose(wish_for(CircuitPurpose::lookup, hops)).size(), hops);
    EXPECT_FALSE(selection_.choose(PathWish{}, network_, {}, kHiddenNow)); // a data path needs one
}

TEST_F(HiddenPaths, LastHopsThatCanBeReachedComeFirst)
{
    for (Candidate& c : network_)
        c.connectable = c.key == test::key_number(5) || c.key == test::key_number(6);
    std::set<PublicKey> lasts;
    for (int i = 0; i < 200; ++i)
        lasts.insert(choose(wish_for(CircuitPurpose::introduction, 4)).back().key);
    for (const PublicKey& key : lasts) {
        const auto found = std::ranges::find(network_, key, &Candidate::key);
        EXPECT_TRUE(found->connectable || has(found->flags, PeerFlag::exit_bittorrent));
    }
}

TEST_F(HiddenPaths, SeveralIntroductionPointsOfOneSwarmAreSeveralNodes)
{
    PathWish wish = wish_for(CircuitPurpose::introduction, 2); // where they are second hops too
    for (int i = 0; i < 4; ++i) {
        const Path path = choose(wish);
        ASSERT_EQ(path.size(), 2U);
        EXPECT_EQ(std::ranges::count(wish.avoid_last, path.back().key), 0);
        wish.avoid_last.push_back(path.back().key);
    }
    EXPECT_LE(guards(true).size(), 5U);
}

TEST_F(HiddenPaths, ASilentFirstHopIsReplacedByAnotherGuard)
{
    const PathWish wish = wish_for(CircuitPurpose::rendezvous, 3);
    const Path path = choose(wish);
    std::vector<PublicKey> silent{path[0].key};
    for (int i = 0; i < 2; ++i) {
        const auto other = selection_.choose_other_first(wish, path, silent, network_, {}, kHiddenNow);
        if (!other) break; // the last one is in this path
        EXPECT_TRUE(guards(false).contains(other->key));
        EXPECT_TRUE(selection_.together(*other, path[1]));
        silent.push_back(other->key);
    }
    EXPECT_GE(silent.size(), 2U);
}

TEST_F(HiddenPaths, WhoIsSlowInOnePathComesLastInTheOneBesideItAndBringsNobodyNew)
{
    PathWish wish = wish_for(CircuitPurpose::rendezvous, 3);
    for (int i = 0; i < 100; ++i) {
        wish.beside.clear();
        const Path slow = choose(wish);
        wish.beside = {slow[0].key, slow[1].key};
        const Path other = choose(wish);
        EXPECT_NE(other[0].key, slow[0].key);
        EXPECT_NE(other[1].key, slow[1].key);
        for (const Candidate& hop : other) // as many as anybody could make slow
            wish.beside.push_back(hop.key);
        for (const Guard& guard : selection_.guards().all())
            wish.beside.push_back(guard.key);
        const Path last = choose(wish);
        EXPECT_TRUE(guards(false).contains(last[0].key));
        EXPECT_TRUE(guards(true).contains(last[1].key));
    }
    EXPECT_EQ(guards(false).size(), 3U);
    EXPECT_EQ(guards(true).size(), 3U);
}

// At 1 hop introduction points are second hops, and one more is kept when those that are kept are not willing.
TEST_F(HiddenPaths, OneFirstHopCannotMakeUsKeepMoreSecondHops)
{
    PathWish wish = wish_for(CircuitPurpose::introduction, 2);
    const Path path = choose(wish);
    const auto before = guards(true);
    for (const PublicKey& key : before) // it drops whatever goes to them
        wish.silent_behind.emplace_back(path[0].key, key);
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(before.contains(choose(wish)[1].key));
    EXPECT_EQ(guards(true), before);
    for (const PublicKey& key : before)
        wish.silent_behind.emplace_back(test::key_number(99), key);
    EXPECT_FALSE(before.contains(choose(wish)[1].key));
}

TEST_F(HiddenPaths, WhoWasSilentComesLastBehindTheHopThatMayHaveMadeItSo)
{
    PathWish wish = wish_for(CircuitPurpose::introduction, 4);
    const PublicKey hostile = choose(wish)[1].key;
    const PublicKey friend_of_it = test::key_number(39);
    for (const Candidate& c : network_)
        if (c.key != friend_of_it) wish.silent_behind.emplace_back(hostile, c.key);
    int behind_others = 0;
    int friends = 0;
    for (int i = 0; i < 1500; ++i) {
        const Path path = choose(wish);
        if (path[1].key == hostile) continue;
        ++behind_others;
        if (path.back().key == friend_of_it) ++friends;
    }
    EXPECT_GT(behind_others, 600);
    EXPECT_LT(friends * 10, behind_others);
}

TEST_F(HiddenPaths, SecondHopsAreDrawnWhateverFails)
{
    std::map<PublicKey, int> drawn;
    const PublicKey hostile = choose(wish_for(CircuitPurpose::rendezvous, 3))[0].key;
    std::set<PublicKey> seconds;
    while (seconds.size() < 3)
        seconds.insert(choose(wish_for(CircuitPurpose::rendezvous, 3))[1].key);
    const PublicKey friend_of_it = *seconds.begin();
    for (int i = 0; i < 900; ++i) {
        const Path path = choose(wish_for(CircuitPurpose::rendezvous, 3));
        const bool dropped = path[0].key == hostile && path[1].key != friend_of_it;
        selection_.guards().on_second_hop(path[0].key, path[1].key, !dropped, kHiddenNow);
        if (path[0].key != hostile) ++drawn[path[1].key];
    }
    EXPECT_EQ(drawn.size(), 3U);
    for (const auto& [key, times] : drawn)
        EXPECT_NEAR(times, 200, 60);
}

TEST(SecondHops, LiveThirtyDaysOnAverage)
{
    test::TestRandom random;
    double days = 0;
    constexpr int draws = 2000;
    for (int i = 0; i < draws; ++i) {
        Guards guards({}, {[](const Candidate&, GuardUse use) { return use == GuardUse::second_hop; }});
        guards.keep_second_hops();
        guards.maintain({candidate_number(1)}, kHiddenNow, random);
        ASSERT_EQ(guards.all().size(), 1U);
        const std::int64_t life = guards.all()[0].kept_until_unix_s - kHiddenNow;
        ASSERT_GE(life, 86400);
        ASSERT_LE(life, 45 * 86400);
        days += static_cast<double>(life) / 86400;
    }
    EXPECT_NEAR(days / draws, 30.3, 0.7);
}

TEST(SecondHops, EndWhenTheirLifeIsOverAndNotLater)
{
    test::TestRandom random;
    Guard kept{test::key_number(1), candidate_number(1).address, kHiddenNow, false, true, kHiddenNow + 1000};
    Guard boasting = kept; // of a file that was tampered with
    boasting.key = test::key_number(2);
    boasting.kept_until_unix_s = INT64_MAX;
    Guards guards({kept, boasting}, {[](const Candidate&, GuardUse) { return false; }});
    guards.maintain({}, kHiddenNow + 1000, random);
    EXPECT_EQ(guards.all().size(), 2U);
    guards.maintain({}, kHiddenNow + 1001, random);
    EXPECT_EQ(guards.all().size(), 1U);
    guards.maintain({}, kHiddenNow + 45 * 86400 + 1, random);
    EXPECT_TRUE(guards.all().empty());
}

} // namespace
} // namespace cepa::tunnel
