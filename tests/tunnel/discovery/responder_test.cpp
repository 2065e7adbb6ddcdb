// What a node answers to others, asked by hand through the facade.
#include "support/discovery_net.hpp"
#include "tunnel/discovery/responder.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::discovery;

struct ResponderTest : testing::Test {
    Net net;
    Node& node = net.add(settings_for(1, "10.1.0.1:7000"));
    Stranger stranger{50, "10.50.0.1:7000"};
    Discovery& discovery = node.discovery;

    /// The stranger asks and answers the question that comes back: a proven peer from now on.
    void befriend(Stranger& who)
    {
        discovery.on_packet(who.address, who.request(node.settings.listen, 1));
        const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
        ASSERT_EQ(asked.size(), 1U);
        EXPECT_EQ(asked[0].to, who.address);
        discovery.on_packet(who.address, who.answer(read_request(asked[0]).identifier, node.settings.listen));
    }
};

TEST_F(ResponderTest, AnswersARequestInItsStyleAndAsksBack)
{
    EXPECT_TRUE(discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 321)));
    auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].id(), discovery_id::kIntroductionRequest) << "its address must be proven";
    EXPECT_EQ(sent[1].id(), discovery_id::kIntroductionResponse);
    const IntroductionResponse response = read_response(sent[1]);
    EXPECT_EQ(response.identifier, 321);
    EXPECT_EQ(response.destination, stranger.address);
    EXPECT_TRUE(response.introduced_wan.is_null());
    EXPECT_TRUE(discovery.candidates().empty());

    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 322, Style::new_style));
    sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U) << "one question at a time";
    EXPECT_EQ(sent[0].id(), discovery_id::kIntroductionResponseNew);
    EXPECT_EQ(read_response(sent[0]).identifier, 322);
}

TEST_F(ResponderTest, IntroducesAProvenPeerAndTellsItToPuncture)
{
    befriend(stranger);
    Stranger walker(51, "10.51.0.1:7000");
    discovery.on_packet(walker.address, walker.request(node.settings.listen, 9));
    IntroductionResponse response;
    std::optional<PunctureRequest> puncture;
    for (const SentPacket& packet : node.outbox.take()) {
        if (packet.id() == discovery_id::kIntroductionResponse) response = read_response(packet);
        if (packet.id() != discovery_id::kPunctureRequest) continue;
        EXPECT_EQ(packet.to, stranger.address);
        puncture = PunctureRequest::parse(Style::old_style, open_unsigned(packet.bytes, TimeField::present)->body);
    }
    EXPECT_EQ(response.introduced_wan, stranger.address);
    ASSERT_TRUE(puncture);
    EXPECT_EQ(puncture->wan_walker, walker.address);
    EXPECT_EQ(puncture->identifier, 9);
}

TEST_F(ResponderTest, NeverIntroducesWhoServesNobody)
{
    Stranger client(52, "10.52.0.1:7000", static_cast<PeerFlags>(PeerFlag::speed_test));
    befriend(client);
    Stranger walker(51, "10.51.0.1:7000");
    static_cast<void>(node.outbox.take());
    discovery.on_packet(walker.address, walker.request(node.settings.listen, 9));
    for (const SentPacket& packet : node.outbox.take()) {
        EXPECT_NE(packet.id(), discovery_id::kPunctureRequest);
        if (packet.id() == discovery_id::kIntroductionResponse) {
            EXPECT_TRUE(read_response(packet).introduced_wan.is_null());
        }
    }
    befriend(stranger);
    static_cast<void>(node.outbox.take());
    discovery.on_packet(walker.address, walker.request(node.settings.listen, 10));
    const auto responses = node.outbox.take(discovery_id::kIntroductionResponse);
    ASSERT_EQ(responses.size(), 1U);
    EXPECT_EQ(read_response(responses[0]).introduced_wan, stranger.address);
}

