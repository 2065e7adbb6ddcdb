#include "support/discovery_net.hpp"
#include "tunnel/discovery/discovery.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::discovery;

std::string address(std::uint32_t i)
{
    return "10." + std::to_string(i) + ".0.1:7000";
}

TunnelSettings relay(std::uint32_t i, const Endpoint& walk_to)
{
    TunnelSettings out = settings_for(i, address(i));
    out.relay = true;
    out.exit_bittorrent = i % 3 == 0;
    if (out.listen != walk_to) out.walk_to = {walk_to};
    return out;
}

TEST(Discovery, NeedsAnIdentityToDiscover)
{
    ManualClock clock;
    TunnelSettings settings = settings_for(1, address(1));
    settings.identity.reset();
    EXPECT_THROW(Node(clock, settings), std::invalid_argument);
    settings.discover = false;
    EXPECT_NO_THROW(Node(clock, settings));
}

TEST(Discovery, TenNodesThatKnowOneFindEachOther)
{
    Net net;
    for (std::uint32_t i = 1; i <= 10; ++i)
        net.add(relay(i, at(address(1))));
    net.run(15s);
    for (const auto& node : net.nodes) {
        EXPECT_EQ(node->discovery.candidates().size(), 9U) << node->settings.listen.to_string();
        EXPECT_EQ(node->discovery.view().exits, node->settings.exit_bittorrent ? 2U : 3U);
        EXPECT_EQ(node->discovery.view().distinct_prefixes, 9U);
        EXPECT_FALSE(node->discovery.view().bootstrapping);
    }
}

TEST(Discovery, ANamedPeerIsACandidateAtOnce)
{
    Net net;
    net.add(relay(1, at(address(1))));
    Node& client = net.add(settings_for(2, address(2)));
    EXPECT_TRUE(client.discovery.candidates().empty());
    TunnelSettings walking = settings_for(3, address(3));
    walking.walk_to = {at(address(1))};
    Node& walker = net.add(walking);
    net.run(50ms);
    EXPECT_EQ(walker.discovery.candidates().size(), 1U);
    const DiscoveryChanges changes = walker.discovery.take_changes();
    EXPECT_TRUE(changes.candidates);
    EXPECT_FALSE(walker.discovery.take_changes().candidates);
    // A client is a peer of others, but nobody's hop.
    EXPECT_EQ(net.nodes[0]->discovery.view().peers, 1U);
    EXPECT_TRUE(net.nodes[0]->discovery.candidates().empty());
}

TEST(Discovery, CandidatesLeaveAfterTheirSilence)
{
    Net net;
    Node& gone = net.add(relay(1, at(address(1))));
    Node& left = net.add(relay(2, at(address(1))));
    net.run(2s);
    ASSERT_EQ(left.discovery.candidates().size(), 1U);
    static_cast<void>(left.discovery.take_changes());
    const PublicKey key = gone.settings.identity_public;
    net.remove(gone);
    net.run(55s);
    EXPECT_EQ(left.discovery.candidates().size(), 1U);
    net.run(5s);
    EXPECT_TRUE(left.discovery.candidates().empty());
    EXPECT_FALSE(left.discovery.find(key));
    EXPECT_TRUE(left.discovery.take_changes().candidates);
}

TEST(Discovery, PeersThatLiveStayForHours)
{
    Net net;
    for (std::uint32_t i = 1; i <= 4; ++i)
        net.add(relay(i, at(address(1))));
    net.run(10s);
    for (int minute = 0; minute < 20; ++minute) {
        net.run(1min);
        for (const auto& node : net.nodes)
            ASSERT_EQ(node->discovery.candidates().size(), 3U) << "minute " << minute;
    }
}

TEST(Discovery, WhatConcernsUsKeepsAPeerAlive)
{
    Net net;
    Node& node = net.add(settings_for(1, address(1)));
    Stranger peer(50, "10.50.0.1:7000");
    node.discovery.on_packet(peer.address, peer.request(node.settings.listen, 1));
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 1U);
    node.discovery.on_packet(peer.address, peer.answer(read_request(asked[0]).identifier, node.settings.listen));
    for (int i = 0; i < 20; ++i) {
        net.run(10s);
        node.discovery.heard_from(peer.address);
    }
    EXPECT_EQ(node.discovery.candidates().size(), 1U);
    EXPECT_EQ(node.discovery.key_at(peer.address), peer.key.public_key());
    net.run(60s);
    EXPECT_TRUE(node.discovery.candidates().empty());
    EXPECT_FALSE(node.discovery.key_at(peer.address));
}

