// A rendezvous point of four workers, whose links are made, used and broken: a thousand of them, with cells both ways
// and workers killed at every step of a link. Every seal of the process is recorded: no pair of key and counter is used
// twice, nothing is read by whom it was not meant for, and who loses its other side hears of it at once.
#include "support/hand_made_ends.hpp"
#include "support/recording_aead.hpp"
#include "support/sim_cluster.hpp"
#include "support/sim_node.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

constexpr std::size_t kWorkers = 4;
/// From the death of a worker to the packet that tells the other side's neighbour.
constexpr Duration kToldWithin = 5ms;

struct Pair {
    CircuitId seeder;
    CircuitId downloader;
    Cookie cookie{};
    bool asked = false; ///< for the link
    bool broken = false;
};

/// A payload that names its pair and its sender, and nothing else looks like it.
Bytes token(std::size_t pair, bool of_seeder, std::uint32_t round)
{
    Bytes out(64, 0xc3);
    Writer writer(out);
    writer.bytes(as_bytes("token-of-nobody-else"));
    writer.u32(static_cast<std::uint32_t>(pair));
    writer.u8(of_seeder ? 1 : 0);
    writer.u32(round);
    return out;
}

class RendezvousLinks : public testing::Test {
protected:
    RendezvousLinks()
    {
        init_crypto();
        SealRecord::clear();
        network_.tap = [this](SimPacket& packet) {
            const auto found = std::ranges::search(packet.bytes, as_bytes("token-of-nobody-else"));
            in_the_clear_ += found.empty() ? 0 : 1;
            return true;
        };
        network_.every(5s, [this] { keep_alive(); });
    }
    static TunnelSettings settings()
    {
        TunnelSettings out = sim_settings(sim_address(1));
        out.overlay = CircuitBench::overlay();
        out.relay = true;
        out.discover = false;
        out.allow_equal_prefixes = true;
        out.max_joined_circuits = 4000;
        return out;
    }
    [[nodiscard]] std::size_t seeder_worker(const Pair& pair) const { return cluster_.owner(pair.seeder); }
    [[nodiscard]] std::size_t downloader_worker(const Pair& pair) const { return cluster_.owner(pair.downloader); }
    [[nodiscard]] bool touches(const Pair& pair, std::size_t worker) const
    {
        return seeder_worker(pair) == worker || downloader_worker(pair) == worker;
    }