TEST_F(ResponderTest, NeverIntroducesWhatOnlyClaims)
{
    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 1));
    Stranger walker(51, "10.51.0.1:7000");
    static_cast<void>(node.outbox.take());
    discovery.on_packet(walker.address, walker.request(node.settings.listen, 9));
    const auto responses = node.outbox.take(discovery_id::kIntroductionResponse);
    ASSERT_EQ(responses.size(), 1U);
    EXPECT_TRUE(read_response(responses[0]).introduced_wan.is_null());
}

TEST_F(ResponderTest, DropsForgedTruncatedAndForeignRequests)
{
    const Bytes good = stranger.request(node.settings.listen, 1);
    for (std::size_t size = 0; size < good.size(); ++size)
        discovery.on_packet(stranger.address, ByteSpan(good).first(size));
    Bytes forged = good;
    forged[150] ^= 1U;
    discovery.on_packet(stranger.address, forged);
    EXPECT_FALSE(discovery.on_packet(stranger.address,
                                     stranger.request(node.settings.listen, 1, Style::old_style, kDhtOverlay)));
    // From where nobody can live.
    discovery.on_packet(at("224.0.0.1:1"), good);
    discovery.on_packet(at("127.0.0.1:1"), good);
    discovery.on_packet(at("10.50.0.1:0"), good);
    EXPECT_TRUE(node.outbox.sent.empty());
    EXPECT_GE(node.drops("discovery_signature"), 1U);
    EXPECT_EQ(node.drops("discovery_source"), 3U);
}

// A peer that was started anew at another address looks like this, too: it must not take us for dead.
TEST_F(ResponderTest, AnOldRequestFromElsewhereIsAnsweredAndChangesNothing)
{
    befriend(stranger);
    const Bytes old = stranger.request(node.settings.listen, 5);
    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 6));
    static_cast<void>(node.outbox.take());
    discovery.on_packet(at("66.6.6.6:6"), old);
    ASSERT_FALSE(node.outbox.sent.empty());
    EXPECT_EQ(node.outbox.sent.front().id(), discovery_id::kIntroductionResponse);
    EXPECT_EQ(discovery.address_of(stranger.key.public_key()), stranger.address);
    EXPECT_EQ(node.drops("discovery_replayed"), 1U);
}

TEST_F(ResponderTest, ANewerRequestFromElsewhereIsCheckedBeforeThePeerMoves)
{
    befriend(stranger);
    const Endpoint home = stranger.address;
    const Endpoint moved = at("10.60.0.1:7000");
    discovery.on_packet(moved, stranger.request(node.settings.listen, 6));
    EXPECT_EQ(discovery.address_of(stranger.key.public_key()), home);
    const auto asked = node.outbox.take(discovery_id::kIntroductionRequest);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].to, moved);
    discovery.on_packet(moved, stranger.answer(read_request(asked[0]).identifier, node.settings.listen));
    EXPECT_EQ(discovery.address_of(stranger.key.public_key()), moved);
    ASSERT_EQ(discovery.candidates().size(), 1U);
    EXPECT_EQ(discovery.candidates()[0].address, moved);
}

TEST_F(ResponderTest, SignaturesOfStrangersAreLimited)
{
    for (std::uint32_t i = 0; i < 300; ++i) {
        Stranger flood(1000 + i, "10.9.0.1:7000");
        discovery.on_packet({flood.address.ip, static_cast<std::uint16_t>(1000 + i)},
                            flood.request(node.settings.listen, 1));
    }
    EXPECT_EQ(node.drops("discovery_flood"), 200U);
    EXPECT_LE(node.outbox.take(discovery_id::kIntroductionRequest).size(), 40U) << "nor are we a reflector";
    net.clock.advance(1s);
    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 1));
    EXPECT_EQ(node.outbox.take(discovery_id::kIntroductionResponse).size(), 1U);
}