TEST(Discovery, UnaskedAndReplayedAnswersCountForNothing)
{
    Net net;
    Node& node = net.add(settings_for(1, address(1)));
    Stranger peer(50, "10.50.0.1:7000");
    node.discovery.on_packet(peer.address, peer.answer(1, node.settings.listen));
    EXPECT_EQ(node.discovery.view().peers, 0U);
    EXPECT_EQ(node.drops("discovery_unexpected"), 1U);
    node.discovery.on_packet(peer.address, peer.request(node.settings.listen, 1));
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 1U);
    const std::uint16_t identifier = read_request(asked[0]).identifier;
    // Another identifier, another address, a forged signature: none is the answer.
    node.discovery.on_packet(peer.address,
                             peer.answer(static_cast<std::uint16_t>(identifier + 1), node.settings.listen));
    node.discovery.on_packet(at("10.66.0.1:6"), peer.answer(identifier, node.settings.listen));
    Bytes forged = peer.answer(identifier, node.settings.listen);
    forged[120] ^= 1U;
    node.discovery.on_packet(peer.address, forged);
    EXPECT_TRUE(node.discovery.candidates().empty());
    const Bytes answer = peer.answer(identifier, node.settings.listen);
    node.discovery.on_packet(peer.address, answer);
    EXPECT_EQ(node.discovery.candidates().size(), 1U);
    node.discovery.on_packet(peer.address, answer);
    EXPECT_EQ(node.drops("discovery_unexpected"), 4U);
}

TEST(Discovery, TruncatedAnswersAreHarmless)
{
    Net net;
    Node& node = net.add(settings_for(1, address(1)));
    Stranger peer(50, "10.50.0.1:7000");
    node.discovery.on_packet(peer.address, peer.request(node.settings.listen, 1));
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 1U);
    const Bytes answer = peer.answer(read_request(asked[0]).identifier, node.settings.listen);
    for (std::size_t size = 0; size < answer.size(); ++size)
        node.discovery.on_packet(peer.address, ByteSpan(answer).first(size));
    EXPECT_TRUE(node.discovery.candidates().empty());
    node.discovery.on_packet(peer.address, answer);
    EXPECT_EQ(node.discovery.candidates().size(), 1U) << "the real one still counts";
}

TEST(Discovery, FollowsIntroductionsByTheRulesOfSection5)
{
    struct Case {
        const char* lan;
        const char* wan;
        std::vector<const char*> walked;
    };
    // Our WAN is 10.1.0.1, the listen address.
    const std::vector<Case> cases{
        {"192.168.0.5:5", "10.70.0.1:5", {"10.70.0.1:5", "192.168.0.5:5"}},
        {"192.168.0.5:5", "10.1.0.1:5", {"192.168.0.5:5"}},
        {"0.0.0.0:0", "10.1.0.1:5", {"10.1.0.1:5"}},
        {"0.0.0.0:0", "0.0.0.0:0", {}},
        {"127.0.0.1:5", "224.0.0.1:5", {}},
        {"0.0.0.0:0", "10.1.0.1:7000", {}}, // ourselves
    };
    for (const Case& c : cases) {
        Net net;
        Node& node = net.add(settings_for(1, address(1)));
        Stranger peer(50, "10.50.0.1:7000");
        node.discovery.on_packet(peer.address, peer.request(node.settings.listen, 1));
        const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
        ASSERT_EQ(asked.size(), 1U);
        IntroductionResponse response = peer.response_to(read_request(asked[0]).identifier, node.settings.listen);
        response.introduced_lan = at(c.lan);
        response.introduced_wan = at(c.wan);
        node.discovery.on_packet(peer.address, peer.sign(response, discovery_id::kIntroductionResponse));
        std::set<Endpoint> walked;
        for (int step = 0; step < 40; ++step) {
            net.clock.advance(500ms);
            node.discovery.tick();
            for (const SentPacket& packet : node.outbox.take(discovery_id::kIntroductionRequest))
                if (packet.to != peer.address) walked.insert(packet.to);
        }
        std::set<Endpoint> expected;
        for (const char* e : c.walked)
            expected.insert(at(e));
        EXPECT_EQ(walked, expected) << c.lan << " / " << c.wan;
    }
}