    /// Pairs over all combinations of workers, both circuits joined.
    std::vector<std::size_t> make_pairs(std::size_t count)
    {
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < count; ++i) {
            const auto n = static_cast<std::uint32_t>(pairs_.size());
            const auto base = 0x10000 + n * 64;
            Pair pair{CircuitId(base + 4 * 2 + (n / 4) % 4), CircuitId(base + 4 * 8 + n % 4)};
            Writer(pair.cookie).u32(n + 1);
            seeders_.create(pair.seeder);
            downloaders_.create(pair.downloader);
            out.push_back(pairs_.size());
            pairs_.push_back(pair);
        }
        network_.run_for(50ms);
        for (const std::size_t i : out)
            EXPECT_TRUE(seeders_.joined(pairs_[i].seeder) && downloaders_.joined(pairs_[i].downloader));
        return out;
    }
    void establish(const std::vector<std::size_t>& which)
    {
        for (const std::size_t i : which)
            if (!pairs_[i].broken) seeders_.send(pairs_[i].seeder, EstablishRendezvous{7, pairs_[i].cookie});
        network_.run_for(50ms);
    }
    void ask(const std::vector<std::size_t>& which)
    {
        for (const std::size_t i : which) {
            pairs_[i].asked = true;
            downloaders_.send(pairs_[i].downloader, LinkE2e{8, pairs_[i].cookie});
        }
    }
    [[nodiscard]] bool linked(const Pair& pair) const
    {
        return downloaders_.heard<LinkedE2e>(pair.downloader).has_value();
    }
    void link(const std::vector<std::size_t>& which)
    {
        establish(which);
        ask(which);
        network_.run_for(100ms);
        for (const std::size_t i : which)
            EXPECT_TRUE(linked(pairs_[i])) << i;
    }
    void keep_alive()
    {
        for (const Pair& pair : pairs_) {
            if (pair.broken || !linked(pair)) continue;
            seeders_.cell(pair.seeder, Bytes(40, 1));
            downloaders_.cell(pair.downloader, Bytes(40, 1));
        }
    }

    /// Every pair that stands carries a token each way; nobody else gets one.
    void expect_cells_both_ways()
    {
        ++round_;
        std::size_t standing = 0;
        std::map<CircuitId, Bytes> expected;
        for (std::size_t i = 0; i < pairs_.size(); ++i) {
            const Pair& pair = pairs_[i];
            if (pair.broken || !linked(pair)) continue;
            ++standing;
            seeders_.cell(pair.seeder, token(i, true, round_));
            downloaders_.cell(pair.downloader, token(i, false, round_));
            expected[pair.downloader] = token(i, true, round_);
            expected[pair.seeder] = token(i, false, round_);
        }
        network_.run_for(100ms);
        std::size_t arrived = 0;
        for (const Pair& pair : pairs_) {
            for (const auto& [ends, id] :
                 {std::pair(&seeders_, pair.seeder), std::pair(&downloaders_, pair.downloader)}) {
                for (const Bytes& message : ends->at(id).received) {
                    if (message.empty() || message[0] != 't') continue;
                    const auto wanted = expected.find(id);
                    // An older round's was checked in its own.
                    if (wanted != expected.end() && message == wanted->second)
                        ++arrived;
                    else if (message[28] == (round_ & 0xff))
                        ADD_FAILURE() << "a token for somebody else";
                }
            }
        }
        EXPECT_EQ(arrived, 2 * standing);
        carried_ += arrived;
    }

    void kill(std::size_t worker)
    {
        killed_at_ = network_.now();
        cluster_.kill(worker);
    }
    /// What the ends of pairs with one side in the dead worker must have heard, and when.
    void expect_told(const std::vector<std::size_t>& which, std::size_t dead)
    {
        for (const std::size_t i : which) {
            Pair& pair = pairs_[i];
            if (pair.broken || !touches(pair, dead)) continue;
            pair.broken = true;
            const auto& downloader = downloaders_.at(pair.downloader);
            const auto& seeder = seeders_.at(pair.seeder);
            if (pair.asked && downloader_worker(pair) != dead) {
                EXPECT_TRUE(downloader.destroyed) << "pair " << i;
                note(downloader.destroyed);
            }
            if (linked(pair) && seeder_worker(pair) != dead) {
                EXPECT_TRUE(seeder.destroyed) << "pair " << i;
                note(seeder.destroyed);
            }
        }
    }
    void note(const std::optional<TimePoint>& destroyed)
    {
        if (!destroyed) return;
        const Duration took = *destroyed - network_.conditions.latency - killed_at_;
        longest_ = std::max(longest_, took);
        ++told_;
    }
    void expect_clean()
    {
        EXPECT_EQ(SealRecord::sealed_twice(), 0U);
        EXPECT_EQ(in_the_clear_, 0U);
        EXPECT_EQ(seeders_.unreadable + downloaders_.unreadable, 0U);
    }

    SimNetwork network_;
    SimCluster cluster_{network_, sim_address(1), kWorkers, settings()};
    HandMadeEnds seeders_{network_, sim_address(2), cluster_.address(), cluster_.key(), 21};
    HandMadeEnds downloaders_{network_, sim_address(3), cluster_.address(), cluster_.key(), 22};
    std::vector<Pair> pairs_;
    std::size_t in_the_clear_ = 0;
    std::size_t carried_ = 0;
    std::size_t told_ = 0;
    std::uint32_t round_ = 0;
    TimePoint killed_at_{};
    Duration longest_{};
};

TEST_F(RendezvousLinks, AThousandAtOnceAndOneWorkerDies)
{
    for (int batch = 0; batch < 20; ++batch) {
        link(make_pairs(50));
        network_.run_for(1s);
    }
    for (int i = 0; i < 3; ++i)
        expect_cells_both_ways();
    EXPECT_EQ(carried_, 6000U);
    kill(2);
    network_.run_for(100ms);
    std::vector<std::size_t> all(pairs_.size());
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = i;
    expect_told(all, 2);
    EXPECT_LE(longest_, kToldWithin);
    EXPECT_GT(told_, 370U); // 7 of 16 combinations touch it, 6 of them with somebody left to tell
    carried_ = 0;
    expect_cells_both_ways();
    EXPECT_GT(carried_, 1100U);
    link(make_pairs(50)); // and its replacement serves
    expect_cells_both_ways();
    expect_clean();
    RecordProperty("longest_told_us", static_cast<int>(longest_ / 1us));
    std::printf("links=1050 seals=%zu told=%zu longest_told_us=%lld\n", SealRecord::sealed(), told_,
                static_cast<long long>(longest_ / 1us));
}

