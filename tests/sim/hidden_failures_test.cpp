// Hidden swarms when nodes die, lie or flood.
#include "support/ledger_world.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/hidden_services/hidden_circuits.hpp"
#include "tunnel/hidden_services/meetings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

constexpr Duration kFineTick = 50ms;

class HiddenFailures : public ::testing::TestWithParam<std::uint8_t> {
protected:
    HiddenFailures() : world(GetParam(), 20, kFineTick)
    {
        world.seed(GetParam());
        world.network.run_for(10s);
        world.download(GetParam());
        EXPECT_TRUE(world.wait_for_link());
    }
    /// A link over which data goes both ways, within `most`.
    bool recovers(Duration most = 90s)
    {
        const TimePoint until = world.network.now() + most;
        while (world.network.now() < until) {
            if (world.data_both_ways()) return true;
            world.network.run_for(1s);
        }
        return false;
    }
    std::vector<CircuitView> links(SimNode& node) const
    {
        std::vector<CircuitView> out = world.circuits(node, CircuitPurpose::rendezvous);
        std::erase_if(out, [&](const CircuitView& view) { return !node.links.contains(view.id); });
        return out;
    }
    void kill_hop(SimNode& node, std::size_t hop)
    {
        for (const CircuitView& link : links(node))
            if (hop < link.hops.size()) world.kill(link.hops[hop].mid);
        world.network.run_for(20s);
        world.share(); // discovery notices
    }

    LedgerWorld world;
};

TEST_P(HiddenFailures, TheRendezvousPointDies)
{
    for (const CircuitView& link : links(*world.seeder))
        world.kill(link.hops.back().mid);
    world.network.run_for(30s);
    world.share();
    EXPECT_TRUE(recovers());
}

TEST_P(HiddenFailures, EveryHopOfTheDownloadersLinkDies)
{
    for (std::size_t hop = 0; hop <= GetParam(); ++hop) {
        kill_hop(*world.downloader, hop);
        EXPECT_TRUE(recovers()) << hop;
    }
}

// Silently, while data flows, and before discovery notices.
TEST_P(HiddenFailures, ADownloadGoesOnWithinSecondsWhicheverHopDies)
{
    const auto flow = [&](Duration time, const auto& until) {
        const TimePoint began = world.network.now();
        while (world.network.now() - began < time && !until()) {
            for (SimNode* node : {world.downloader, world.seeder})
                for (const auto& [circuit, link] : std::map(node->links))
                    static_cast<void>(node->send(circuit, {}, utp_datagram(300)));
            world.network.run_for(100ms);
        }
        return world.network.now() - began;
    };
    for (std::size_t hop = 0; hop <= GetParam(); ++hop) {
        flow(12s, [] { return false; });
        const auto now_linked = links(*world.downloader);
        ASSERT_EQ(now_linked.size(), 1U);
        world.kill(now_linked[0].hops[hop].mid);
        flow(200ms, [] { return false; }); // what was on its way
        const std::size_t before = world.downloader->received.size();
        const Duration paused = flow(30s, [&] { return world.downloader->received.size() > before; });
        EXPECT_LE(paused, 8s) << "hop " << hop;
        flow(20s, [] { return false; });
        world.share(); // discovery notices
    }
}

TEST_P(HiddenFailures, EveryHopOfTheSeedersLinkDies)
{
    for (std::size_t hop = 0; hop < GetParam(); ++hop) {
        kill_hop(*world.seeder, hop);
        EXPECT_TRUE(recovers()) << hop;
    }
}

TEST_P(HiddenFailures, AllIntroductionPointsDie)
{
    for (const CircuitView& circuit : world.circuits(*world.seeder, CircuitPurpose::introduction))
        world.kill(circuit.hops.back().mid);
    world.network.run_for(25s);
    world.share();
    EXPECT_TRUE(world.network.run_until([&] { return world.view_of(*world.seeder).introduction_points == 3; }, 60s));
    world.downloader->tunnel().set_swarms({}); // who comes now knows nothing of before
    world.download(GetParam());
    EXPECT_TRUE(recovers());
}

