#include "main/node_settings.hpp"
#include "main/public_network.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

proto::Share share_with_exit()
{
    proto::Share share;
    share.add_guards()->set_chosen_unix_s(9);
    proto::Candidate& exit = *share.add_candidates();
    exit.set_flags(15);
    put_endpoint(*exit.mutable_address(), *Endpoint::parse("198.51.100.7:7759"));
    proto::Candidate& relay = *share.add_candidates();
    relay.set_flags(9);
    put_endpoint(*relay.mutable_address(), *Endpoint::parse("198.51.100.8:7759"));
    return share;
}

bool holds(const Settings& settings, const Endpoint& server)
{
    const auto made = node_settings(settings, {}, 0);
    for (const auto& entry : made.bootstrap())
        if (endpoint_of(entry.address()) == server) return true;
    return false;
}

} // namespace

TEST(NodeSettings, OnlyTheExplicitChoiceReachesThePublicServers)
{
    const Endpoint server = public_bootstrap_servers(Join::public_network)[0];
    Settings s;
    EXPECT_FALSE(holds(s, server));
    EXPECT_EQ(node_settings(s, {}, 0).bootstrap_size(), 0);
    s.overlay = tribler_overlay(); // the public overlay's id alone is no choice of the public network
    EXPECT_EQ(node_settings(s, {}, 0).bootstrap_size(), 0);
    s.peers = {*Endpoint::parse("127.0.0.1:1")};
    EXPECT_EQ(node_settings(s, {}, 0).bootstrap_size(), 0);
    s.join_chosen = true; // private, explicitly
    EXPECT_EQ(node_settings(s, {}, 0).bootstrap_size(), 0);
    EXPECT_FALSE(node_settings(s, {}, 0).public_network());
    s.join = Join::public_network;
    EXPECT_TRUE(holds(s, server));
    EXPECT_TRUE(node_settings(s, {}, 0).public_network());
}

TEST(NodeSettings, TheServersAreKnownInOnePlaceAndAskedForInOne)
{
    // The sources themselves: nobody else names a server, and nobody else asks for them.
    const std::filesystem::path root = CEPA_SOURCES;
    std::vector<std::string> knows;
    std::vector<std::string> asks;
    for (const char* top : {"src", "proto"})
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
            if (!entry.is_regular_file()) continue;
            std::ifstream in(entry.path());
            const std::string text{std::istreambuf_iterator<char>(in), {}};
            const std::string name = entry.path().filename();
            for (const char* trace : {"130.161.", "131.180.", "0x82a177", "0x83b41b", "dispersy", "tribler.org"})
                if (text.find(trace) != std::string::npos) {
                    knows.push_back(name);
                    break;
                }
            if (text.find("public_bootstrap_servers") != std::string::npos) asks.push_back(name);
        }
    EXPECT_THAT(knows, testing::UnorderedElementsAre("public_network.cpp"));
    EXPECT_THAT(asks, testing::UnorderedElementsAre("public_network.cpp", "public_network.hpp", "node_settings.cpp"));
}

TEST(NodeSettings, KnownExitsAreAWayInOnThePublicNetworkOnly)
{
    Settings s;
    s.peers = {*Endpoint::parse("127.0.0.1:1")};
    EXPECT_EQ(node_settings(s, share_with_exit(), 0).walk_to_size(), 1);
    s.join = Join::public_network;
    const auto made = node_settings(s, share_with_exit(), 0);
    ASSERT_EQ(made.walk_to_size(), 2);
    EXPECT_EQ(endpoint_of(made.walk_to(1)).to_string(), "198.51.100.7:7759");
    EXPECT_EQ(made.guards_size(), 1);
}

TEST(NodeSettings, RolesAndCaps)
{
    Settings s;
    const auto client = node_settings(s, {}, 0);
    EXPECT_FALSE(client.relay() || client.exit_bittorrent() || client.exit_ipv8());
    s.exit.enabled = true;
    s.exit.rate_bytes_per_s = 7;
    s.month_bytes = 1000;
    s.family = {std::string(74, 'k')};
    const auto exit = node_settings(s, {}, 400);
    EXPECT_TRUE(exit.relay() && exit.exit_bittorrent()); // an exit that is no relay cannot be reached
    EXPECT_EQ(exit.exit_rate_bytes_per_s(), 7u);
    EXPECT_EQ(exit.month_bytes(), 1000u);
    EXPECT_EQ(exit.month_bytes_used(), 400u);
    EXPECT_EQ(exit.family_size(), 1);
    EXPECT_EQ(exit.overlay_id(), "cepa private overlay");
}

TEST(NodeSettings, ANetworkIsChosenByJoiningOrByNamingPeers)
{
    Settings s;
    EXPECT_FALSE(has_network(s));
    s.join_chosen = true;
    EXPECT_TRUE(has_network(s));
    s.join_chosen = false;
    s.peers = {*Endpoint::parse("127.0.0.1:1")};
    EXPECT_TRUE(has_network(s));
    s.peers.clear();
    s.overlay = tribler_overlay(); // whose nodes? that is the public network's overlay, and nobody chose to join it
    EXPECT_FALSE(has_network(s));
    s.overlay = OverlayBytes{1};
    EXPECT_TRUE(has_network(s));
    for (const char* part : {"--join public", "--peer", "cepa demo"})
        EXPECT_THAT(how_to_join(), HasSubstr(part));
}

TEST(NodeSettings, EndpointsBothWays)
{
    for (const char* text : {"127.1.2.3:7759", "[2001:db8::1]:1"}) {
        proto::IpEndpoint wire;
        put_endpoint(wire, *Endpoint::parse(text));
        EXPECT_EQ(endpoint_of(wire).to_string(), text);
    }
    proto::IpEndpoint wrong;
    wrong.set_ip("abc");
    EXPECT_TRUE(endpoint_of(wrong).is_null());
    wrong.set_ip("abcd");
    wrong.set_port(70000);
    EXPECT_TRUE(endpoint_of(wrong).is_null());
    EXPECT_EQ(overlay_hex(tribler_overlay()), "a3591a6bd89bbaca0974062a1287afcfbc6fd6bc");
}