/// Where a worker dies, and whose: that of the downloader, who asks, or that of the seeder, who waits.
struct Death {
    const char* name;
    std::optional<LinkStage> stage; ///< none: not between two workers
    bool of_asking = false;
    int before_link = 0; ///< 0: joined, 1: waiting, 2: linked, 3: carrying
};

TEST_F(RendezvousLinks, WorkersDieAtEveryStep)
{
    const Death deaths[] = {{"joined", {}, false, 0},
                            {"waiting", {}, false, 1},
                            {"asked", LinkStage::asked, true},
                            {"asked", LinkStage::asked, false},
                            {"passing", LinkStage::passing, true},
                            {"passing", LinkStage::passing, false},
                            {"linked", LinkStage::linked, true},
                            {"linked", LinkStage::linked, false},
                            {"answering", LinkStage::answering, true},
                            {"answering", LinkStage::answering, false},
                            {"answered", {}, false, 2},
                            {"carrying", {}, false, 3}};
    std::size_t victim = 0;
    for (const Death& death : deaths) {
        SCOPED_TRACE(std::string(death.name) + (death.of_asking ? ", asking" : ", waiting"));
        victim = (victim + 1) % kWorkers;
        const std::vector<std::size_t> fresh = make_pairs(84);
        std::vector<std::size_t> all(pairs_.size());
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = i;
        bool dead = false;
        if (!death.stage && death.before_link == 0) kill(victim);
        for (const std::size_t i : fresh) // what they had joined is gone with it
            if (!death.stage && death.before_link == 0 && touches(pairs_[i], victim)) pairs_[i].broken = true;
        establish(fresh);
        if (!death.stage && death.before_link == 1) kill(victim);
        cluster_.before = [&](LinkStage stage, std::size_t asking, std::size_t waiting) {
            if (dead || stage != death.stage || (death.of_asking ? asking : waiting) != victim) return;
            dead = true;
            kill(victim);
        };
        std::vector<std::size_t> asking;
        for (const std::size_t i : fresh)
            if (!pairs_[i].broken && (death.stage || death.before_link > 1 || downloader_worker(pairs_[i]) != victim))
                asking.push_back(i);
        ask(asking);
        network_.run_for(200ms);
        cluster_.before = nullptr;
        EXPECT_EQ(dead, death.stage.has_value());
        if (death.before_link == 3) expect_cells_both_ways();
        if (death.before_link >= 2) kill(victim);
        network_.run_for(100ms);
        expect_told(all, victim);
        // Who asked only afterwards heard when it asked.
        const bool asked_before = death.stage || death.before_link >= 2;
        EXPECT_LE(asked_before ? longest_ : Duration{}, kToldWithin);
        longest_ = {};
        for (const std::size_t i : fresh)
            EXPECT_TRUE(pairs_[i].broken || linked(pairs_[i])) << i;
        expect_cells_both_ways();
        network_.run_for(3s);
        expect_clean();
    }
    std::printf("links=%zu seals=%zu cells=%zu told=%zu\n", pairs_.size(), SealRecord::sealed(), carried_, told_);
}

TEST_F(RendezvousLinks, AWholeLinkEndsWithADestroyOfOneSideOrItsSilence)
{
    const std::vector<std::size_t> fresh = make_pairs(16);
    link(fresh);
    for (const std::size_t i : fresh)
        (i % 2 == 0 ? seeders_.destroy(pairs_[i].seeder) : downloaders_.destroy(pairs_[i].downloader));
    network_.run_for(50ms);
    for (const std::size_t i : fresh) {
        pairs_[i].broken = true;
        EXPECT_TRUE(i % 2 == 0 ? downloaders_.at(pairs_[i].downloader).destroyed
                               : seeders_.at(pairs_[i].seeder).destroyed);
    }
    const std::vector<std::size_t> silent = make_pairs(16);
    link(silent);
    for (const std::size_t i : silent)
        pairs_[i].broken = true; // nobody keeps them alive
    network_.run_for(25s);
    for (const std::size_t i : silent) {
        EXPECT_TRUE(seeders_.at(pairs_[i].seeder).destroyed);
        EXPECT_TRUE(downloaders_.at(pairs_[i].downloader).destroyed);
    }
    expect_clean();
}

} // namespace
} // namespace cepa::test
