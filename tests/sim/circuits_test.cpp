// Circuits of every length build and carry data both ways, also over a bad network.
#include "support/sim_world.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

/// Enough nodes for five hops, each in its own /16.
struct BigWorld : SimWorld {
    explicit BigWorld(std::uint64_t seed = 1) : SimWorld(seed), client(add_client())
    {
        for (int i = 0; i < 6; ++i)
            add_relay();
        for (int i = 0; i < 3; ++i)
            add_exit();
        share();
    }
    SimNode& client;
};

class CircuitOfLength : public testing::TestWithParam<int> {};

TEST_P(CircuitOfLength, CarriesDataBothWays)
{
    BigWorld world;
    const auto hops = static_cast<std::uint8_t>(GetParam());
    const CircuitId circuit = world.build(world.client, hops);
    EXPECT_EQ(world.view(world.client, circuit).hops.size(), hops);
    for (const std::size_t size : {20U, 400U, 1200U})
        EXPECT_TRUE(world.echoes(world.client, circuit, size)) << size;
    // The outside saw an exit, and never the client.
    for (const SimPacket& seen : world.echoed)
        EXPECT_NE(seen.from.ip, world.client.address().ip);
    EXPECT_TRUE(world.client.closed_circuits.empty());
}

INSTANTIATE_TEST_SUITE_P(Hops, CircuitOfLength, testing::Range(1, 6));

TEST(Circuits, LiveOnPingsAndMeasureTheWay)
{
    BigWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    world.network.run_for(5min);
    EXPECT_FALSE(world.client.closed(circuit));
    EXPECT_TRUE(world.echoes(world.client, circuit));
    // Six links of 10 ms.
    EXPECT_EQ(world.view(world.client, circuit).round_trip, 60ms);
}

TEST(Circuits, EndByAgeAndAreReported)
{
    BigWorld world;
    const CircuitId circuit = world.build(world.client, 2);
    world.network.run_for(61min);
    ASSERT_TRUE(world.client.closed(circuit));
    EXPECT_EQ(world.client.closed_circuits[circuit], "aged");
    for (const auto& node : world.nodes) {
        EXPECT_TRUE(node->tunnel().relays().empty());
        EXPECT_TRUE(node->tunnel().exits().empty());
        EXPECT_EQ(node->open_exit_sockets, 0U);
    }
}

TEST(Circuits, BusyCircuitsRetireFirstAndEndOneByOne)
{
    BigWorld world;
    std::vector<CircuitId> circuits;
    for (int i = 0; i < 8; ++i)
        circuits.push_back(world.build(world.client, 2));
    std::map<CircuitId, TimePoint> retired;
    std::map<CircuitId, TimePoint> ended;
    const auto busy = world.network.every(5s, [&] {
        for (const CircuitId circuit : circuits) {
            if (world.client.closed(circuit)) {
                ended.try_emplace(circuit, world.network.now());
                continue;
            }
            EXPECT_TRUE(world.client.send(circuit, world.echo, utp_datagram(100)));
            if (world.view(world.client, circuit).state == CircuitState::closing)
                retired.try_emplace(circuit, world.network.now());
        }
    });
    world.network.run_for(60min);
    world.network.cancel(busy);
    ASSERT_EQ(ended.size(), 8U);
    std::set<TimePoint> ends;
    for (const auto& [circuit, end] : ended) {
        EXPECT_EQ(world.client.closed_circuits[circuit], "aged");
        ASSERT_TRUE(retired.contains(circuit));
        EXPECT_GE(end - retired[circuit], 5min - 10s) << "time to have a successor";
        ends.insert(end);
    }
    EXPECT_GE(ends.size(), 7U);
    EXPECT_GT(*ends.rbegin() - *ends.begin(), 5min);
}

TEST(Circuits, CloseSendsDestroyToAllHops)
{
    BigWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    ASSERT_TRUE(world.echoes(world.client, circuit));
    world.client.tunnel().close_circuit(circuit);
    EXPECT_EQ(world.client.closed_circuits[circuit], "closed");
    world.network.run_for(1s);
    for (const auto& node : world.nodes) {
        EXPECT_TRUE(node->tunnel().relays().empty());
        EXPECT_TRUE(node->tunnel().exits().empty());
    }
}

TEST(Circuits, ShutDownOfARelayIsHeardByItsNeighbours)
{
    BigWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    SimNode& middle = world.node_of(world.view(world.client, circuit).hops[1].mid);
    middle.tunnel().shut_down();
    world.network.run_for(1s);
    EXPECT_EQ(world.client.closed_circuits[circuit], "destroyed");
    for (const auto& node : world.nodes)
        EXPECT_TRUE(node->tunnel().exits().empty());
}

