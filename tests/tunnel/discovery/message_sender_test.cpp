#include "support/discovery_net.hpp"
#include "tunnel/discovery/message_sender.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace cepa::tunnel {
namespace {

using namespace test::discovery;

struct MessageSenderTest : testing::Test {
    TunnelSettings settings = settings_for(1, "10.1.0.1:7000");
    OwnAddresses own{settings};
    Outbox outbox{settings.listen};
    MessageSender sender{settings, own, outbox};
    const Endpoint to = at("10.2.0.1:7000");

    SentPacket only()
    {
        auto all = outbox.take();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? SentPacket{} : all.front();
    }
};

TEST_F(MessageSenderTest, NeedsAnIdentity)
{
    settings.identity.reset();
    EXPECT_THROW(MessageSender(settings, own, outbox), std::invalid_argument);
}

TEST_F(MessageSenderTest, ARequestSaysWhoWhereAndWhatWeAre)
{
    settings.relay = true;
    sender.introduction_request(to, 77);
    const SentPacket packet = only();
    EXPECT_EQ(packet.to, to);
    EXPECT_EQ(packet.id(), discovery_id::kIntroductionRequest);
    const auto opened = open_signed(packet.bytes, TimeField::present);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->key, settings.identity_public);
    const IntroductionRequest request = read_request(packet);
    EXPECT_EQ(request.destination, to);
    EXPECT_EQ(request.source_lan, settings.listen);
    EXPECT_EQ(request.source_wan, settings.listen);
    EXPECT_EQ(request.identifier, 77);
    EXPECT_TRUE(request.advice);
    EXPECT_FALSE(request.supports_new_style) << "announced, it would oblige us";
    EXPECT_EQ(parse_flags(opened->body.last(2)), PeerFlags{9});
}

TEST_F(MessageSenderTest, APureClientAnnouncesNoRelay)
{
    sender.introduction_request(to, 77);
    EXPECT_EQ(parse_flags(open_signed(only().bytes, TimeField::present)->body.last(2)), PeerFlags{8});
}

TEST_F(MessageSenderTest, TheTimeGrowsWithEveryMessageAndWrapsAtSixteenBits)
{
    sender.introduction_request(to, 1);
    sender.ping(to, 2);
    const auto sent = outbox.take();
    EXPECT_EQ(open_signed(sent[0].bytes, TimeField::present)->global_time, 1U);
    EXPECT_EQ(open_unsigned(sent[1].bytes, TimeField::present)->global_time, 2U);
    for (int i = 0; i < 0xfffe; ++i)
        sender.ping(to, 3);
    EXPECT_EQ(open_unsigned(outbox.take().back().bytes, TimeField::present)->global_time, 0U);
}

TEST_F(MessageSenderTest, AResponseIntroducesAPeerByItsAddresses)
{
    Peer peer;
    peer.address = at("10.3.0.1:5");
    peer.lan = at("192.168.0.3:5");
    peer.new_style = true;
    for (const Style style : {Style::old_style, Style::new_style}) {
        sender.introduction_response(Overlay::own, style, to, 5, &peer);
        const IntroductionResponse response = read_response(only());
        EXPECT_EQ(response.introduced_wan, peer.address);
        EXPECT_EQ(response.introduced_lan, peer.lan);
        EXPECT_TRUE(response.introduced_new_style);
        EXPECT_EQ(response.destination, to);
        EXPECT_EQ(response.identifier, 5);
    }
    sender.introduction_response(Overlay::own, Style::old_style, to, 5, nullptr);
    EXPECT_TRUE(read_response(only()).introduced_wan.is_null());
}

TEST_F(MessageSenderTest, APeerOfOurOwnLanIsReachedThroughOurNat)
{
    own.share({at("5.5.5.5:55")});
    Peer peer;
    peer.address = at("192.168.0.3:5");
    sender.introduction_response(Overlay::own, Style::old_style, to, 5, &peer);
    const IntroductionResponse response = read_response(only());
    EXPECT_EQ(response.introduced_lan, at("192.168.0.3:5"));
    EXPECT_EQ(response.introduced_wan, at("5.5.5.5:5"));
}

TEST_F(MessageSenderTest, InTheDiscoveryOverlayThereAreNoFlags)
{
    sender.introduction_response(Overlay::discovery, Style::old_style, to, 5, nullptr);
    const SentPacket packet = only();
    EXPECT_TRUE(has_prefix(packet.bytes, make_prefix(kDiscoveryOverlay)));
    const auto opened = open_signed(packet.bytes, TimeField::present);
    const auto response = IntroductionResponse::parse(Style::old_style, opened->body);
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->extra.empty());
}

TEST_F(MessageSenderTest, PuncturesCarryTheWalker)
{
    Peer peer;
    peer.address = at("10.3.0.1:5");
    sender.puncture_request(Overlay::own, Style::new_style, peer, at("192.168.0.9:9"), at("9.9.9.9:9"), 6);
    SentPacket packet = only();
    EXPECT_EQ(packet.to, peer.address);
    EXPECT_EQ(packet.id(), discovery_id::kPunctureRequestNew);
    const auto request =
        PunctureRequest::parse(Style::new_style, open_unsigned(packet.bytes, TimeField::present)->body);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->lan_walker, at("192.168.0.9:9"));
    EXPECT_EQ(request->wan_walker, at("9.9.9.9:9"));
    sender.puncture(Overlay::own, Style::old_style, to, at("9.9.9.9:9"), 6);
    packet = only();
    EXPECT_EQ(packet.id(), discovery_id::kPuncture);
    const auto puncture = Puncture::parse(Style::old_style, open_signed(packet.bytes, TimeField::present)->body);
    ASSERT_TRUE(puncture);
    EXPECT_EQ(puncture->source_lan, settings.listen);
    EXPECT_EQ(puncture->source_wan, at("9.9.9.9:9"));
}

} // namespace
} // namespace cepa::tunnel