TEST(Discovery, LearnsItsWanFromSeveralAndReportsTheChange)
{
    Net net;
    TunnelSettings settings = settings_for(1, "10.1.0.1:7000");
    settings.walk_to = {at("10.51.0.1:7000"), at("10.52.0.1:7000"), at("10.53.0.1:7000")};
    Node& node = net.add(settings);
    node.discovery.tick();
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 3U);
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(node.discovery.wan(), i < 2 ? settings.listen : at("5.5.5.5:55"));
        Stranger peer(50 + i, asked[i].to.to_string());
        node.discovery.on_packet(asked[i].to, peer.answer(read_request(asked[i]).identifier, at("5.5.5.5:55")));
    }
    EXPECT_EQ(node.discovery.wan(), at("5.5.5.5:55"));
    EXPECT_TRUE(node.discovery.take_changes().addresses);
    EXPECT_EQ(node.discovery.own_addresses().front(), at("5.5.5.5:55"));
    EXPECT_TRUE(node.discovery.is_own(at("5.5.5.5:99")));
}

TEST(Discovery, BootstrapsOnlyWithoutPeersAndFollowsTheServersHint)
{
    Net net;
    TunnelSettings settings = settings_for(1, address(1));
    settings.bootstrap = {at("10.8.0.1:6421")};
    Node& node = net.add(settings);
    EXPECT_TRUE(node.discovery.view().bootstrapping);
    node.discovery.tick();
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].to, settings.bootstrap[0]);
    EXPECT_TRUE(has_prefix(asked[0].bytes, make_prefix(kTestOverlay)));

    net.add(relay(2, at(address(2))));
    Stranger server(50, "10.8.0.1:6421");
    IntroductionResponse response = server.response_to(read_request(asked[0]).identifier, settings.listen);
    response.introduced_wan = at(address(2));
    node.discovery.on_packet(server.address, server.sign(response, discovery_id::kIntroductionResponse));
    net.run(3s);
    EXPECT_EQ(node.discovery.candidates().size(), 1U);
    EXPECT_EQ(node.discovery.view().peers, 1U) << "a server is no peer";
    std::size_t to_server = 0;
    for (int i = 0; i < 1000; ++i) {
        net.clock.advance(50ms);
        for (const auto& n : net.nodes)
            n->discovery.tick();
        for (const SentPacket& packet : node.outbox.sent)
            to_server += packet.to == server.address ? 1U : 0U;
        net.deliver();
    }
    EXPECT_EQ(to_server, 0U);
}

TEST(Discovery, ASnapshotIsUsableAtOnceAndVerifiedByWalking)
{
    Net net;
    Node& lives = net.add(relay(3, at(address(3))));
    const Candidate alive{lives.settings.identity_public, at(address(3)), lives.settings.flags(), true};
    const Candidate dead{key_number(77).public_key(), at("10.77.0.1:7000"), 15, true};
    Node& restarted = net.add(settings_for(1, address(1)));
    restarted.discovery.share({alive, dead}, {at("5.5.5.5:55")});
    EXPECT_EQ(restarted.discovery.candidates(), (std::vector{alive, dead}));
    EXPECT_EQ(restarted.discovery.wan(), at("5.5.5.5:55"));
    net.run(2s);
    EXPECT_EQ(restarted.discovery.candidates().size(), 2U);
    net.run(60s);
    ASSERT_EQ(restarted.discovery.candidates().size(), 1U) << "silence counts against the remembered too";
    EXPECT_EQ(restarted.discovery.candidates()[0].key, alive.key);
    EXPECT_TRUE(restarted.discovery.candidates()[0].connectable);
    // The echo of what it said itself must not bring the dead back.
    restarted.discovery.share({alive, dead}, {});
    EXPECT_EQ(restarted.discovery.candidates().size(), 1U);
}