TEST_P(HiddenFailures, ARendezvousPointThatTruncatesIsLeft)
{
    std::set<IpAddress> bad;
    for (const CircuitView& link : links(*world.seeder))
        bad.insert(link.hops.back().address.ip);
    const std::uint64_t linked_before = world.view_of(*world.downloader).linked_ever;
    std::size_t cut = 0;
    world.network.tap = [&](SimPacket& packet) {
        const auto header = read_cell_header(packet.bytes);
        if (bad.contains(packet.from.ip) && header && !header->plaintext && packet.bytes.size() > 60) {
            packet.bytes.resize(packet.bytes.size() - 1 - ++cut % 30);
        }
        return true;
    };
    world.network.run_for(60s);
    EXPECT_TRUE(recovers(120s));
    EXPECT_GT(world.view_of(*world.downloader).linked_ever, linked_before);
    EXPECT_GT(cut, 0U);
}

TEST_P(HiddenFailures, WhatComesTwiceOrOverAnotherCircuitIsDropped)
{
    // The rendezvous point, or anybody before it, repeats every cell and says it on every circuit of ours, too.
    std::vector<SimPacket> seen;
    world.network.tap = [&](SimPacket& packet) {
        const auto header = read_cell_header(packet.bytes);
        if (packet.to == world.downloader->address() && header && !header->plaintext) seen.push_back(packet);
        return true;
    };
    ASSERT_TRUE(world.data_both_ways());
    const std::size_t received = world.downloader->received.size();
    for (const SimPacket& packet : std::vector(seen)) {
        world.network.inject(packet);
        for (const CircuitView& other : world.downloader->tunnel().circuits()) {
            SimPacket swapped = packet;
            Writer(MutableByteSpan(swapped.bytes).subspan(kCircuitIdOffset, 4)).u32(other.id.value);
            world.network.inject(swapped);
        }
    }
    world.network.run_for(5s);
    EXPECT_EQ(world.downloader->received.size(), received);
    EXPECT_GT(world.downloader->dropped("replayed"), 0U);
    EXPECT_GT(world.downloader->dropped("bad_tag") + world.downloader->dropped("wrong_source"), 0U);
    EXPECT_TRUE(world.data_both_ways());
}

TEST_P(HiddenFailures, LossDuplicatesAndReorderingAreNoTrouble)
{
    world.network.conditions.loss = 0.02;
    world.network.conditions.duplicates = 0.1;
    world.network.conditions.jitter = 30ms;
    world.downloader->tunnel().set_swarms({});
    world.download(GetParam());
    EXPECT_TRUE(recovers());
    const std::size_t before = world.seeder->received.size();
    ASSERT_TRUE(world.linked());
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(world.downloader->send(world.downloader->links.rbegin()->first, {}, utp_datagram(500)));
        world.network.run_for(20ms);
    }
    world.network.run_for(1s);
    EXPECT_LE(world.seeder->received.size() - before, 100U);
    EXPECT_GT(world.seeder->received.size() - before, 60U);
}

// Both begin at the same moment, so that the first search finds nobody.
class HiddenStart : public ::testing::TestWithParam<std::uint8_t> {};