TEST_F(ResponderTest, AFloodOfStrangersDoesNotShutPeersOut)
{
    befriend(stranger);
    for (std::uint32_t i = 0; i < 300; ++i) {
        Stranger flood(1000 + i, "10.9.0.1:7000");
        discovery.on_packet({flood.address.ip, static_cast<std::uint16_t>(1000 + i)},
                            flood.request(node.settings.listen, 1));
    }
    static_cast<void>(node.outbox.take());
    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 1));
    EXPECT_EQ(node.outbox.take(discovery_id::kIntroductionResponse).size(), 1U);
}

TEST_F(ResponderTest, PuncturesTheWalkerInTheStyleAsked)
{
    for (const Style style : {Style::old_style, Style::new_style}) {
        const PunctureRequest request{style, at("192.168.0.9:9"), at("10.77.0.1:9"), 12};
        discovery.on_packet(stranger.address,
                            build_unsigned(make_prefix(kTestOverlay), request.message_id(), 1, encode_body(request)));
        const auto sent = node.outbox.take();
        ASSERT_EQ(sent.size(), 1U);
        EXPECT_EQ(sent[0].to, at("10.77.0.1:9"));
        EXPECT_EQ(sent[0].id(), style == Style::old_style ? discovery_id::kPuncture : discovery_id::kPunctureNew);
    }
}

TEST_F(ResponderTest, BehindTheSameNatItPuncturesInTheLanAndANullLanMeansNoPuncture)
{
    PunctureRequest request{Style::old_style, at("192.168.0.9:9"), {node.settings.listen.ip, 999}, 12};
    discovery.on_packet(stranger.address,
                        build_unsigned(make_prefix(kTestOverlay), request.message_id(), 1, encode_body(request)));
    auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, at("192.168.0.9:9"));
    request.lan_walker = {};
    discovery.on_packet(stranger.address,
                        build_unsigned(make_prefix(kTestOverlay), request.message_id(), 2, encode_body(request)));
    EXPECT_TRUE(node.outbox.sent.empty());
}

TEST_F(ResponderTest, PuncturesAreFewAndNeverAimedAtWrongHosts)
{
    const auto ask = [&](const std::string& walker) {
        const PunctureRequest request{Style::old_style, {}, at(walker), 12};
        discovery.on_packet(stranger.address,
                            build_unsigned(make_prefix(kTestOverlay), request.message_id(), 1, encode_body(request)));
    };
    for (const char* bad : {"127.0.0.1:53", "224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "10.1.0.1:7000"})
        ask(bad);
    EXPECT_TRUE(node.outbox.sent.empty());
    net.clock.advance(10s);
    for (int i = 0; i < 1000; ++i)
        ask("10.77.0.1:9");
    EXPECT_LE(node.outbox.take().size(), 20U);
}

TEST_F(ResponderTest, AnswersPingsInTheDiscoveryOverlay)
{
    const DiscoveryPing ping{4321};
    EXPECT_TRUE(discovery.on_packet(
        stranger.address, build_unsigned(make_prefix(kDiscoveryOverlay), discovery_id::kPing, 1, encode_body(ping))));
    const auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(has_prefix(sent[0].bytes, make_prefix(kDiscoveryOverlay)));
    EXPECT_EQ(sent[0].id(), discovery_id::kPong);
    EXPECT_EQ(DiscoveryPing::parse(open_unsigned(sent[0].bytes, TimeField::present)->body)->identifier, 4321);
    for (int i = 0; i < 1000; ++i)
        discovery.on_packet(stranger.address,
                            build_unsigned(make_prefix(kDiscoveryOverlay), discovery_id::kPing, 1, encode_body(ping)));
    EXPECT_LE(node.outbox.take().size(), 100U);
}

TEST_F(ResponderTest, AnswersSimilarityAndWalksToWhoSharesOurOverlay)
{
    TunnelSettings other = settings_for(50, stranger.address.to_string());
    other.relay = true;
    net.add(other);
    SimilarityRequest request;
    request.identifier = 81;
    request.overlays = {kDhtOverlay, kTestOverlay};
    discovery.on_packet(stranger.address, stranger.sign(request, discovery_id::kSimilarityRequest, kDiscoveryOverlay));
    const auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U);
    ASSERT_EQ(sent[0].id(), discovery_id::kSimilarityResponse);
    const auto opened = open_signed(sent[0].bytes, TimeField::present);
    const auto response = SimilarityResponse::parse(opened->body);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->identifier, 81);
    EXPECT_EQ(response->overlays, (std::vector<OverlayId>{kTestOverlay, kDiscoveryOverlay})) << "who serves nobody";
    // Its author is a node of the net, which knew nothing of us.
    net.run(3s);
    EXPECT_EQ(discovery.candidates().size(), 1U);
}

