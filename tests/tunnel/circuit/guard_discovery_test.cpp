// How long a hidden seeder's first guard stays unknown to one who owns a part of the relays, always online, and makes
// the seeder build as many rendezvous circuits as it likes. Whoever is last hop sees the hop before it, so such a one
// learns every second hop at once; it learns the first hop from a second hop of its own. His relays choose by silence
// where they can: as first hops they pass on only to each other, and what they drop is tried again beside.
// Section 18 (F9): with 5 % of the relays hostile, half of the guards are found only after 60 days or more.
#include "support/candidates.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/path_selection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace cepa::tunnel {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kDiscoveryStart = 1'900'000'000;
constexpr int kSeeders = 240;
constexpr int kDays = 120;
constexpr std::uint32_t kDiscoveryRelays = 160;
constexpr std::uint32_t kHostileEvery = 20;
/// An honest relay is gone for good after 120 days on average, and away on one day of ten.
constexpr std::uint32_t kDaysOfLife = 120;
constexpr std::uint32_t kAwayOneDayIn = 10;
/// Rendezvous circuits that show all second hops in use on a day; thousands more would show no others.
constexpr int kCircuitsADay = 12;

class HostileRelays {
public:
    explicit HostileRelays(std::uint64_t seed) : random_(seed)
    {
        for (std::uint32_t n = 0; n < kDiscoveryRelays; ++n)
            relays_.push_back(next());
    }
    [[nodiscard]] std::vector<Candidate> today()
    {
        std::vector<Candidate> out;
        for (Relay& relay : relays_) {
            if (!relay.hostile && random_.below(kDaysOfLife) == 0) relay = next();
            if (relay.hostile || random_.below(kAwayOneDayIn) != 0) out.push_back(relay.candidate);
        }
        return out;
    }
    [[nodiscard]] bool is_hostile(const PublicKey& key) const { return hostile_.contains(key); }

private:
    struct Relay {
        Candidate candidate;
        bool hostile = false;
    };
    Relay next()
    {
        const std::uint32_t n = made_++;
        Candidate made{test::key_number(n + 1000 * 1000),
                       {IpAddress::v4((40U << 24U) + (n << 14U) + 1U), 8090},
                       test::kRelayFlags,
                       true};
        const bool hostile = n < kDiscoveryRelays && n % kHostileEvery == 0;
        if (hostile) hostile_.insert(made.key);
        return {made, hostile};
    }
    test::TestRandom random_;
    std::vector<Relay> relays_;
    std::set<PublicKey> hostile_;
    std::uint32_t made_ = 0;
};

/// Whether a download makes the node know more first hops.
bool download_adopts(PathSelection& selection, std::vector<Candidate> network, const PathLoads& loads, std::int64_t now)
{
    for (std::uint32_t n = 0; n < 3; ++n)
        network.push_back(test::candidate_number(n, test::kExitFlags));
    const auto known = [&] {
        return std::ranges::count_if(selection.guards().all(),
                                     [](const Guard& guard) { return !guard.for_exits && !guard.second_hop; });
    };
    const auto before = known();
    static_cast<void>(selection.choose(3, network, loads, now));
    return known() != before;
}

class WatchedSeeder {
public:
    explicit WatchedSeeder(std::uint64_t seed)
        : relays_(seed), random_(seed + 1'000'000), selection_(rules(), {}, random_)
    {
        wish_.purpose = CircuitPurpose::rendezvous;
        wish_.hops = 3;
    }
    /// The day on which the first guard of a seeder in a network of its own was found; kDays when it was not.
    int found_on()
    {
        for (int day = 0; day < kDays; ++day) {
            const std::vector<Candidate> today = relays_.today();
            const std::int64_t now = kDiscoveryStart + day * kDay;
            selection_.guards().maintain(today, now, random_);
            // What strangers make it carry is there when it downloads, too.
            PathLoads loads;
            for (const Candidate& relay : today)
                loads.strangers[relay.key] = 40;
            for (int i = 0; i < kCircuitsADay; ++i) {
                // The day's second hops were awaited long enough by its second circuit.
                if (race_shows(today, loads, now + i * 3600)) return day;
                EXPECT_FALSE(i == 1 && download_adopts(selection_, today, loads, now + i * 3600));
            }
        }
        return kDays;
    }

private:
    static PathRules rules()
    {
        PathRules out;
        out.public_network = true;
        return out;
    }
    bool race_shows(const std::vector<Candidate>& today, const PathLoads& loads, std::int64_t now)
    {
        Guards& guards = selection_.guards();
        wish_.beside.clear();
        for (int paths = 0; paths < 3; ++paths) {
            const auto path = selection_.choose(wish_, today, loads, now);
            if (!path) return false;
            const PublicKey& first = (*path)[0].key;
            const PublicKey& second = (*path)[1].key;
            if (relays_.is_hostile(second)) return true;
            const bool dropped = relays_.is_hostile(first);
            guards.on_second_hop(first, second, !dropped, now);
            guards.on_path(first, second, !dropped, now);
            if (!dropped) return false;
            wish_.beside.insert(wish_.beside.end(), {first, second});
        }
        return false;
    }

    HostileRelays relays_;
    test::TestRandom random_;
    PathSelection selection_;
    PathWish wish_;
};

TEST(GuardDiscovery, HalfOfTheFirstGuardsAreFoundAfterSixtyDaysOrLater)
{
    std::vector<int> days;
    for (int seeder = 0; seeder < kSeeders; ++seeder)
        days.push_back(WatchedSeeder(static_cast<std::uint64_t>(seeder)).found_on());
    std::ranges::sort(days);
    const auto quantile = [&](std::size_t percent) { return days[days.size() * percent / 100]; };
    std::printf("[          ] found after days: 10 %% %d, 25 %% %d, 50 %% %d\n", quantile(10), quantile(25),
                quantile(50));
    EXPECT_GE(quantile(50), 60);
}

} // namespace
} // namespace cepa::tunnel
