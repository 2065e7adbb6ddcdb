#include "tunnel/circuit/path_selection.hpp"

#include "tunnel/error.hpp"

#include "support/test_random.hpp"
#include "support/candidates.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace cepa::tunnel {
namespace {

using test::candidate_number;
using test::key_number;

constexpr std::int64_t kNow = 1'900'000'000;
const Endpoint kOwnAddress{IpAddress::v4(0x33640102), 8090};

PathRules public_rules()
{
    PathRules out;
    out.self = key_number(1000);
    out.family = {key_number(1001), key_number(1002)};
    out.public_network = true;
    out.is_own = [](const Endpoint& e) { return e.ip == kOwnAddress.ip; };
    return out;
}

/// A view of the network with everything that must never be used: ourselves, family, own addresses, equal prefixes,
/// private and loopback addresses, clients.
std::vector<Candidate> dangerous_view(test::TestRandom& random)
{
    std::vector<Candidate> out;
    for (std::uint32_t n = 0; n < 24; ++n) {
        const bool exit = n % 4 == 0;
        out.push_back(candidate_number(n, exit ? test::kExitFlags : test::kRelayFlags));
        // Crowded: several share a /16.
        out.back().address.ip = IpAddress::v4((51U << 24U) + (random.below(9) << 16U) + n + 1U);
    }
    const auto add = [&](std::uint32_t key, std::uint32_t ip, PeerFlags flags) {
        out.push_back({key_number(key), {IpAddress::v4(ip), 8090}, flags, true});
    };
    add(1000, 0x33780001, test::kExitFlags);          // our key
    add(1001, 0x33790001, test::kExitFlags);          // family
    add(1002, 0x337a0001, test::kRelayFlags);         // family
    add(500, kOwnAddress.ip.to_v4(), test::kExitFlags); // our address
    add(501, 0x7f000001, test::kExitFlags);
    add(502, 0x0a000001, test::kRelayFlags);
    add(503, 0x337b0001, 8); // a client
    for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[random.below(static_cast<std::uint32_t>(i))]);
    return out;
}

TEST(PathSelection, TenThousandPathsBreakNoRule)
{
    test::TestRandom random(42);
    std::size_t built = 0;
    std::map<std::size_t, std::size_t> by_length;
    for (int network = 0; network < 100; ++network) {
        const PathRules rules = public_rules();
        PathSelection selection(rules, {}, random);
        const std::vector<Candidate> view = dangerous_view(random);
        for (int i = 0; i < 100; ++i) {
            const auto hops = static_cast<std::uint8_t>(1 + i % 5);
            const Result<Path> path = selection.choose(hops, view, {}, kNow);
            if (!path) continue;
            ++built;
            ++by_length[path->size()];
            ASSERT_EQ(path->size(), hops);
            std::set<PublicKey> keys;
            std::set<IpAddress> prefixes;
            for (const Candidate& hop : *path) {
                keys.insert(hop.key);
                prefixes.insert(hop.address.ip.diversity_prefix());
                ASSERT_NE(hop.key, rules.self);
                ASSERT_EQ(std::ranges::count(rules.family, hop.key), 0);
                ASSERT_NE(hop.address.ip, kOwnAddress.ip);
                ASSERT_TRUE(hop.address.ip.is_global_unicast());
                ASSERT_TRUE(has(hop.flags, PeerFlag::relay));
            }
            ASSERT_EQ(keys.size(), hops);
            ASSERT_EQ(prefixes.size(), hops);
            ASSERT_TRUE(has(path->back().flags, PeerFlag::exit_bittorrent));
        }
        EXPECT_LE(selection.guards().all().size(), 2 * Guards::kMost);
    }
    EXPECT_GT(built, 9500U);
    EXPECT_EQ(by_length.size(), 5U);
}

