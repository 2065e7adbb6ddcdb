// The directory of whole nodes: what an introduction point announces is found from everywhere, for as long as it
// stands; introduction points of one swarm know each other; who asks for others is answered within bounds.
#include "support/sim_world.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/hidden_services/directory_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

constexpr LookupHash kSwarmHash{0x77, 1, 2, 3};

struct DirectoryWorld : SimWorld {
    explicit DirectoryWorld(std::size_t count, std::uint64_t seed = 1) : SimWorld(seed)
    {
        for (std::size_t i = 0; i < count; ++i)
            add_walking();
        network.run_for(20s);
    }
    SimNode& add_walking()
    {
        TunnelSettings settings = sim_settings(fresh_address());
        settings.discover = true;
        settings.relay = true;
        settings.start_unix_s = 1'800'000'000;
        settings.walk_to = {sim_address(1)};
        return add(std::move(settings));
    }
    static Introduction introduction(const PublicKey& swarm_key, std::uint32_t circuit = 5)
    {
        return {kSwarmHash, swarm_key, CircuitId(circuit)};
    }
    /// Repeats it as a sibling does, until cancelled.
    std::size_t keep(SimNode& node, const Introduction& introduction)
    {
        EXPECT_TRUE(node.tunnel().for_siblings().register_introduction(introduction));
        return network.every(20s, [&node, introduction] {
            EXPECT_TRUE(node.tunnel().for_siblings().register_introduction(introduction));
        });
    }
    std::vector<PeersResponse::Peer> find(SimNode& node, const LookupHash& hash = kSwarmHash)
    {
        std::optional<std::vector<PeersResponse::Peer>> out;
        node.tunnel().for_siblings().find_introductions(
            hash, [&](std::vector<PeersResponse::Peer> peers) { out = std::move(peers); });
        EXPECT_TRUE(network.run_until([&] { return out.has_value(); }, 20s));
        return out.value_or(std::vector<PeersResponse::Peer>{});
    }
    PublicKey swarm_key() { return PrivateKey::generate().public_key(); }
};

TEST(DirectorySim, TheDhtFormsBesideTheTunnels)
{
    DirectoryWorld world(12);
    for (const auto& node : world.nodes)
        EXPECT_EQ(node->tunnel().discovery().dht_nodes, 11U);
    SimNode& late = world.add_walking();
    ASSERT_TRUE(world.network.run_until([&] { return late.tunnel().discovery().peers > 0; }, 5s));
    world.network.run_for(2s);
    EXPECT_GE(late.tunnel().discovery().dht_nodes, 8U);
}

TEST(DirectorySim, AnIntroductionPointIsFoundFromEverywhereForHours)
{
    DirectoryWorld world(10, 2);
    SimNode& point = *world.nodes[3];
    const PublicKey swarm = world.swarm_key();
    const std::size_t kept = world.keep(point, DirectoryWorld::introduction(swarm));
    world.network.run_for(2s);
    EXPECT_EQ(point.tunnel().discovery().introductions, 1U);
    for (int quarter = 0; quarter < 9; ++quarter) {
        const auto found = world.find(*world.nodes[static_cast<std::size_t>(quarter) % 3 + 5]);
        ASSERT_EQ(found.size(), 1U) << "quarter of an hour " << quarter;
        EXPECT_EQ(found[0].address, point.address());
        EXPECT_EQ(found[0].key, point.key());
        EXPECT_EQ(found[0].swarm_key, swarm);
        EXPECT_EQ(found[0].source, 1);
        world.network.run_for(15min);
    }
    // It ends without a word: the register forgets it within a minute, the network within the hour.
    world.network.cancel(kept);
    world.network.run_for(61s);
    EXPECT_EQ(point.tunnel().discovery().introductions, 0U);
    world.network.run_for(75min);
    EXPECT_TRUE(world.find(*world.nodes[7]).empty());
}