TEST(Circuits, NamesAreResolvedAtTheExit)
{
    BigWorld world;
    for (const auto& node : world.nodes)
        node->resolver().names["tracker.example"] = {world.echo.ip};
    const CircuitId circuit = world.build(world.client, 2);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(world.client.send(circuit, Address("tracker.example", world.echo.port), utp_datagram(60)));
    world.network.run_for(1s);
    EXPECT_EQ(world.client.received.size(), 3U);
    SimNode& exit = world.node_of(world.view(world.client, circuit).hops.back().mid);
    EXPECT_EQ(exit.resolver().asked, 1U);
    EXPECT_TRUE(world.client.send(circuit, Address("nowhere.example", 1), utp_datagram(60)));
    world.network.run_for(1s);
    EXPECT_EQ(exit.dropped("exit_name"), 1U);
    EXPECT_EQ(world.client.resolver().asked, 0U);
}

TEST(Circuits, ManyAtOnceSpreadOverGuardsAndExits)
{
    BigWorld world;
    std::set<CircuitId> circuits;
    for (std::uint32_t i = 0; i < 24; ++i)
        circuits.insert(world.build(world.client, 3, i));
    EXPECT_EQ(circuits.size(), 24U);
    std::map<Mid, int> firsts;
    std::map<Mid, int> exits;
    for (const CircuitView& view : world.client.tunnel().circuits()) {
        ++firsts[view.hops.front().mid];
        ++exits[view.hops.back().mid];
    }
    EXPECT_EQ(firsts.size(), 3U); // guards
    EXPECT_EQ(exits.size(), 3U);
    for (const auto& [mid, count] : exits)
        EXPECT_EQ(count, 8);
    for (const auto& [mid, count] : firsts)
        EXPECT_EQ(count, 8);
    for (const CircuitId circuit : circuits)
        EXPECT_TRUE(world.echoes(world.client, circuit));
}

TEST(Circuits, BuildAndCarryOverABadNetwork)
{
    BigWorld world(7);
    world.network.conditions = {40ms, 30ms, 0.03, 0.05};
    int ready = 0;
    std::set<CircuitId> circuits;
    for (std::uint32_t i = 0; i < 20; ++i) {
        const auto circuit = world.client.tunnel().create_circuit(static_cast<std::uint8_t>(1 + i % 3), i);
        ASSERT_TRUE(circuit);
        circuits.insert(*circuit);
    }
    world.network.run_for(65s);
    for (const CircuitId circuit : circuits)
        ready += world.client.ready(circuit) ? 1 : 0;
    EXPECT_GE(ready, 18);
    std::size_t sent = 0;
    for (int i = 0; i < 50; ++i) {
        for (const CircuitId circuit : circuits)
            sent += world.client.send(circuit, world.echo, utp_datagram(300)) ? 1U : 0U;
        world.network.run_for(20ms);
    }
    world.network.run_for(3s);
    // Eight crossings at 3 % loss at most; duplicates must not come out, reordered ones must.
    EXPECT_GT(world.client.received.size(), sent / 2);
    EXPECT_LE(world.client.received.size(), sent + sent / 10); // the echo host's own link may duplicate
}

TEST(Circuits, TooLargeAndUnknownAreRefused)
{
    BigWorld world;
    const CircuitId circuit = world.build(world.client, 3);
    EXPECT_EQ(world.client.send(circuit, world.echo, utp_datagram(2000)).error(),
              make_error_code(TunnelError::too_large));
    EXPECT_EQ(world.client.send(CircuitId(1), world.echo, utp_datagram(100)).error(),
              make_error_code(TunnelError::unknown_circuit));
    EXPECT_EQ(world.client.tunnel().create_circuit(6, 0).error(), make_error_code(TunnelError::refused_by_policy));
    EXPECT_TRUE(world.echoes(world.client, circuit, 1356)); // the largest that fits 1472 bytes on the first link
}

TEST(Circuits, WithoutCandidatesThereIsNoPath)
{
    SimWorld world;
    SimNode& client = world.add_client();
    EXPECT_EQ(client.tunnel().create_circuit(2, 0).error(), make_error_code(TunnelError::no_candidates));
    world.add_relay();
    world.share();
    EXPECT_EQ(client.tunnel().create_circuit(2, 0).error(), make_error_code(TunnelError::no_candidates)); // no exit
}

} // namespace
} // namespace cepa::test
