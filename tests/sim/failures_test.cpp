// What ends circuits: nodes that die, move or sleep, and those that overload us.
#include "support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

struct MediumWorld : SimWorld {
    explicit MediumWorld(std::uint64_t seed = 1) : SimWorld(seed), client(add_client())
    {
        for (int i = 0; i < 5; ++i)
            add_relay();
        for (int i = 0; i < 2; ++i)
            add_exit();
        share();
    }
    SimNode& hop(CircuitId circuit, std::size_t index) { return node_of(view(client, circuit).hops.at(index).mid); }
    SimNode& client;
};

class DeadHop : public testing::TestWithParam<std::size_t> {};

TEST_P(DeadHop, IsNoticedWithinTheInactivityTime)
{
    MediumWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    world.hop(circuit, GetParam()).die();
    world.network.run_for(22s);
    EXPECT_EQ(world.client.closed_circuits[circuit], "silent");
    // And the living hops forget it too.
    world.network.run_for(45s);
    std::size_t left = 0;
    for (const auto& node : world.nodes)
        left += node->tunnel().relays().size() + node->tunnel().exits().size();
    EXPECT_LE(left, 1U); // the dead node's own state stands still
}

INSTANTIATE_TEST_SUITE_P(Position, DeadHop, testing::Range(std::size_t{0}, std::size_t{3}));

TEST(Failures, DeadCandidatesCostACircuitAndTheNextOneIsTried)
{
    MediumWorld world;
    // Two of five relays and one of two exits are dead; the views still name them.
    world.nodes[1]->die();
    world.nodes[2]->die();
    world.nodes[6]->die();
    std::vector<CircuitId> circuits(12);
    const auto make = [&](CircuitId& circuit) {
        const auto made = world.client.tunnel().create_circuit(3, 0);
        if (made) circuit = *made;
    };
    for (CircuitId& circuit : circuits)
        make(circuit);
    const auto again = world.network.every(1s, [&] { // as main does
        for (CircuitId& circuit : circuits)
            if (world.client.closed(circuit)) make(circuit);
    });
    const auto ready = [&] {
        return static_cast<std::size_t>(std::ranges::count_if(
            circuits, [&](CircuitId circuit) { return world.client.ready(circuit) && !world.client.closed(circuit); }));
    };
    EXPECT_TRUE(world.network.run_until([&] { return ready() >= 10; }, 10min));
    world.network.cancel(again);
    for (const CircuitId circuit : circuits) {
        const bool alive = world.client.ready(circuit) && !world.client.closed(circuit);
        EXPECT_EQ(alive, alive && world.echoes(world.client, circuit));
    }
}

TEST(Failures, NobodyAnswersAtAll)
{
    MediumWorld world;
    for (std::size_t i = 1; i < world.nodes.size(); ++i)
        world.nodes[i]->die();
    const TimePoint start = world.network.now();
    const auto circuit = world.client.tunnel().create_circuit(3, 0);
    ASSERT_TRUE(circuit);
    ASSERT_TRUE(world.network.run_until([&] { return world.client.closed(*circuit); }, 2min));
    EXPECT_LE(world.network.now() - start, 61s);
    EXPECT_FALSE(world.client.ready(*circuit));
}

TEST(Failures, SuspendClosesOwnCircuitsAndSaysSo)
{
    MediumWorld world;
    const CircuitId first = world.build(world.client, 3);
    const CircuitId second = world.build(world.client, 1);
    world.network.sleep(1h);
    world.network.run_for(1s);
    EXPECT_EQ(world.client.closed_circuits[first], "suspended");
    EXPECT_EQ(world.client.closed_circuits[second], "suspended");
    EXPECT_EQ(world.client.resumed, 1);
    EXPECT_TRUE(world.echoes(world.client, world.build(world.client, 3)));
    EXPECT_EQ(world.client.resumed, 1);
}

TEST(Failures, AShortPauseIsNoSuspend)
{
    MediumWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    world.network.sleep(10s);
    world.network.run_for(1s);
    EXPECT_EQ(world.client.resumed, 0);
    EXPECT_FALSE(world.client.closed(circuit));
}