TEST_F(ResponderTest, AnswersIntroductionsInTheDiscoveryOverlayAlsoWithAWantedPeer)
{
    discovery.on_packet(stranger.address,
                        stranger.request(node.settings.listen, 7, Style::old_style, kDiscoveryOverlay));
    auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U) << "no peer of the tunnel overlay, so no question back";
    EXPECT_TRUE(has_prefix(sent[0].bytes, make_prefix(kDiscoveryOverlay)));
    EXPECT_EQ(discovery.view().peers, 0U);

    IntroductionRequest request;
    request.destination = node.settings.listen;
    request.identifier = 1234;
    Bytes body{'Y'};
    body.resize(21);
    const Bytes rest = encode_body(request);
    body.insert(body.end(), rest.begin(), rest.end());
    discovery.on_packet(stranger.address, build_signed(make_prefix(kDiscoveryOverlay),
                                                       discovery_id::kIntroductionRequest, stranger.key, 3, body));
    sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(read_response(sent[0]).identifier, 1234);
}

TEST_F(ResponderTest, KnowsItsOwnReflection)
{
    Stranger us(1, "10.99.0.1:7000");
    discovery.on_packet(us.address, us.request(node.settings.listen, 1));
    EXPECT_TRUE(node.outbox.sent.empty());
    EXPECT_EQ(discovery.view().peers, 0U);
    EXPECT_TRUE(discovery.is_own(us.address));
}

TEST_F(ResponderTest, AFullTableStillAnswers)
{
    for (std::uint32_t i = 0; i < 30; ++i) {
        Stranger peer(100 + i, "10." + std::to_string(100 + i) + ".0.1:7000");
        net.clock.advance(1s);
        befriend(peer);
    }
    EXPECT_EQ(discovery.view().peers, 30U);
    discovery.on_packet(stranger.address, stranger.request(node.settings.listen, 88));
    const auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 2U) << "an answer and a puncture-request; no question, for one more relay has no place";
    EXPECT_EQ(read_response(sent[0]).identifier, 88);
    EXPECT_EQ(sent[1].id(), discovery_id::kPunctureRequest);
    Stranger exit(51, "10.51.0.1:7000", 15);
    discovery.on_packet(exit.address, exit.request(node.settings.listen, 89));
    EXPECT_EQ(node.outbox.take(discovery_id::kIntroductionRequest).size(), 1U) << "an exit among relays has one";
}

/// A recorded server's answer names the request it answers; its key is of a kind that we do not verify.
TEST(ResponderServers, AnswersABootstrapServerWithoutVerifyingAndMakesItNoPeer)
{
    TunnelSettings settings = settings_for(1, "10.1.0.1:7000");
    settings.bootstrap = {at("10.8.0.1:6421")};
    Net net;
    Node& node = net.add(settings);
    Stranger server(50, "10.8.0.1:6421");
    Bytes request = server.request(settings.listen, 99);
    request.back() ^= 1U; // as good as an ECDSA signature to us
    node.discovery.on_packet(server.address, request);
    const auto sent = node.outbox.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].id(), discovery_id::kIntroductionResponse);
    EXPECT_EQ(read_response(sent[0]).identifier, 99);
    EXPECT_EQ(node.discovery.view().peers, 0U);
    for (int i = 0; i < 100; ++i)
        node.discovery.on_packet(server.address, request);
    EXPECT_LE(node.outbox.take().size(), 10U);
}

} // namespace
} // namespace cepa::tunnel
