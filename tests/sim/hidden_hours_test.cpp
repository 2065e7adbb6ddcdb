// A hidden seeder left alone for 20 hours, in a network whose nodes come and go and whose introduction points renew
// nothing: somebody who knows nothing but the torrent reaches it in every single minute.
#include "support/hidden_world.hpp"
#include "support/introduction_ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

constexpr Duration kHoursTick = 250ms;
constexpr unsigned kRelays = 24;
/// A relay lives for two hours on average, so that each introduction point is likely to die before its renewal or soon
/// after, and all of them are others ten times over.
constexpr unsigned kMinutesOfLife = 120;

class HoursWorld {
public:
    explicit HoursWorld(std::uint64_t seed) : network(seed), ledger(network), random_(seed)
    {
        for (unsigned i = 0; i < kRelays; ++i)
            bear();
        seeder = &add(false);
        downloader = &add(false);
        share();
    }
    /// Each relay may die now, without a word; another one is born for it. Everybody hears of both.
    void minute_of_life()
    {
        bool changed = false;
        for (std::size_t i = 0; i < relays_.size(); ++i) {
            if (random_.below(kMinutesOfLife) != 0) continue;
            relays_[i]->die();
            relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i--));
            ++died;
            changed = true;
        }
        while (relays_.size() < kRelays)
            bear();
        if (changed) share();
    }

    SimNetwork network;
    IntroductionLedger ledger;
    SimNode* seeder = nullptr;
    SimNode* downloader = nullptr;
    unsigned died = 0;

private:
    SimNode& add(bool relay)
    {
        // Each in a /16 of its own: 50.0, 50.1, ...
        TunnelSettings settings = sim_settings({IpAddress::v4((50U << 24U) + (++addresses_ << 16U) + 1U), 8090});
        settings.public_network = true;
        settings.relay = relay;
        siblings_.push_back(std::make_unique<LedgerSiblings>(ledger, settings.listen, settings.identity_public));
        const Endpoint at = settings.listen;
        nodes_.push_back(std::make_unique<SimNode>(network, at, std::move(settings), addresses_, siblings_.back().get(),
                                                   kHoursTick));
        nodes_.back()->keep_data = false;
        return *nodes_.back();
    }
    void bear() { relays_.push_back(&add(true)); }
    void share()
    {
        std::vector<Candidate> candidates;
        for (const SimNode* relay : relays_)
            candidates.push_back(relay->candidate());
        for (SimNode* relay : relays_)
            relay->tunnel().share(candidates, {relay->address()}, {});
        for (SimNode* end : {seeder, downloader})
            if (end != nullptr) end->tunnel().share(candidates, {end->address()}, {});
    }

    TestRandom random_;
    std::vector<std::unique_ptr<LedgerSiblings>> siblings_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::vector<SimNode*> relays_;
    unsigned addresses_ = 0;
};

TEST(HiddenHours, ASeederIsReachableAtEveryMinuteForTwentyHours)
{
    HoursWorld world(20);
    LookupHash hash{};
    hash.fill(0x77);
    const PrivateKey key = PrivateKey::generate();
    world.seeder->tunnel().set_swarms({seed_plan(hash, 2, key)});
    world.network.run_for(1min);
    std::vector<int> unreachable;
    std::vector<Duration> took;
    for (int minute = 0; minute < 20 * 60; ++minute) {
        world.minute_of_life();
        const TimePoint asked = world.network.now();
        world.downloader->links.clear();
        world.downloader->tunnel().set_swarms({download_plan(hash, 2)});
        const bool reached = world.network.run_until([&] { return !world.downloader->links.empty(); }, 58s);
        if (!reached) unreachable.push_back(minute);
        took.push_back(world.network.now() - asked);
        world.downloader->tunnel().set_swarms({});
        world.network.run_for(asked + 1min - world.network.now());
    }
    EXPECT_TRUE(unreachable.empty()) << unreachable.size() << " minutes, first " << unreachable.front();
    EXPECT_GT(world.died, 100U);
    std::ranges::sort(took);
    std::printf("[          ] %u relays died; links took %.1f s at the median, %.1f s of 99 %%, %.1f s at most\n",
                world.died, in_seconds(took[took.size() / 2]), in_seconds(took[took.size() * 99 / 100]),
                in_seconds(took.back()));
}

} // namespace
} // namespace cepa::test
