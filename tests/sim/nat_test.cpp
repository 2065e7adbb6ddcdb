// Nodes behind address translators: who finds them, and who reaches them.
#include "support/sim_nat.hpp"
#include "support/sim_world.hpp"
#include "tunnel/discovery/reach.hpp"
#include "tunnel/siblings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

const IpAddress kNatOutside = IpAddress::v4(0x0b630001);

struct NatWorld : SimWorld {
    explicit NatWorld(NatKind kind, std::uint64_t seed) : SimWorld(seed), nats(network)
    {
        for (int i = 0; i < 10; ++i)
            add_public(sim_address(1));
        const Endpoint inside{IpAddress::v4(0xc0a80102), 8090};
        nat = &nats.add(inside, kNatOutside, kind);
        hidden = &add_at(inside, sim_address(1), true);
        network.run_for(90s);
    }
    SimNode& add_at(const Endpoint& listen, const Endpoint& walk_to, bool exit = false)
    {
        TunnelSettings settings = sim_settings(listen);
        settings.discover = true;
        settings.relay = true;
        settings.exit_bittorrent = exit;
        settings.walk_to = {walk_to};
        return add(std::move(settings));
    }
    SimNode& add_public(const Endpoint& walk_to) { return add_at(fresh_address(), walk_to); }
    [[nodiscard]] static bool knows_as_candidate(SimNode& node, const PublicKey& key)
    {
        return std::ranges::any_of(node.tunnel().candidates(), [&](const Candidate& c) { return c.key == key; });
    }
    std::optional<Endpoint> find_node(SimNode& from, const PublicKey& key)
    {
        std::optional<std::optional<Endpoint>> out;
        from.tunnel().for_siblings().find_node(key, [&](std::optional<Endpoint> at) { out = at; });
        EXPECT_TRUE(network.run_until([&] { return out.has_value(); }, 20s));
        return out.value_or(std::nullopt);
    }
    SimNats nats;
    SimNat* nat = nullptr;
    SimNode* hidden = nullptr;
};

TEST(Nat, BehindAnEndpointIndependentOneANodeIsFoundByAllAndKnowsItsAddress)
{
    NatWorld world({true, true}, 1);
    EXPECT_EQ(world.hidden->tunnel().discovery().wan.ip, kNatOutside);
    EXPECT_GE(world.hidden->tunnel().candidates().size(), 10U);
    EXPECT_GE(world.hidden->tunnel().discovery().dht_nodes, 8U);
    std::size_t finders = 0;
    for (const auto& node : world.nodes)
        finders += NatWorld::knows_as_candidate(*node, world.hidden->key()) ? 1 : 0;
    EXPECT_EQ(finders, 10U);
}

TEST(Nat, BehindAnEndpointIndependentOneAStrangerIsIntroduced)
{
    NatWorld world({true, true}, 2);
    SimNode& stranger = world.add_public(sim_address(4));
    EXPECT_FALSE(world.nat->lets_in(stranger.address()));
    EXPECT_TRUE(
        world.network.run_until([&] { return NatWorld::knows_as_candidate(stranger, world.hidden->key()); }, 30s));
}

TEST(Nat, BehindAnEndpointIndependentOneAStrangerFindsItByTheDht)
{
    NatWorld world({true, true}, 3);
    SimNode& stranger = world.add_public(sim_address(4));
    ASSERT_TRUE(world.network.run_until([&] { return stranger.tunnel().discovery().dht_nodes > 0; }, 5s));
    const auto found = world.find_node(stranger, world.hidden->key());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ip, kNatOutside);
}

TEST(Nat, ARelayExtendsToANodeBehindOneThatItHasNeverHeardOf)
{
    NatWorld world({true, true}, 4);
    SimNode& relay = world.add_public(sim_address(4));
    ASSERT_TRUE(world.network.run_until([&] { return relay.tunnel().discovery().dht_nodes > 0; }, 5s));
    ASSERT_FALSE(NatWorld::knows_as_candidate(relay, world.hidden->key()));
    ASSERT_FALSE(world.nat->lets_in(relay.address()));
    SimNode& client = world.add_client();
    Candidate hop = world.hidden->candidate();
    hop.address = world.hidden->tunnel().discovery().wan;
    client.tunnel().share({hop, relay.candidate()}, {client.address()}, {});
    const auto circuit = client.tunnel().create_circuit(2, 0);
    ASSERT_TRUE(circuit);
    ASSERT_TRUE(world.network.run_until([&] { return client.ready(*circuit) || client.closed(*circuit); },
                                        9s)); // before it is asked again
    ASSERT_TRUE(client.ready(*circuit)) << client.closed_circuits[*circuit];
    EXPECT_EQ(world.view(client, *circuit).hops.back().mid, world.hidden->key().mid());
    EXPECT_TRUE(world.nat->lets_in(relay.address()));
}

