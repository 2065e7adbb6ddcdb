// Nodes that know only one address find each other, choose guards and build circuits: discovery and circuits together.
#include "support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cepa::test {
namespace {

using namespace tunnel;
using namespace std::chrono_literals;

struct WalkingWorld : SimWorld {
    explicit WalkingWorld(std::uint64_t seed = 1) : SimWorld(seed)
    {
        for (int i = 0; i < 5; ++i)
            add_walking(true, false);
        for (int i = 0; i < 3; ++i)
            add_walking(true, true);
        client = &add_walking(false, false);
    }
    SimNode& add_walking(bool relay, bool exit)
    {
        TunnelSettings settings = sim_settings(fresh_address());
        settings.discover = true;
        settings.relay = relay;
        settings.exit_bittorrent = exit;
        settings.walk_to = {sim_address(1)};
        return add(std::move(settings));
    }
    SimNode* client = nullptr;
};

TEST(Overlay, FormsByWalkingAndCarriesCircuits)
{
    WalkingWorld world;
    ASSERT_TRUE(world.network.run_until([&] { return world.client->tunnel().candidates().size() == 8; }, 60s));
    EXPECT_GT(world.client->candidate_changes, 0);
    world.network.run_for(1s);
    EXPECT_EQ(world.client->guards.size(), 6U); // three of either use
    for (std::uint8_t hops = 1; hops <= 4; ++hops)
        EXPECT_TRUE(world.echoes(*world.client, world.build(*world.client, hops))) << int{hops};
}

TEST(Overlay, CircuitsSurviveMaintenance)
{
    WalkingWorld world(2);
    ASSERT_TRUE(world.network.run_until([&] { return world.client->tunnel().candidates().size() == 8; }, 60s));
    const std::vector<Guard> guards = world.client->guards;
    int alive = 0;
    CircuitId circuit;
    for (int minute = 0; minute < 10; ++minute) {
        if (minute == 0 || world.client->closed(circuit)) circuit = world.build(*world.client, 3);
        world.network.run_for(1min);
        alive += world.client->closed(circuit) ? 0 : 1;
    }
    EXPECT_GE(alive, 9);
    EXPECT_EQ(world.client->guards, guards);
    EXPECT_EQ(world.client->address_changes, 0);
    EXPECT_EQ(world.client->resumed, 0);
}

TEST(Overlay, AfterASuspendCircuitsAreRebuilt)
{
    WalkingWorld world(3);
    ASSERT_TRUE(world.network.run_until([&] { return world.client->tunnel().candidates().size() == 8; }, 60s));
    const CircuitId circuit = world.build(*world.client, 3);
    world.network.sleep(10min);
    world.network.run_for(100ms);
    EXPECT_EQ(world.client->closed_circuits[circuit], "suspended");
    EXPECT_EQ(world.client->resumed, 1);
    world.network.run_for(5s);
    EXPECT_TRUE(world.echoes(*world.client, world.build(*world.client, 3)));
}

TEST(Overlay, AClientThatMovedHearsOfItAndCloses)
{
    WalkingWorld world(4);
    ASSERT_TRUE(world.network.run_until([&] { return world.client->tunnel().candidates().size() == 8; }, 60s));
    world.network.run_for(30s);
    const CircuitId circuit = world.build(*world.client, 2);
    // Its NAT got another address: what it sends comes from there now, and answers go there.
    world.client->move_to(world.fresh_address());
    world.network.run_for(3min);
    EXPECT_TRUE(world.client->closed(circuit));
    EXPECT_GE(world.client->address_changes, 1);
}

TEST(Overlay, AClientAmongManyThatMovedHearsOfIt)
{
    WalkingWorld world(5);
    for (int i = 0; i < 16; ++i)
        world.add_walking(true, false);
    ASSERT_TRUE(world.network.run_until([&] { return world.client->tunnel().discovery().peers >= 20; }, 5min));
    world.network.run_for(12min); // it asks nobody for more peers any more
    const CircuitId circuit = world.build(*world.client, 2);
    world.client->move_to(world.fresh_address());
    world.network.run_for(3min);
    EXPECT_TRUE(world.client->closed(circuit));
    EXPECT_GE(world.client->address_changes, 1);
}

/// The same client again, with what main had stored of it, and with nobody else told of it.
SimNode& restarted(WalkingWorld& world, const std::vector<Guard>& guards)
{
    TunnelSettings settings = world.client->settings();
    world.client->die();
    settings.listen = world.fresh_address();
    settings.guards = guards;
    return world.add(std::move(settings));
}

TEST(Overlay, ARestartKeepsTheGuards)
{
    WalkingWorld world(6);
    for (int i = 0; i < 16; ++i)
        world.add_walking(true, false);
    // Who is introduced is drawn: one run in a hundred hears of the third exit last of all, after more than a minute.
    ASSERT_TRUE(world.network.run_until([&] { return world.client->guards.size() == 6; }, 5min))
        << world.client->guards.size() << " guards, " << world.client->tunnel().discovery().exits << " exits of "
        << world.client->tunnel().discovery().peers << " peers";
    for (int restart = 0; restart < 5; ++restart) {
        const std::vector<Guard> kept = world.client->guards;
        SimNode& again = restarted(world, kept);
        world.client = &again;
        again.guards = kept;
        world.network.run_for(3min);
        EXPECT_EQ(again.guards, kept);
        for (int i = 0; i < 6; ++i) {
            const CircuitId circuit = world.build(again, 3);
            const Mid first = world.view(again, circuit).hops.front().mid;
            EXPECT_TRUE(
                std::ranges::any_of(kept, [&](const Guard& g) { return !g.for_exits && g.key.mid() == first; }));
        }
    }
}

TEST(Overlay, AGuardThatStaysSilentIsReplaced)
{
    WalkingWorld world(7);
    ASSERT_TRUE(world.network.run_until([&] { return world.client->guards.size() == 6; }, 60s));
    const std::vector<Guard> kept = world.client->guards;
    const Guard& dead = *std::ranges::find(kept, false, &Guard::for_exits);
    world.node_of(dead.key.mid()).die();
    SimNode& again = restarted(world, kept);
    world.network.run_for(2min);
    ASSERT_GE(again.guards.size(), 7U);
    for (const Guard& guard : kept)
        EXPECT_EQ(std::ranges::count(again.guards, guard), 1);
}

} // namespace
} // namespace cepa::test