TEST(Discovery, AWorkerWithoutDiscoveryHoldsWhatIsShared)
{
    Net net;
    TunnelSettings settings = settings_for(1, address(1));
    settings.discover = false;
    settings.identity.reset();
    Node& node = net.add(settings);
    Stranger peer(50, "10.50.0.1:7000");
    EXPECT_FALSE(node.discovery.on_packet(peer.address, peer.request(settings.listen, 1)));
    node.discovery.tick();
    EXPECT_TRUE(node.outbox.sent.empty());
    const Candidate candidate{peer.key.public_key(), peer.address, 9, false};
    const Candidate ourselves{settings.identity_public, at("10.9.0.1:1"), 15, true};
    node.discovery.share({candidate, ourselves}, {at("5.5.5.5:55")});
    EXPECT_EQ(node.discovery.candidates(), std::vector{candidate});
    EXPECT_EQ(node.discovery.address_of(candidate.key), candidate.address);
    EXPECT_EQ(node.discovery.key_at(candidate.address), candidate.key);
    EXPECT_TRUE(node.discovery.is_own(at("5.5.5.5:55")));
    node.discovery.mark_connectable(candidate.key);
    EXPECT_TRUE(node.discovery.find(candidate.key)->connectable);
    node.discovery.share({}, {});
    EXPECT_TRUE(node.discovery.candidates().empty());
}

TEST(Discovery, AfterASuspendThePeersAreAskedBeforeTheyAreForgotten)
{
    Net net;
    Node& node = net.add(relay(1, at(address(1))));
    net.add(relay(2, at(address(1))));
    Node& gone = net.add(relay(3, at(address(1))));
    net.run(5s);
    ASSERT_EQ(node.discovery.candidates().size(), 2U);
    net.remove(gone);
    net.clock.advance(8h);
    net.run(5s);
    EXPECT_EQ(node.discovery.candidates().size(), 2U);
    net.run(60s);
    EXPECT_EQ(node.discovery.candidates().size(), 1U);
}

TEST(Discovery, OnLoopbackNodesFindEachOtherByTheirListenAddresses)
{
    Net net;
    for (std::uint32_t i = 1; i <= 6; ++i) {
        TunnelSettings settings = settings_for(i, "127.0." + std::to_string(i) + ".1:7000");
        settings.relay = settings.allow_loopback = settings.allow_equal_prefixes = true;
        if (i > 1) settings.walk_to = {at("127.0.1.1:7000")};
        net.add(settings);
    }
    net.run(10s);
    for (const auto& node : net.nodes) {
        EXPECT_EQ(node->discovery.candidates().size(), 5U);
        EXPECT_EQ(node->discovery.wan(), node->settings.listen);
        EXPECT_FALSE(node->discovery.is_own(at("127.0.9.1:7000")));
    }
}

TEST(Discovery, LeavesOtherMessagesToTheCaller)
{
    Net net;
    Node& node = net.add(settings_for(1, address(1)));
    const Prefix prefix = make_prefix(kTestOverlay);
    for (const std::uint8_t id : std::initializer_list<std::uint8_t>{0, 8, 13, 17, 18, 99})
        EXPECT_FALSE(node.discovery.on_packet(at("10.5.0.1:1"), build_unsigned(prefix, id, std::nullopt, {})));
    EXPECT_FALSE(node.discovery.on_packet(at("10.5.0.1:1"), {}));
    EXPECT_TRUE(node.discovery.on_packet(at("10.5.0.1:1"), build_unsigned(make_prefix(kDiscoveryOverlay), 99, 1, {})));
    EXPECT_EQ(node.drops("discovery_unexpected"), 1U);
}

TEST(Discovery, SpeaksNoMoreThanItNeedsWhenItHasEnough)
{
    Net net;
    for (std::uint32_t i = 1; i <= 26; ++i)
        net.add(relay(i, at(address(1))));
    net.run(40s);
    std::size_t packets = 0;
    for (int i = 0; i < 200; ++i) { // ten seconds
        net.clock.advance(50ms);
        for (const auto& node : net.nodes) {
            node->discovery.tick();
            packets += node->outbox.sent.size();
        }
        net.deliver();
    }
    for (const auto& node : net.nodes)
        EXPECT_GE(node->discovery.view().peers, 20U);
    EXPECT_LT(packets, 26U * 10U) << "below one packet per second and node";
}

} // namespace
} // namespace cepa::tunnel