TEST(Failures, AnotherOwnAddressClosesCircuits)
{
    MediumWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    const Endpoint outside{IpAddress::v4(0x51020304), 8090};
    // More knowledge is no move.
    world.client.tunnel().share(world.candidates(), {outside, world.client.address()}, {});
    EXPECT_EQ(world.client.address_changes, 0);
    EXPECT_FALSE(world.client.closed(circuit));
    const Endpoint moved{IpAddress::v4(0x51090909), 8090};
    world.client.tunnel().share(world.candidates(), {moved, world.client.address()}, {});
    EXPECT_EQ(world.client.address_changes, 1);
    EXPECT_EQ(world.client.closed_circuits[circuit], "own address changed");
}

TEST(Failures, ANeighboursPortMayMove)
{
    MediumWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    ASSERT_TRUE(world.echoes(world.client, circuit));
    Endpoint moved = world.client.address();
    moved.port = 9999; // its NAT chose another one
    world.client.move_to(moved);
    EXPECT_TRUE(world.echoes(world.client, circuit));
    // Another IP is another node.
    world.client.move_to(world.fresh_address());
    EXPECT_FALSE(world.echoes(world.client, circuit));
}

TEST(Failures, TheMonthsBytesRunOut)
{
    SimWorld world;
    SimNode& client = world.add_client();
    TunnelSettings settings = sim_settings(world.fresh_address());
    settings.relay = settings.exit_bittorrent = true;
    settings.month_bytes_left = 20000;
    SimNode& exit = world.add(settings);
    world.share();
    const CircuitId circuit = world.build(client, 1);
    for (int i = 0; i < 15; ++i) {
        static_cast<void>(client.send(circuit, world.echo, utp_datagram(1000)));
        world.network.run_for(100ms);
    }
    world.network.run_for(2s);
    EXPECT_EQ(exit.limits, std::vector<std::string>{"month"});
    EXPECT_LE(client.received.size(), 10U);
    EXPECT_EQ(client.closed_circuits[circuit], "destroyed");
    EXPECT_TRUE(exit.tunnel().exits().empty());
    const auto again = client.tunnel().create_circuit(1, 0);
    ASSERT_TRUE(again);
    world.network.run_for(61s);
    EXPECT_FALSE(client.ready(*again));
}

TEST(Failures, RelayRateCapDropsWhatIsTooMuch)
{
    SimWorld world;
    SimNode& client = world.add_client();
    for (int i = 0; i < 3; ++i) {
        TunnelSettings settings = sim_settings(world.fresh_address());
        settings.relay = true;
        settings.relay_rate_bytes_per_s = 200'000;
        world.add(settings);
    }
    world.add_exit();
    world.share();
    const CircuitId circuit = world.build(client, 2);
    const TimePoint start = world.network.now();
    std::uint64_t sent = 0;
    while (world.network.now() - start < 10s) {
        for (int i = 0; i < 10; ++i) {
            ASSERT_TRUE(client.send(circuit, world.echo, utp_datagram(1300)));
            sent += 1300;
        }
        world.network.run_for(10ms);
    }
    SimNode& relay = world.node_of(world.view(client, circuit).hops.front().mid);
    const RelayView view = relay.tunnel().relays().at(0);
    EXPECT_GT(sent, 10'000'000U);
    EXPECT_LE(relay.tunnel().counters().relayed_bytes, 2'000'000U + 70'000U);
    EXPECT_GE(relay.tunnel().counters().relayed_bytes, 1'600'000U);
    EXPECT_GT(relay.dropped("relay_rate"), 1000U);
    EXPECT_GT(view.bytes_forward, 0U);
}

TEST(Failures, AnExitWithoutSocketsDrops)
{
    MediumWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    SimNode& exit = world.hop(circuit, 1);
    exit.refuse_exit_sockets = true;
    EXPECT_FALSE(world.echoes(world.client, circuit));
    EXPECT_EQ(exit.dropped("exit_socket"), 1U);
    exit.refuse_exit_sockets = false;
    EXPECT_TRUE(world.echoes(world.client, circuit));
}

} // namespace
} // namespace cepa::test