TEST(DirectorySim, ASwarmKeyHasOneCircuit)
{
    DirectoryWorld world(2, 4);
    ForSiblings& node = world.nodes[0]->tunnel().for_siblings();
    const PublicKey swarm = world.swarm_key();
    EXPECT_TRUE(node.register_introduction(DirectoryWorld::introduction(swarm, 1)));
    EXPECT_FALSE(node.register_introduction(DirectoryWorld::introduction(swarm, 2)));
    node.forget_introduction(DirectoryWorld::introduction(swarm, 2)); // not its own
    EXPECT_TRUE(node.register_introduction(DirectoryWorld::introduction(swarm, 1)));
    node.forget_introduction(DirectoryWorld::introduction(swarm, 1));
    EXPECT_TRUE(node.register_introduction(DirectoryWorld::introduction(swarm, 2)));
}

// It may be behind a translator, where no request could arrive: it would stand for an hour, and be dead.
TEST(DirectorySim, InAPublicNetworkWhoDoesNotKnowYetHowItIsReachedIsNoIntroductionPoint)
{
    SimWorld world(6);
    for (std::uint32_t i = 0; i < 4; ++i) {
        TunnelSettings settings = sim_settings({IpAddress::v4((40U << 24U) + (i << 16U) + 1U), 8090});
        settings.public_network = settings.discover = settings.relay = true;
        settings.start_unix_s = 1'800'000'000;
        settings.walk_to = {{IpAddress::v4((40U << 24U) + 1U), 8090},
                            {IpAddress::v4((40U << 24U) + (1U << 16U) + 1U), 8090}};
        world.add(std::move(settings));
    }
    ForSiblings& node = world.nodes[3]->tunnel().for_siblings();
    const Introduction introduction{kSwarmHash, PrivateKey::generate().public_key(), CircuitId(5)};
    EXPECT_FALSE(node.register_introduction(introduction));
    world.network.run_for(60s);
    EXPECT_EQ(world.nodes[3]->tunnel().discovery().reach.translation, Translation::none);
    EXPECT_TRUE(node.register_introduction(introduction));
}

TEST(DirectorySim, TheRegisterIsBounded)
{
    DirectoryWorld world(2, 5);
    std::size_t accepted = 0;
    for (std::uint32_t i = 0; i < 400; ++i)
        accepted += world.nodes[0]->tunnel().for_siblings().register_introduction(
                        {LookupHash{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)},
                         world.swarm_key(), CircuitId(i)})
                        ? 1
                        : 0;
    EXPECT_EQ(accepted, 256U);
    EXPECT_EQ(world.nodes[0]->dropped("introductions_full"), 144U);
    world.network.run_for(30s);
}

/// A UDP host that asks an introduction point itself.
struct Asker {
    Asker(SimWorld& world, const Endpoint& from) : world_(world), at(from)
    {
        world_.network.attach(at, [this](const SimPacket& packet) { answers.push_back(packet.bytes); });
    }
    ~Asker() { world_.network.detach(at); }
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;
    void ask(SimNode& node, const LookupHash& hash = kSwarmHash)
    {
        const PeersRequest request{9, hash};
        Bytes body(4);
        Writer(body).u32(0xcafe);
        const Bytes rest = encode_body(request);
        body.insert(body.end(), rest.begin(), rest.end());
        world_.network.send(at, node.address(), build_unsigned(make_prefix(node.settings().overlay), 17, {}, body));
    }
    [[nodiscard]] PeersResponse last() const
    {
        static Bytes body;
        body = answers.back();
        Reader reader(ByteSpan(body).subspan(kPrefixSize));
        EXPECT_EQ(reader.u8(), 18);
        EXPECT_EQ(reader.u32(), 0xcafeU);
        return *PeersResponse::parse(reader.rest());
    }
    SimWorld& world_;
    Endpoint at;
    std::vector<Bytes> answers;
};

TEST(DirectorySim, APeersRequestOutsideCellsIsAnsweredByAnIntroductionPointOnly)
{
    DirectoryWorld world(6, 6);
    for (std::uint32_t i = 1; i <= 12; ++i)
        ASSERT_TRUE(world.nodes[1]->tunnel().for_siblings().register_introduction(
            DirectoryWorld::introduction(world.swarm_key(), i)));
    Asker stranger(world, {IpAddress::v4(0x05050505), 4000});
    stranger.ask(*world.nodes[1]);
    stranger.ask(*world.nodes[2]); // no introduction point of that swarm
    world.network.run_for(1s);
    ASSERT_EQ(stranger.answers.size(), 1U);
    EXPECT_EQ(stranger.last().peers.size(), 2U); // never seen: no more than that
    EXPECT_EQ(stranger.last().identifier, 9);
    Asker exit(world, {world.nodes[4]->address().ip, 4000}); // an exit socket of a peer
    exit.ask(*world.nodes[1]);
    world.network.run_for(1s);
    EXPECT_EQ(exit.last().peers.size(), 7U);
}

