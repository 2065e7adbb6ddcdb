#include "support/dht_net.hpp"
#include "tunnel/discovery/overlay_member.hpp"
#include "tunnel/discovery/peer_introductions.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::dht;

constexpr OverlayId kSomeOverlay{0x11, 0x22};

class PeerIntroductionsTest : public testing::Test {
protected:
    PeerIntroductionsTest()
    {
        network_.attach(settings_.listen, [this](const test::SimPacket& packet) {
            member_.on_packet(packet.from, packet.bytes, network_.now());
        });
    }
    template <class Message>
    void send(const Message& message)
    {
        network_.send(stranger_.address, settings_.listen,
                      build_signed(make_prefix(kSomeOverlay), message.message_id(), stranger_.key, ++time_,
                                   encode_body(message)));
        network_.run_for(50ms);
    }
    [[nodiscard]] IntroductionResponse answer_to(std::uint16_t identifier) const
    {
        IntroductionResponse out;
        out.destination = settings_.listen;
        out.identifier = identifier;
        return out;
    }
    /// The identifier of the request that we were last sent.
    [[nodiscard]] std::uint16_t asked() const
    {
        const auto opened = open_signed(stranger_.received.back().bytes, TimeField::present);
        return IntroductionRequest::parse(Style::old_style, opened->body)->identifier;
    }

    test::SimNetwork network_;
    TunnelSettings settings_ = settings_at(address_number(1));
    World world_{network_, settings_.listen, 1};
    Environment environment_ = world_.environment(network_.clock());
    DropCounts drops_;
    OwnAddresses own_{settings_};
    std::vector<Sighting> met_;
    Bytes extra_heard_;
    OverlayMember member_{kSomeOverlay,
                          {settings_, environment_, own_, drops_},
                          [] { return Bytes{7, 8, 9}; },
                          [this](const Sighting& peer, ByteSpan extra) {
                              met_.push_back(peer);
                              extra_heard_.assign(extra.begin(), extra.end());
                          }};
    Stranger stranger_{network_, address_number(9)};
    std::uint64_t time_ = 0;
};

TEST_F(PeerIntroductionsTest, ARequestIsAnsweredInItsOverlayAndProvesNothing)
{
    IntroductionRequest request;
    request.destination = settings_.listen;
    request.identifier = 77;
    send(request);
    network_.run_for(100ms);
    ASSERT_FALSE(stranger_.received.empty());
    bool answered = false;
    for (const test::SimPacket& packet : stranger_.received) {
        EXPECT_TRUE(has_prefix(packet.bytes, make_prefix(kSomeOverlay)));
        if (packet.bytes[kMessageIdOffset] != discovery_id::kIntroductionResponse) continue;
        const auto opened = open_signed(packet.bytes, TimeField::present);
        const auto response = IntroductionResponse::parse(Style::old_style, opened->body);
        answered = response->identifier == 77 && std::ranges::equal(response->extra, Bytes{7, 8, 9});
    }
    EXPECT_TRUE(answered);
    EXPECT_TRUE(met_.empty());
    EXPECT_EQ(member_.peers().proven(), 0U);
}

TEST_F(PeerIntroductionsTest, AnAnswerToOurRequestIsAMeeting)
{
    member_.request(stranger_.address, network_.now());
    network_.run_for(50ms);
    const Bytes extra{1, 2, 3, 4, 5};
    IntroductionResponse answer = answer_to(asked());
    answer.extra = extra;
    send(answer);
    ASSERT_EQ(met_.size(), 1U);
    EXPECT_EQ(met_[0].key, stranger_.key.public_key());
    EXPECT_EQ(met_[0].source, stranger_.address);
    EXPECT_EQ(extra_heard_, extra);
    EXPECT_EQ(member_.peers().proven(), 1U);
    send(answer); // replayed
    EXPECT_EQ(met_.size(), 1U);
    EXPECT_EQ(drops_["discovery_unexpected"], 1U);
}

TEST_F(PeerIntroductionsTest, AWrongIdentifierIsNoAnswer)
{
    member_.request(stranger_.address, network_.now());
    network_.run_for(50ms);
    send(answer_to(static_cast<std::uint16_t>(asked() + 1)));
    EXPECT_TRUE(met_.empty());
}

TEST_F(PeerIntroductionsTest, WhoIsIntroducedIsWalkedTo)
{
    member_.request(stranger_.address, network_.now());
    network_.run_for(50ms);
    IntroductionResponse answer = answer_to(asked());
    answer.introduced_wan = address_number(20);
    send(answer);
    EXPECT_EQ(member_.walker().targets(), 1U);
    Stranger other(network_, address_number(20));
    for (int step = 0; step < 10; ++step) { // of some steps, as deployed nodes walk, one asks somebody known instead
        member_.step(true, network_.now());
        network_.run_for(500ms);
    }
    EXPECT_GE(other.count(discovery_id::kIntroductionRequest), 1U);
}

TEST_F(PeerIntroductionsTest, OtherMessagesAreNotItsOwn)
{
    const Bytes packet = build_unsigned(make_prefix(kSomeOverlay), 99, {}, Bytes{1});
    EXPECT_FALSE(member_.on_packet(stranger_.address, packet, network_.now()));
}

} // namespace
} // namespace cepa::tunnel
