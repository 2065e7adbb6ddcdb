#include "main/commands/demo_plan.hpp"
#include "main/settings_file.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <random>
#include <set>

using namespace cepa;
using namespace cepa::main;

namespace {

RandomBelow seeded(unsigned seed)
{
    return [engine = std::mt19937(seed)](std::uint32_t bound) mutable {
        return static_cast<std::uint32_t>(engine() % bound);
    };
}

DemoPlan plan(const DemoOptions& options, unsigned seed = 1)
{
    return plan_demo(options, "/tmp/demo", "/tmp/file", "/tmp/demo/demo.torrent", seeded(seed));
}

std::vector<NodeStart> everyone(const DemoPlan& p)
{
    std::vector<NodeStart> all;
    for (const auto* group : {&p.relays, &p.exits, &p.seeders})
        all.insert(all.end(), group->begin(), group->end());
    all.push_back(p.downloader);
    return all;
}

} // namespace

TEST(DemoPlan, AHiddenOneHasASeederWithTunnelsAndNeedsNoExit)
{
    DemoOptions options;
    options.hidden = true;
    options.hops = 3;
    options.exits = 0;
    const DemoPlan made = plan(options);
    EXPECT_TRUE(made.hidden);
    EXPECT_TRUE(made.exits.empty());
    EXPECT_EQ(made.relays.size(), 7U) << "a hop more, and a choice of last ones";
    ASSERT_EQ(made.seeders.size(), 1U);
    EXPECT_TRUE(made.seeder_endpoints.empty());
    EXPECT_THAT(made.seeders[0].arguments, testing::Contains("--hops"));
    EXPECT_THAT(made.seeders[0].arguments, testing::Contains("--peer"));
    options.relays = 3;
    options.relays_given = true;
    EXPECT_THROW((void)plan(options), Misuse) << "4 in a row";
    options.hops = 0;
    EXPECT_THROW((void)plan(options), Misuse);
}

TEST(DemoPlan, EveryNodeHasAFolderAndAnAddressInANetworkOfItsOwn)
{
    for (unsigned seed = 0; seed < 20; ++seed) {
        const auto all = everyone(plan(DemoOptions{}, seed));
        EXPECT_EQ(all.size(), 4u + 2u + 4u + 1u);
        std::set<std::string> networks;
        std::set<std::string> folders;
        for (const NodeStart& node : all) {
            const auto ip = IpAddress::parse(node.address);
            ASSERT_TRUE(ip && ip->is_loopback()) << node.address;
            EXPECT_TRUE(networks.insert(ip->diversity_prefix().to_string()).second) << node.address;
            EXPECT_TRUE(folders.insert(node.folder.string()).second);
        }
    }
}

TEST(DemoPlan, TheSettingsAreThoseOfAPrivateNetwork)
{
    Settings s;
    apply_settings_text(s, plan(DemoOptions{}).settings_text, "cepa.toml");
    check_settings(s);
    EXPECT_EQ(s.join, Join::private_network);
    EXPECT_TRUE(s.join_chosen);
    EXPECT_TRUE(s.record_peers) << "the proof";
    EXPECT_FALSE(s.front_process);
    DemoOptions front;
    front.front_process = true;
    apply_settings_text(s, plan(front).settings_text, "cepa.toml");
    EXPECT_TRUE(s.front_process);
    EXPECT_TRUE(s.bootstrap.empty());
    EXPECT_TRUE(s.allow_loopback);
    EXPECT_NE(s.effective_overlay(), tribler_overlay());
    Settings other;
    apply_settings_text(other, plan(DemoOptions{}, 2).settings_text, "cepa.toml");
    EXPECT_NE(s.effective_overlay(), other.effective_overlay()); // random: two demos do not meet
}

TEST(DemoPlan, PeersAreNamedAndNobodyNamesItself)
{
    const DemoPlan p = plan(DemoOptions{});
    for (const auto* group : {&p.relays, &p.exits})
        for (const NodeStart& node : *group) {
            EXPECT_THAT(node.arguments, testing::Contains("--peer"));
            EXPECT_THAT(node.arguments, testing::Contains(node.address + ":7759").Times(1)); // its own --listen only
        }
    EXPECT_THAT(p.downloader.arguments, testing::Contains("--peer").Times(6));
}

TEST(DemoPlan, SeedersLoadEveryWorkerUnlessSaid)
{
    EXPECT_EQ(default_seeders(0), 4u);
    EXPECT_EQ(default_seeders(2), 4u);
    EXPECT_EQ(default_seeders(4), 8u);
    DemoOptions o;
    o.seeders = 3;
    const DemoPlan p = plan(o);
    EXPECT_EQ(p.seeders.size(), 3u);
    EXPECT_EQ(p.seeder_endpoints.size(), 3u);
    EXPECT_EQ(p.seeder_endpoints[0], p.seeders[0].address + ":6881");
}

TEST(DemoPlan, ImpossibleNumbersAreMisuse)
{
    DemoOptions o;
    o.hops = 3;
    o.relays = 1;
    o.exits = 1;
    EXPECT_THROW((void)plan(o), Misuse);
    o.exits = 2;
    EXPECT_NO_THROW((void)plan(o));
    o.relays = 200;
    o.exits = 60;
    EXPECT_THROW((void)plan(o), Misuse);
}

TEST(DemoPlan, PlainNeedsNoTunnels)
{
    DemoOptions o;
    o.hops = 0;
    o.relays = 0;
    const DemoPlan p = plan(o);
    EXPECT_TRUE(p.relays.empty() && p.exits.empty());
    EXPECT_EQ(p.seeders.size(), 4u);
}