// Whose circuits end here with made-up seeders of a swarm must not keep the real ones from who asks here.
TEST(DirectorySim, ManyRegisteredHereDoNotSpareTheLookupNorFillTheAnswer)
{
    DirectoryWorld world(8, 7);
    const PublicKey seeder = world.swarm_key();
    for (std::uint32_t i = 1; i <= 12; ++i)
        world.keep(*world.nodes[1], DirectoryWorld::introduction(world.swarm_key(), i));
    world.keep(*world.nodes[4], DirectoryWorld::introduction(seeder));
    world.network.run_for(5s);
    int named = 0;
    for (int i = 0; i < 10; ++i) {
        const auto found = world.find(*world.nodes[1]);
        EXPECT_EQ(found.size(), 7U);
        named += std::ranges::find(found, seeder, &PeersResponse::Peer::swarm_key) != found.end() ? 1 : 0;
        world.network.run_for(11s);
    }
    EXPECT_GE(named, 6);
}

TEST(DirectorySim, IntroductionPointsOfOneSwarmKnowEachOther)
{
    DirectoryWorld world(8, 3);
    const PublicKey a = world.swarm_key();
    const PublicKey b = world.swarm_key();
    world.keep(*world.nodes[1], DirectoryWorld::introduction(a));
    world.keep(*world.nodes[2], DirectoryWorld::introduction(b));
    world.network.run_for(4min);
    EXPECT_GE(world.find(*world.nodes[1]).size(), 2U);
    Asker asker(world, {world.nodes[4]->address().ip, 4000}); // is told nothing that only the DHT says
    asker.ask(*world.nodes[1]);
    world.network.run_for(1s);
    ASSERT_FALSE(asker.answers.empty());
    const auto from_pex = [&](const PeersResponse::Peer& peer) {
        return peer.swarm_key == b && peer.key == world.nodes[2]->key() && peer.source == 2;
    };
    EXPECT_TRUE(std::ranges::any_of(asker.last().peers, from_pex));
}

TEST(DirectorySim, AFloodOfPeersRequestsGetsFewAnswers)
{
    DirectoryWorld world(3, 7);
    ASSERT_TRUE(
        world.nodes[1]->tunnel().for_siblings().register_introduction(DirectoryWorld::introduction(world.swarm_key())));
    Asker stranger(world, {IpAddress::v4(0x05050505), 4000});
    for (int i = 0; i < 500; ++i)
        stranger.ask(*world.nodes[1]);
    world.network.run_for(1s);
    EXPECT_LE(stranger.answers.size(), 10U);
    EXPECT_GE(world.nodes[1]->dropped("peers_request_flood"), 490U);
}

TEST(DirectorySim, AFloodOfPeersRequestsSilencesNobodyThatWeKnow)
{
    DirectoryWorld world(6, 12);
    ASSERT_TRUE(
        world.nodes[1]->tunnel().for_siblings().register_introduction(DirectoryWorld::introduction(world.swarm_key())));
    for (std::uint32_t i = 0; i < 500; ++i) {
        Asker stranger(world, {IpAddress::v4(0x05050000 + i), 4000});
        stranger.ask(*world.nodes[1]);
    }
    Asker exit(world, {world.nodes[4]->address().ip, 4000});
    exit.ask(*world.nodes[1]);
    world.network.run_for(1s);
    EXPECT_GE(world.nodes[1]->dropped("peers_request_flood"), 300U);
    EXPECT_EQ(exit.answers.size(), 1U);
}

TEST(DirectorySim, ThatNobodyWasHeardIsNotRemembered)
{
    DirectoryWorld world(6, 13);
    const PublicKey swarm = world.swarm_key();
    world.keep(*world.nodes[3], DirectoryWorld::introduction(swarm));
    world.network.run_for(5s);
    SimNode& late = world.add_walking();
    EXPECT_TRUE(world.find(late).empty()); // it knows nobody yet
    ASSERT_TRUE(world.network.run_until([&] { return late.tunnel().discovery().dht_nodes > 0; }, 5s));
    EXPECT_EQ(world.find(late).size(), 1U);
}

