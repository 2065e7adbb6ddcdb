#include "main/fake_tunnel_service.hpp"
#include "main/hidden_swarms.hpp"
#include "support/fake_clock.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::main {
namespace {

const std::string kTorrentId = "0102030405060708090a0b0c0d0e0f1011121314";
const TorrentRoute kTorrentRoute{2, "default"};
const std::string kFirstPoint = "an introduction point: nobody finds it without one";

std::string hex_of(const std::string& bytes)
{
    std::string out;
    for (const char byte : bytes)
        out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return out;
}

TorrentInfo hidden_torrent(TorrentState state = TorrentState::downloading, const std::string& id = kTorrentId)
{
    TorrentInfo out;
    out.id = id;
    out.name = "film.bin";
    out.route = kTorrentRoute;
    out.peer_mode = PeerMode::both;
    out.state = state;
    out.complete = state == TorrentState::seeding;
    return out;
}

class HiddenSwarmsTest : public testing::Test {
protected:
    HiddenSwarmsTest() { service.state.discovery.set_peers(5); }

    proto::HiddenLink link(const std::string& seeder_key) const
    {
        proto::HiddenLink out;
        out.set_lookup_hash(lookup_hash_of(kTorrentId));
        out.set_seeder_key(seeder_key);
        return out;
    }