TEST(Nat, BehindASymmetricOneItIsKnownOnlyToWhomItAsked)
{
    NatWorld world({false, true}, 5);
    EXPECT_EQ(world.hidden->tunnel().discovery().wan.ip, kNatOutside); // the IP is agreed on, the port is not
    std::size_t finders = 0;
    for (const auto& node : world.nodes)
        finders += NatWorld::knows_as_candidate(*node, world.hidden->key()) ? 1 : 0;
    EXPECT_GE(finders, 8U); // it walks to all of them itself
    EXPECT_GE(world.hidden->tunnel().candidates().size(), 8U);
}

Introduction some_introduction()
{
    return {{1, 2}, PrivateKey::generate().public_key(), CircuitId(5)};
}

/// Nodes of other networks that nobody behind the translator knows; they walk to `address` first.
void let_strangers_come(NatWorld& world, const Endpoint& address)
{
    world.network.run_for(Reach::kKnownFor); // what was sent before the start is forgotten
    for (std::size_t i = 0; i < Reach::kStrangers; ++i) {
        world.add_public(address);
        world.network.run_for(20s);
    }
}

TEST(Nat, WhoIsBehindAnyIsNoIntroductionPoint)
{
    for (const bool independent : {true, false}) {
        NatWorld world({independent, true}, 6);
        const Registration answer = world.hidden->tunnel().for_siblings().register_introduction(some_introduction());
        EXPECT_FALSE(answer);
        EXPECT_TRUE(answer.unreachable) << "what stood before ends, too";
        EXPECT_EQ(world.hidden->dropped("introductions_unreachable"), 1U);
        EXPECT_TRUE(world.nodes[3]->tunnel().for_siblings().register_introduction(some_introduction()));
    }
}

TEST(Nat, BehindAForwardedPortOneIsAnIntroductionPointOnceStrangersGotIn)
{
    NatWorld world({true, false}, 7);
    EXPECT_FALSE(world.hidden->tunnel().for_siblings().register_introduction(some_introduction()));
    const DiscoveryView before = world.hidden->tunnel().discovery();
    EXPECT_EQ(before.reach.translation, Translation::endpoint_independent);
    let_strangers_come(world, before.wan);
    EXPECT_TRUE(world.hidden->tunnel().discovery().reach.strangers_get_in);
    EXPECT_TRUE(world.hidden->tunnel().for_siblings().register_introduction(some_introduction()));
}

TEST(Nat, WhoIsIntroducedToStrangersIsStillNotReachedByThem)
{
    NatWorld world({true, true}, 8);
    let_strangers_come(world, world.nodes[2]->address());
    std::size_t met = 0;
    for (const auto& node : world.nodes)
        met += NatWorld::knows_as_candidate(*node, world.hidden->key()) ? 1 : 0;
    EXPECT_GE(met, 10U + Reach::kStrangers) << "they came, to where it had opened a way for them";
    EXPECT_FALSE(world.hidden->tunnel().discovery().reach.strangers_get_in);
    EXPECT_FALSE(world.hidden->tunnel().for_siblings().register_introduction(some_introduction()));
}

TEST(Nat, BehindOneThatShowsEachAnotherPortNoStrangerHelps)
{
    NatWorld world({false, false}, 9);
    let_strangers_come(world, world.hidden->tunnel().discovery().wan);
    EXPECT_EQ(world.hidden->tunnel().discovery().reach.translation, Translation::address_dependent);
    EXPECT_FALSE(world.hidden->tunnel().for_siblings().register_introduction(some_introduction()));
}

TEST(Nat, AnotherWorkerKnowsWhatTheFirstOneKnows)
{
    SimWorld world;
    SimNode& sibling = world.add_relay(); // as worker 1 is: it discovers nothing itself
    EXPECT_EQ(sibling.tunnel().discovery().reach, Reachability());
    const Reachability known{Translation::address_dependent, true};
    sibling.tunnel().share({}, {sibling.address()}, {}, known);
    EXPECT_EQ(sibling.tunnel().discovery().reach, known);
}

} // namespace
} // namespace cepa::test