TEST(DirectorySim, AFloodOfLookupsIsBoundedAndEachIsAnswered)
{
    DirectoryWorld world(6, 8);
    std::size_t heard = 0;
    for (std::uint32_t i = 0; i < 500; ++i)
        world.nodes[1]->tunnel().for_siblings().find_introductions(
            LookupHash{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)},
            [&](const std::vector<PeersResponse::Peer>&) { ++heard; });
    world.network.run_for(30s);
    EXPECT_EQ(heard, 500U);
    EXPECT_GE(world.nodes[1]->dropped("directory_flood"), 400U);
}

TEST(DirectorySim, ASuccessorGoesOnFromWhatWasTold)
{
    DirectoryWorld world(10, 9);
    const PublicKey swarm = world.swarm_key();
    world.keep(*world.nodes[3], DirectoryWorld::introduction(swarm));
    world.network.run_for(5s);
    SimNode* holder = nullptr;
    for (const auto& node : world.nodes)
        if (node->tunnel().discovery().dht_values > 0 && node.get() != world.nodes[3].get()) holder = node.get();
    ASSERT_NE(holder, nullptr);
    const DirectoryState state = holder->tunnel().directory_state();
    const std::uint64_t changes = holder->tunnel().directory_changes();
    EXPECT_GT(changes, 0U);
    EXPECT_EQ(state.values.size(), holder->tunnel().discovery().dht_values);
    EXPECT_GE(state.nodes.size(), 8U);
    TunnelSettings settings = holder->settings();
    settings.walk_to = {world.fresh_address()}; // nobody: only what was told can help
    holder->die();
    SimNode& successor = world.add(settings);
    successor.tunnel().restore_directory(state);
    world.network.run_for(1s);
    EXPECT_EQ(successor.tunnel().discovery().dht_values, state.values.size());
    EXPECT_GE(successor.tunnel().discovery().dht_nodes, 7U);
    EXPECT_EQ(world.find(successor).size(), 1U);
}

TEST(DirectorySim, AValueThatIsStoredIsNewsForASuccessor)
{
    DirectoryWorld world(8, 14);
    world.network.run_for(60s); // everybody has met
    std::vector<std::uint64_t> before;
    for (const auto& node : world.nodes)
        before.push_back(node->tunnel().directory_changes());
    world.keep(*world.nodes[3], DirectoryWorld::introduction(world.swarm_key()));
    world.network.run_for(2s);
    std::size_t holders = 0;
    for (std::size_t i = 0; i < world.nodes.size(); ++i) {
        if (world.nodes[i]->tunnel().discovery().dht_values == 0) continue;
        ++holders;
        EXPECT_GT(world.nodes[i]->tunnel().directory_changes(), before[i]) << i;
    }
    EXPECT_GE(holders, 2U);
}

TEST(DirectorySim, WhoWatchesASwarmSeesThatItIsLookedFor)
{
    DirectoryWorld world(6, 11);
    world.nodes[2]->tunnel().monitor({kSwarmHash});
    (void)world.find(*world.nodes[4], {9, 9});
    world.network.run_for(11s);
    EXPECT_TRUE(world.nodes[2]->swarms_seen.empty());
    (void)world.find(*world.nodes[4]);
    world.network.run_for(11s);
    ASSERT_FALSE(world.nodes[2]->swarms_seen.empty());
    EXPECT_TRUE(std::ranges::equal(world.nodes[2]->swarms_seen[0], kSwarmHash));
}

TEST(DirectorySim, ANodeThatIsKnownIsFoundAtOnce)
{
    DirectoryWorld world(5, 10);
    std::optional<Endpoint> found;
    world.nodes[1]->tunnel().for_siblings().find_node(world.nodes[4]->key(),
                                                      [&](std::optional<Endpoint> at) { found = at; });
    world.network.run_for(100ms);
    EXPECT_EQ(found, world.nodes[4]->address());
}

} // namespace
} // namespace cepa::test