    cepa::test::FakeClock clock;
    test::FakeTunnelService service;
    std::map<CircuitId, Endpoint> circuits;
    std::vector<std::pair<Endpoint, bool>> linked;
    std::vector<Endpoint> lost;
    std::map<std::string, std::string> waiting;
    std::vector<TorrentRoute> usable;
    std::map<std::pair<Endpoint, bool>, std::uint64_t> payloads;
    HiddenSwarms swarms{
        service,
        {[](const TorrentRoute& route) { return Route{static_cast<std::uint8_t>(route.hops), GroupId(3)}; },
         [this](const Route&, CircuitId circuit, const Endpoint& peer) { circuits[circuit] = peer; },
         [this](const std::string&, const Endpoint& peer, bool seeder) { linked.emplace_back(peer, seeder); },
         [this](const std::string&, const Endpoint& peer) { lost.push_back(peer); },
         [this](const std::string& id, const std::string& what) { waiting[id] = what; },
         [this](const TorrentRoute& route) { usable.push_back(route); },
         [this](const std::string&, const Endpoint& peer, bool seeder) { return payloads[{peer, seeder}]; }, true},
        clock};
};

TEST(LookupHashTest, IsThatOfTheDeployedNetwork)
{
    // printf 'tribler anonymous download0102...1314' | sha1sum
    EXPECT_EQ(hex_of(lookup_hash_of(kTorrentId)), "0fcb239231282f4df0d7498c3219cbfc909573ee");
}

TEST_F(HiddenSwarmsTest, TheTunnelsAreToldWhatLinksHaveCarriedSinceTheyCameAndOnlyChanges)
{
    swarms.update({hidden_torrent()});
    swarms.on_link(CircuitId(1), link("a"));
    swarms.on_link(CircuitId(2), link("")); // somebody who came to us
    const Endpoint seeder = circuits.at(CircuitId(1));
    payloads[{seeder, true}] = 5000;
    payloads[{seeder, false}] = 77; // sent to a seeder: of no use to us
    payloads[{circuits.at(CircuitId(2)), false}] = 300;
    swarms.update({hidden_torrent()});
    swarms.update({hidden_torrent()});
    EXPECT_EQ(service.payloads,
              (std::vector<proto::LinkPayload>{{CircuitId(1), 5000}, {CircuitId(2), 300}}));
    service.payloads.clear();
    swarms.on_link(CircuitId(3), link("a")); // another to the same seeder
    payloads[{seeder, true}] = 6000;
    swarms.update({hidden_torrent()});
    EXPECT_EQ(service.payloads,
              (std::vector<proto::LinkPayload>{{CircuitId(1), 6000}, {CircuitId(3), 1000}}));
    service.payloads.clear();
    payloads[{seeder, true}] = 4000; // something is taken back: what came before the second link is not the second's
    swarms.update({hidden_torrent()});
    EXPECT_EQ(service.payloads, (std::vector<proto::LinkPayload>{{CircuitId(1), 4000}, {CircuitId(3), 0}}));
    service.payloads.clear();
    payloads[{seeder, true}] = 4500;
    swarms.update({hidden_torrent()});
    EXPECT_EQ(service.payloads, (std::vector<proto::LinkPayload>{{CircuitId(1), 4500}, {CircuitId(3), 500}}));
    service.payloads.clear();
    payloads[{seeder, true}] = 0;
    swarms.update({hidden_torrent()});
    EXPECT_EQ(service.payloads, (std::vector<proto::LinkPayload>{{CircuitId(1), 0}, {CircuitId(3), 0}}));
}

TEST_F(HiddenSwarmsTest, ASecondTorrentOfOneSwarmTakesNothingOver)
{
    TorrentInfo first = hidden_torrent();
    TorrentInfo second = hidden_torrent(TorrentState::seeding, "ff" + kTorrentId.substr(2));
    second.route.hops = 1;
    second.lookup_id = kTorrentId;
    swarms.update({first});
    swarms.update({first, second});
    swarms.update({first, second});
    ASSERT_EQ(service.swarms.size(), 1U);
    EXPECT_EQ(service.swarms[0].hops, 2);
    EXPECT_TRUE(service.swarms[0].download);
    swarms.update({second});
    ASSERT_EQ(service.swarms.size(), 1U);
    EXPECT_EQ(service.swarms[0].hops, 1);
}

TEST_F(HiddenSwarmsTest, AnIncompleteTorrentIsLookedForAndACompleteOneSeeded)
{
    swarms.update({hidden_torrent()});
    ASSERT_EQ(service.swarms.size(), 1U);
    EXPECT_EQ(service.swarms[0].lookup_hash, lookup_hash_of(kTorrentId));
    EXPECT_EQ(service.swarms[0].hops, 2);
    EXPECT_EQ(service.swarms[0].group, GroupId(3));
    EXPECT_TRUE(service.swarms[0].download);
    EXPECT_TRUE(service.swarms[0].seed_key.empty());
    EXPECT_EQ(service.monitored, std::vector<std::string>{lookup_hash_of(kTorrentId)});

    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_FALSE(service.swarms[0].download);
    EXPECT_EQ(service.swarms[0].seed_key.size(), proto::kSwarmKeySize);
}

TEST_F(HiddenSwarmsTest, TheSwarmKeyStaysForThisStart)
{
    swarms.update({hidden_torrent(TorrentState::seeding)});
    const std::string key = service.swarms[0].seed_key;
    swarms.update({hidden_torrent(TorrentState::paused)});
    EXPECT_TRUE(service.swarms.empty());
    EXPECT_TRUE(service.monitored.empty());
    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_EQ(service.swarms[0].seed_key, key);
}

TEST_F(HiddenSwarmsTest, AKeyThatNodesRefuseIsReplacedAndTheWorkersAreTold)
{
    swarms.update({hidden_torrent(TorrentState::seeding)});
    const std::string first = service.swarms[0].seed_key;
    service.state.swarms[lookup_hash_of(kTorrentId)].set_refused(SwarmKey::kRefused);
    clock.advance(SwarmKey::kLives);
    service.swarms.clear();
    swarms.update({hidden_torrent(TorrentState::seeding)});
    ASSERT_EQ(service.swarms.size(), 1U) << "told anew";
    EXPECT_NE(service.swarms[0].seed_key, first);
    EXPECT_EQ(service.swarms[0].seed_key.size(), proto::kSwarmKeySize);
}

TEST_F(HiddenSwarmsTest, WhoFindsNoPlaceIsToldSoAndGetsOneLater)
{
    const auto id_of = [](std::size_t i) { return fmt::format("{:040x}", i); };
    std::vector<TorrentInfo> torrents;
    for (std::size_t i = 0; i < proto::kMaxSwarms; ++i) torrents.push_back(hidden_torrent(TorrentState::seeding, id_of(i)));
    swarms.update(torrents);
    ASSERT_EQ(service.swarms.size(), proto::kMaxSwarms);
    for (std::size_t i = 0; i < 3; ++i) torrents.push_back(hidden_torrent(TorrentState::seeding, id_of(5000 + i)));
    torrents.push_back(hidden_torrent(TorrentState::downloading, id_of(6000)));
    swarms.update(torrents);
    EXPECT_EQ(service.swarms.size(), proto::kMaxSwarms);
    for (std::size_t i = 0; i < proto::kMaxSwarms; ++i) EXPECT_EQ(waiting[id_of(i)], kFirstPoint) << "who has a place keeps it";
    for (const std::size_t i : {5000U, 5001U, 5002U, 6000U})
        EXPECT_EQ(waiting[id_of(i)], "a place among the 256 hidden swarms that are served at a time");
    EXPECT_EQ(std::ranges::count(swarms.status(), false, &HiddenSwarmStatus::served), 4);
    torrents.erase(torrents.begin(), torrents.begin() + 4);
    swarms.update(torrents);
    EXPECT_EQ(service.swarms.size(), proto::kMaxSwarms);
    EXPECT_EQ(waiting[id_of(5000)], kFirstPoint);
    EXPECT_EQ(std::ranges::count(swarms.status(), true, &HiddenSwarmStatus::served), static_cast<int>(proto::kMaxSwarms));
}

TEST_F(HiddenSwarmsTest, AHybridIsLookedForByItsV1HashOnceThatIsKnown)
{
    TorrentInfo torrent = hidden_torrent();
    torrent.lookup_id = torrent.id;
    swarms.update({torrent});
    torrent.lookup_id = std::string(40, 'b');
    swarms.update({torrent});
    ASSERT_EQ(service.swarms.size(), 1U);
    EXPECT_EQ(service.swarms[0].lookup_hash, lookup_hash_of(torrent.lookup_id));
    EXPECT_EQ(swarms.status().size(), 1U);
}

TEST_F(HiddenSwarmsTest, NothingIsDoneForPausedFailedUncheckedAndOpenOnes)
{
    for (const TorrentState state : {TorrentState::paused, TorrentState::failed, TorrentState::checking}) {
        swarms.update({hidden_torrent(state)});
        EXPECT_TRUE(service.swarms.empty()) << to_string(state);
    }
    TorrentInfo open = hidden_torrent();
    open.peer_mode = PeerMode::open;
    swarms.update({open});
    EXPECT_TRUE(service.swarms.empty());
    EXPECT_TRUE(swarms.status().empty());
}

TEST_F(HiddenSwarmsTest, ALinkBecomesAPeerThatIsTheSameWhenItIsMadeAnew)
{
    swarms.update({hidden_torrent()});
    swarms.on_link(CircuitId(1), link(std::string(74, 'k')));
    ASSERT_EQ(linked.size(), 1U);
    EXPECT_TRUE(linked[0].second);
    EXPECT_TRUE(is_made_up(linked[0].first.ip));
    EXPECT_EQ(circuits.at(CircuitId(1)), linked[0].first);
    EXPECT_EQ(usable, std::vector<TorrentRoute>{kTorrentRoute});
    EXPECT_TRUE(swarms.keeps_awake(kTorrentRoute));

    swarms.on_gone(CircuitId(1), linked[0].first);
    EXPECT_EQ(lost, std::vector<Endpoint>{linked[0].first});
    EXPECT_FALSE(swarms.keeps_awake(kTorrentRoute));
    swarms.on_link(CircuitId(2), link(std::string(74, 'k')));
    ASSERT_EQ(linked.size(), 2U);
    EXPECT_EQ(linked[1].first.ip, linked[0].first.ip);
}

TEST_F(HiddenSwarmsTest, ASeederWithASecondLinkIsNotLostWithTheFirst)
{
    swarms.update({hidden_torrent()});
    swarms.on_link(CircuitId(1), link(std::string(74, 'k')));
    swarms.on_link(CircuitId(2), link(std::string(74, 'k')));
    swarms.on_gone(CircuitId(1), linked[0].first);
    EXPECT_TRUE(lost.empty());
    swarms.on_gone(CircuitId(2), linked[0].first);
    EXPECT_EQ(lost.size(), 1U);
}

TEST_F(HiddenSwarmsTest, WhoComesToUsGetsAnAddressPerLink)
{
    swarms.update({hidden_torrent(TorrentState::seeding)});
    swarms.on_link(CircuitId(1), link(""));
    swarms.on_link(CircuitId(2), link(""));
    ASSERT_EQ(linked.size(), 2U);
    EXPECT_FALSE(linked[0].second) << "we wait for it to connect";
    EXPECT_NE(linked[0].first, linked[1].first);
    EXPECT_EQ(usable.size(), 1U) << "the route was usable already";
}

TEST_F(HiddenSwarmsTest, ALinkOfASwarmThatIsNotOursIsClosed)
{
    swarms.on_link(CircuitId(9), link(std::string(74, 'k')));
    EXPECT_EQ(service.closed, std::vector<CircuitId>{CircuitId(9)});
    EXPECT_TRUE(linked.empty());
}

TEST_F(HiddenSwarmsTest, ASeedAndHiddenPeersOnlyKeepTheRouteAwake)
{
    swarms.update({hidden_torrent()});
    EXPECT_FALSE(swarms.keeps_awake(kTorrentRoute)) << "its open peers wait for circuits";
    EXPECT_TRUE(usable.empty());
    TorrentInfo only = hidden_torrent();
    only.peer_mode = PeerMode::hidden;
    swarms.update({only});
    EXPECT_TRUE(swarms.keeps_awake(kTorrentRoute));
    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_TRUE(swarms.keeps_awake(kTorrentRoute));
    EXPECT_EQ(usable.size(), 1U) << "said once";
    EXPECT_FALSE(swarms.keeps_awake({3, "default"}));
    swarms.update({hidden_torrent(TorrentState::paused)});
    EXPECT_FALSE(swarms.keeps_awake(kTorrentRoute));
}

TEST_F(HiddenSwarmsTest, SaysWhatADownloadWaitsFor)
{
    swarms.update({hidden_torrent()});
    EXPECT_EQ(waiting[kTorrentId], "a circuit of 2 hops to search for hidden seeders");
    proto::CircuitInfo& circuit = service.state.circuits[7];
    circuit.set_purpose(proto::PURPOSE_LOOKUP);
    circuit.set_state(proto::CIRCUIT_READY);
    circuit.set_wanted_hops(2);
    circuit.set_group(4); // of another group
    swarms.update({hidden_torrent()});
    EXPECT_EQ(waiting[kTorrentId], "a circuit of 2 hops to search for hidden seeders");
    circuit.set_group(3);
    swarms.update({hidden_torrent()});
    EXPECT_EQ(waiting[kTorrentId], "hidden seeders: the first search was not answered yet");
    proto::SwarmInfo& info = service.state.swarms[lookup_hash_of(kTorrentId)];
    info.set_looked_up_ms(3000);
    swarms.update({hidden_torrent()});
    EXPECT_NE(waiting[kTorrentId].find("none found yet"), std::string::npos);
    info.set_seeders_found(1);
    info.set_linking(1);
    swarms.update({hidden_torrent()});
    EXPECT_EQ(waiting[kTorrentId], "a link with 1 hidden seeder (1 under way)");
    info.set_links(1);
    swarms.update({hidden_torrent()});
    EXPECT_EQ(waiting[kTorrentId], "an answer of 1 hidden seeder, linked");
}

TEST_F(HiddenSwarmsTest, SaysWhyASeedIsNotFindableAndForHowLong)
{
    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_EQ(waiting[kTorrentId], kFirstPoint);
    clock.advance(std::chrono::seconds(40));
    EXPECT_EQ(swarms.status().at(0).unfindable, Duration(std::chrono::seconds(40)));
    EXPECT_FALSE(swarms.status().at(0).was_findable);
    EXPECT_EQ(swarms.status().at(0).waiting_for, kFirstPoint);
    proto::SwarmInfo& info = service.state.swarms[lookup_hash_of(kTorrentId)];
    info.set_introduction_points(1);
    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_EQ(waiting[kTorrentId], "");
    EXPECT_EQ(swarms.status().at(0).unfindable, std::nullopt);
    info.set_introduction_points(0);
    service.state.discovery.set_peers(2);
    swarms.update({hidden_torrent(TorrentState::seeding)});
    EXPECT_EQ(waiting[kTorrentId], "more nodes: introduction points need 3 nodes in a row, 2 known");
    EXPECT_EQ(swarms.status().at(0).unfindable, Duration{});
    EXPECT_TRUE(swarms.status().at(0).was_findable);
    swarms.update({hidden_torrent(TorrentState::paused)});
    EXPECT_EQ(waiting[kTorrentId], "");
    EXPECT_EQ(swarms.status().at(0).unfindable, std::nullopt) << "it is not to be found";
}

TEST_F(HiddenSwarmsTest, StatusTellsOfRoleLinksAndSightings)
{
    swarms.update({hidden_torrent(TorrentState::seeding)});
    swarms.on_link(CircuitId(1), link(""));
    swarms.on_seen(lookup_hash_of(kTorrentId));
    swarms.on_seen(std::string(20, 'x'));
    service.state.swarms[lookup_hash_of(kTorrentId)].set_introduction_points(2);
    const auto status = swarms.status();
    ASSERT_EQ(status.size(), 1U);
    EXPECT_TRUE(status[0].seed);
    EXPECT_FALSE(status[0].download);
    EXPECT_EQ(status[0].name, "film.bin");
    EXPECT_EQ(status[0].introduction_points, 3U);
    EXPECT_EQ(status[0].tunnels.introduction_points(), 2U);
    EXPECT_EQ(status[0].tunnels.links(), 1U);
    EXPECT_EQ(status[0].tunnels.linked_ever(), 1U);
    EXPECT_EQ(status[0].seen, 1U);
    EXPECT_EQ(status[0].estimated_size, 2U);
}

} // namespace
} // namespace cepa::main