TEST_P(HiddenStart, ASeederThatHasJustBegunIsLinkedWithinSeconds)
{
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        LedgerWorld world(seed, 20, kFineTick);
        const TimePoint began = world.network.now();
        world.seed(GetParam());
        world.download(GetParam());
        ASSERT_TRUE(world.wait_for_link());
        EXPECT_LE(world.network.now() - began, 3s) << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(Hops, HiddenStart, ::testing::Values(1, 2, 3));

INSTANTIATE_TEST_SUITE_P(Hops, HiddenFailures, ::testing::Values(1, 2, 3));

TEST(HiddenLies, PeerListsOfLiarsCostOnlyTime)
{
    LedgerWorld world(7, 20, kFineTick);
    world.seed(2);
    world.network.run_for(10s);
    const auto truth = world.ledger.find(world.hash);
    ASSERT_FALSE(truth.empty());
    // Seeders that do not exist at nodes that do, at nobody, at ourselves and at home; a real node under another key.
    std::vector<PeersResponse::Peer> lies;
    for (int i = 0; i < 40; ++i) {
        PeersResponse::Peer lie = truth[static_cast<std::size_t>(i) % truth.size()];
        lie.swarm_key = PrivateKey::generate().public_key();
        if (i % 4 == 1) lie.address = {IpAddress::v4(0x5a000000U + static_cast<std::uint32_t>(i)), 1};
        if (i % 4 == 2) lie.address = {IpAddress::v4(0x0a000001), 8090};
        if (i % 4 == 3) lie.address = world.downloader->address();
        lies.push_back(lie);
    }
    std::size_t next = 0;
    world.ledger.answer = [&](const LookupHash&, std::vector<PeersResponse::Peer> found) {
        std::vector<PeersResponse::Peer> out;
        for (int i = 0; i < 6; ++i)
            out.push_back(lies[next++ % lies.size()]);
        if (!found.empty()) out.push_back(found.front());
        return out;
    };
    world.download(2);
    std::set<Endpoint> contacted;
    world.network.tap = [&](SimPacket& packet) {
        contacted.insert(packet.to);
        return true;
    };
    EXPECT_TRUE(world.wait_for_link(60s));
    world.network.run_for(10min);
    EXPECT_TRUE(world.data_both_ways());
    EXPECT_EQ(world.view_of(*world.downloader).links, 1U); // the others are nobody
    EXPECT_FALSE(contacted.contains(lies[2].address));
    EXPECT_LE(world.view_of(*world.downloader).seeders_found, 64U);
}

TEST(HiddenLies, OurOwnSwarmKeyIsNeverLinkedTo)
{
    LedgerWorld world(8, 20, kFineTick);
    SwarmPlan both = seed_plan(world.hash, 2, world.seed_key);
    both.download = true;
    world.seeder->tunnel().set_swarms({both});
    world.network.run_for(3min);
    EXPECT_EQ(world.view_of(*world.seeder).introduction_points, 3U);
    EXPECT_TRUE(world.view_of(*world.seeder).looked_up);
    EXPECT_EQ(world.view_of(*world.seeder).seeders_found, 0U);
    EXPECT_TRUE(world.seeder->links.empty());
}

/// Asks the introduction points of a seeder for a rendezvous, from ever other addresses, and never comes.
class HiddenFlood : public ::testing::Test {
protected:
    void flood(LedgerWorld& world, int seconds, int each_second)
    {
        const Prefix prefix = make_prefix(world.seeder->settings().overlay);
        TestRandom random(99);
        std::uint32_t source = 0x46000000;
        for (int i = 0; i < seconds; ++i) {
            for (const PeersResponse::Peer& point : world.ledger.find(world.hash)) {
                for (int n = 0; n < each_second; ++n) {
                    const CreateE2e request{1, world.hash, point.swarm_key, EphemeralKey::generate(random).public_key};
                    world.network.inject(
                        {{IpAddress::v4(source += 65536), 7}, point.address, overlay_packet(prefix, request)});
                }
            }
            world.network.run_for(1s);
            const auto waiting = world.view_of(*world.seeder).linking;
            most_waiting = std::max<std::size_t>(most_waiting, waiting);
        }
    }
    std::size_t most_waiting = 0;
};

TEST_F(HiddenFlood, LeavesLinksAndIntroductionPointsAlive)
{
    LedgerWorld world(9, 20, kFineTick);
    world.seed(2);
    world.network.run_for(10s);
    world.download(2);
    ASSERT_TRUE(world.wait_for_link());
    const CircuitId link = world.downloader->links.begin()->first;
    flood(world, 60, 30);
    EXPECT_TRUE(world.downloader->links.contains(link));
    EXPECT_TRUE(world.data_both_ways());
    EXPECT_EQ(world.view_of(*world.seeder).introduction_points, 3U);
    EXPECT_GT(most_waiting, 3U);
    EXPECT_LE(most_waiting, MeetingLoad::kMostWaiting);
    EXPECT_LE(world.seeder->tunnel().circuits().size(), 3 + 1 + MeetingLoad::kMostWaiting);
}

TEST_F(HiddenFlood, AnotherDownloaderStillGetsThrough)
{
    LedgerWorld world(10, 20, kFineTick);
    world.seed(2);
    world.network.run_for(10s);
    world.download(2);
    for (int i = 0; i < 40 && !world.linked(); ++i)
        flood(world, 5, 30);
    EXPECT_TRUE(world.data_both_ways());
}

} // namespace
} // namespace cepa::test
