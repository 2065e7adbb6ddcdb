#include "main/api_swarms.hpp"
#include "main/fake_tunnel_service.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

HiddenSwarmStatus a_seed()
{
    HiddenSwarmStatus out;
    out.id = std::string(40, 'a');
    out.name = "film.bin";
    out.lookup_hash = std::string(20, '\xff');
    out.route = {2, "default"};
    out.seed = true;
    out.served = true;
    out.introduction_points = 3;
    out.tunnels.set_introduction_points(2);
    out.tunnels.set_announced_ms(90'000);
    out.state = TorrentState::seeding;
    out.tunnels.set_linked_ever(7);
    out.seen = 4;
    out.estimated_size = 1;
    return out;
}

TEST(ApiSwarmsTest, TellsAllOfASwarm)
{
    const Json json = to_json(a_seed());
    EXPECT_EQ(json["role"], "seed");
    EXPECT_EQ(json["lookup_hash"].get<std::string>(), std::string(40, 'f'));
    EXPECT_EQ(json["hops"], 2);
    EXPECT_EQ(json["introduction_points"], 2);
    EXPECT_EQ(json["introduction_points_wanted"], 3);
    EXPECT_EQ(json["announced_s"], 90.0);
    EXPECT_TRUE(json["looked_up_s"].is_null());
    EXPECT_EQ(json["seen"], 4);
    EXPECT_FALSE(json["estimated_from"].get<std::string>().empty());
    HiddenSwarmStatus too_many = a_seed();
    too_many.served = false;
    EXPECT_EQ(to_json(too_many)["role"], "waiting");
}

TEST(ApiSwarmsTest, LinesForAPerson)
{
    Json json = to_json(a_seed());
    const std::string line = swarm_line(json);
    for (const char* part : {"aaaaaaaaaa  seed", "introduction points 2 of 3", "0 links, 7 linked so far", "film.bin"})
        EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
    json["introduction_points"] = 0;
    EXPECT_EQ(findable_line(json), "introduction points 0 of 3: not findable yet");
    json["unfindable_s"] = 40.0;
    json["was_findable"] = true;
    json["waiting_for"] = "more nodes";
    EXPECT_EQ(findable_line(json), "introduction points 0 of 3: not findable any more for 40.0s; it waits for more nodes");
    EXPECT_EQ(swarm_line(json).find("waits for: "), std::string::npos) << "said already";
    json["role"] = "download";
    EXPECT_NE(swarm_line(json).find("waits for: more nodes"), std::string::npos) << swarm_line(json);
    json["seeders_found"] = 5;
    EXPECT_NE(swarm_line(json).find("5 seeders found  looked up never"), std::string::npos) << swarm_line(json);
}

TEST(ApiSwarmsTest, APausedSeedHasNoColumnsOfADownload)
{
    HiddenSwarmStatus paused = a_seed();
    paused.seed = false;
    paused.state = TorrentState::paused;
    const std::string line = swarm_line(to_json(paused));
    EXPECT_NE(line.find("idle"), std::string::npos) << line;
    EXPECT_NE(line.find("paused  film.bin"), std::string::npos) << line;
    EXPECT_EQ(line.find("seeders found"), std::string::npos) << line;
}

TEST(ApiSwarmsTest, TellsForHowLongNobodyFindsIt)
{
    HiddenSwarmStatus lonely = a_seed();
    EXPECT_TRUE(to_json(lonely)["unfindable_s"].is_null());
    lonely.unfindable = std::chrono::seconds(40);
    lonely.was_findable = true;
    lonely.waiting_for = "more nodes";
    const Json json = to_json(lonely);
    EXPECT_EQ(json["unfindable_s"], 40.0);
    EXPECT_EQ(json["was_findable"], true);
    EXPECT_EQ(json["waiting_for"], "more nodes");
}

Json asked(const HiddenSwarms* hidden, const proto::TunnelService* tunnels)
{
    Api api;
    add_swarm_methods(api, hidden, tunnels);
    std::string answer;
    api.handle(R"({"id":1,"method":"swarms"})", [&](std::string line) { answer = std::move(line); });
    return Json::parse(answer)["result"];
}

TEST(ApiSwarmsTest, TheRequestListsThem)
{
    test::FakeTunnelService service;
    const BootClock clock;
    const HiddenSwarms hidden(service, {}, clock);
    EXPECT_EQ(asked(&hidden, &service), Json({{"swarms", Json::array()}, {"introductions_for_others", 0}}));
}

TEST(ApiSwarmsTest, ANodeWithoutSwarmsTellsWhatItDoesForOthers)
{
    test::FakeTunnelService service;
    EXPECT_EQ(no_swarms_line(asked(nullptr, &service)), "no hidden swarms");
    EXPECT_EQ(no_swarms_line(asked(nullptr, nullptr)), "no hidden swarms");
    service.state.discovery.set_introductions(1);
    EXPECT_EQ(no_swarms_line(asked(nullptr, &service)),
              "no hidden swarms of its own; introduction point of 1 seeder of others");
    service.state.discovery.set_introductions(2);
    EXPECT_NE(no_swarms_line(asked(nullptr, &service)).find("2 seeders"), std::string::npos);
}

} // namespace
} // namespace cepa::main