TEST(PathSelection, RetriesBreakNoRuleEither)
{
    test::TestRandom random(43);
    PathSelection selection(public_rules(), {}, random);
    std::size_t replaced = 0;
    for (int i = 0; i < 2000; ++i) {
        const std::vector<Candidate> view = dangerous_view(random);
        Result<Path> path = selection.choose(3, view, {}, kNow);
        if (!path) continue;
        std::vector<PublicKey> avoid;
        for (int retry = 0; retry < 4; ++retry) {
            const std::size_t position = random.below(3);
            avoid.push_back((*path)[position].key);
            const auto other = selection.choose_other(*path, position, avoid, [](const Candidate&) { return true; }, view,
                                                      {}, kNow);
            if (!other) continue;
            ++replaced;
            (*path)[position] = *other;
            for (std::size_t a = 0; a < 3; ++a) {
                ASSERT_TRUE(selection.usable((*path)[a]));
                for (std::size_t b = a + 1; b < 3; ++b) ASSERT_TRUE(selection.together((*path)[a], (*path)[b]));
            }
            ASSERT_EQ(std::ranges::count(avoid, other->key), 0);
            ASSERT_TRUE(has(path->back().flags, PeerFlag::exit_bittorrent));
        }
    }
    EXPECT_GT(replaced, 3000U);
}

TEST(PathSelection, EqualPrefixesAndLoopbackNeedAPrivateOverlay)
{
    test::TestRandom random;
    std::vector<Candidate> view;
    for (std::uint32_t n = 0; n < 6; ++n) {
        view.push_back(candidate_number(n, n < 2 ? test::kExitFlags : test::kRelayFlags));
        view.back().address = {IpAddress::v4(0x7f000002 + n), 8090};
    }
    PathSelection strict(public_rules(), {}, random);
    EXPECT_EQ(strict.choose(1, view, {}, kNow).error(), make_error_code(TunnelError::no_candidates));
    PathRules rules = public_rules();
    rules.public_network = false;
    PathSelection no_loopback(rules, {}, random);
    EXPECT_FALSE(no_loopback.choose(1, view, {}, kNow));
    rules.allow_loopback = true;
    PathSelection one_prefix(rules, {}, random);
    EXPECT_TRUE(one_prefix.choose(1, view, {}, kNow));
    EXPECT_FALSE(one_prefix.choose(2, view, {}, kNow));
    rules.allow_equal_prefixes = true;
    PathSelection loose(rules, {}, random);
    EXPECT_EQ(loose.choose(5, view, {}, kNow)->size(), 5U);
}

TEST(PathSelection, BackupExitsOnlyWhenThereIsNoOther)
{
    test::TestRandom random;
    std::vector<Candidate> view;
    for (std::uint32_t n = 0; n < 4; ++n) view.push_back(candidate_number(n));
    for (std::uint32_t n = 4; n < 8; ++n) view.push_back(candidate_number(n, test::kBackupFlags));
    PathSelection selection(public_rules(), {}, random);
    EXPECT_TRUE(has(selection.choose(2, view, {}, kNow)->back().flags, PeerFlag::backup_exit));
    view.push_back(candidate_number(9, test::kExitFlags));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(selection.choose(2, view, {}, kNow)->back().key, key_number(9));
}

TEST(PathSelection, TheLeastUsedExitIsTaken)
{
    test::TestRandom random;
    std::vector<Candidate> view;
    for (std::uint32_t n = 0; n < 8; ++n) view.push_back(candidate_number(n, n < 3 ? test::kExitFlags : test::kRelayFlags));
    PathSelection selection(public_rules(), {}, random);
    PathLoads loads;
    for (int i = 0; i < 30; ++i) {
        const Path path = *selection.choose(3, view, loads, kNow);
        ++loads.first_hops[path.front().key];
        ++loads.exits[path.back().key];
    }
    EXPECT_EQ(loads.exits.size(), 3U);
    for (const auto& [key, circuits] : loads.exits) EXPECT_EQ(circuits, 10U);
}

TEST(PathSelection, OneHopPathsHaveGuardsOfTheirOwn)
{
    test::TestRandom random;
    std::vector<Candidate> view;
    for (std::uint32_t n = 0; n < 20; ++n) view.push_back(candidate_number(n, test::kExitFlags));
    PathSelection selection(public_rules(), {}, random);
    std::set<PublicKey> single;
    for (int i = 0; i < 200; ++i) single.insert(selection.choose(1, view, {}, kNow)->front().key);
    EXPECT_EQ(single.size(), Guards::kWanted);
    for (const Guard& guard : selection.guards().all())
        EXPECT_TRUE(!guard.for_exits || single.contains(guard.key));
}

} // namespace
} // namespace cepa::tunnel
