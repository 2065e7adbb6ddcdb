#include "tunnel/discovery/messages.hpp"

#include "support/codec.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::expect_message;
using test::Trailing;

const Endpoint kA{*IpAddress::parse("1.2.3.4"), 5};
const Endpoint kB{*IpAddress::parse("6.7.8.9"), 10};
const Endpoint kV6{*IpAddress::parse("2001:4860::8"), 53535};
const Bytes kFlags{0, 9};

template <class Message>
void expect_styled(const Message& message, Trailing trailing, std::size_t raw = 0)
{
    const auto reencode = [&](ByteSpan body) {
        const auto parsed = Message::parse(message.style, body);
        return parsed ? test::written([&](Writer& w) { parsed->write(w); }) : Bytes{};
    };
    test::expect_codec(test::written([&](Writer& w) { message.write(w); }), reencode, trailing, raw);
}

TEST(DiscoveryMessages, IntroductionRequestOfBothStyles)
{
    for (const Style style : {Style::old_style, Style::new_style})
        expect_styled(IntroductionRequest{style, kA, kB, kA, false, true, 77, kFlags}, Trailing::belong_to_it, 2);
    expect_styled(IntroductionRequest{Style::new_style, kV6, kB, kV6, false, false, 77, {}}, Trailing::belong_to_it);
}

TEST(DiscoveryMessages, IntroductionResponseOfBothStyles)
{
    for (const Style style : {Style::old_style, Style::new_style})
        for (const bool introduced_new : {false, true})
            expect_styled(IntroductionResponse{style, kA, kB, kA, kB, {}, false, introduced_new, false, 77, kFlags},
                          Trailing::belong_to_it, 2);
}

TEST(DiscoveryMessages, EveryFlagHasItsBit)
{
    const auto flags_of = [](const auto& message, std::size_t at) {
        return test::written([&](Writer& w) { message.write(w); })[at];
    };
    IntroductionRequest request;
    request.advice = false;
    EXPECT_EQ(flags_of(request, 18), 0);
    request.advice = true;
    EXPECT_EQ(flags_of(request, 18), 0x01);
    request.supports_new_style = true;
    EXPECT_EQ(flags_of(request, 18), 0x21);

    IntroductionResponse response;
    response.supports_new_style = true;
    EXPECT_EQ(flags_of(response, 30), 0x10);
    response.introduced_new_style = true;
    EXPECT_EQ(flags_of(response, 30), 0x18);
    response.full = true;
    EXPECT_EQ(flags_of(response, 30), 0x1c);
    const auto parsed =
        IntroductionResponse::parse(Style::old_style, test::written([&](Writer& w) { response.write(w); }));
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->supports_new_style && parsed->introduced_new_style && parsed->full);
    response.style = Style::new_style;
    EXPECT_EQ(flags_of(response, 5 * 7 + 2), 0x80);
}

TEST(DiscoveryMessages, ConnectionTypeBitsAreIgnored)
{
    Bytes body = test::written([](Writer& w) { IntroductionRequest{}.write(w); });
    body[18] |= 0xc0; // symmetric NAT: deployed nodes never send it, and it would change nothing
    EXPECT_TRUE(IntroductionRequest::parse(Style::old_style, body));
}

TEST(DiscoveryMessages, Punctures)
{
    for (const Style style : {Style::old_style, Style::new_style}) {
        expect_styled(PunctureRequest{style, kA, kB, 77}, Trailing::malformed);
        expect_styled(Puncture{style, kA, kB, 77}, Trailing::malformed);
    }
    expect_styled(PunctureRequest{Style::new_style, kV6, kV6, 77}, Trailing::malformed);
}

TEST(DiscoveryMessages, DiscoveryOverlay)
{
    const std::vector<OverlayId> overlays{kPublicTunnelOverlay, kDiscoveryOverlay, kDhtOverlay};
    expect_message(SimilarityResponse{3, overlays}, Trailing::malformed);
    expect_message(SimilarityResponse{3, {}}, Trailing::malformed);
    expect_message(DiscoveryPing{3}, Trailing::malformed);
    // The request's list goes on to the end of the packet: it may end after each whole id.
    const SimilarityRequest request{3, kA, kB, overlays};
    const Bytes body = test::written([&](Writer& w) { request.write(w); });
    constexpr std::size_t fixed = 15;
    for (std::size_t size = 0; size <= body.size(); ++size) {
        const test::ExactCopy cut(ByteSpan(body).first(size));
        const auto parsed = SimilarityRequest::parse(cut.bytes());
        ASSERT_EQ(parsed.has_value(), size >= fixed && (size - fixed) % 20 == 0) << size;
        if (parsed) {
            EXPECT_EQ(parsed->overlays.size(), (size - fixed) / 20);
        }
    }
}

TEST(DiscoveryMessages, SimilarityResponseToleratesLegacyEntries)
{
    Bytes body = test::written([](Writer& w) { SimilarityResponse{3, {kDhtOverlay}}.write(w); });
    body.resize(body.size() + 48);
    const auto parsed = SimilarityResponse::parse(body);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->overlays, std::vector{kDhtOverlay});
    body.pop_back();
    EXPECT_FALSE(SimilarityResponse::parse(body));
}

TEST(DiscoveryMessages, Destroy)
{
    expect_message(Destroy{CircuitId(0xdeadbeef), 4}, Trailing::malformed);
}

TEST(DiscoveryMessages, FlagsAreExactlyTwoBytes)
{
    EXPECT_EQ(parse_flags(Bytes{0x80, 0x0f}), PeerFlags{0x800f});
    EXPECT_EQ(encode_flags(0x800f), (std::array<std::uint8_t, 2>{0x80, 0x0f}));
    for (const std::size_t size : {0U, 1U, 3U, 4U}) EXPECT_FALSE(parse_flags(Bytes(size)));
}

TEST(DiscoveryMessages, ServerResponseCutAtEveryLength)
{
    Bytes packet(kPrefixSize);
    const Bytes rest = test::written([](Writer& w) {
        w.u8(discovery_id::kIntroductionResponse);
        w.varlen(Bytes(66, 0x30));
        w.u64(17);
        IntroductionResponse{Style::old_style, kA, kB, kA, kB, kA, true, false, false, 5, {}}.write(w);
    });
    packet.insert(packet.end(), rest.begin(), rest.end());
    for (std::size_t size = 0; size < packet.size(); ++size) {
        const test::ExactCopy cut(ByteSpan(packet).first(size));
        EXPECT_FALSE(parse_server_response(cut.bytes()));
    }
    EXPECT_TRUE(parse_server_response(packet));
    packet.resize(packet.size() + 42); // a signature that nobody checks
    const auto parsed = parse_server_response(packet);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->response.introduced_wan, kA);
    EXPECT_TRUE(parsed->response.extra.empty());
    packet[kMessageIdOffset] = discovery_id::kIntroductionRequest;
    EXPECT_FALSE(parse_server_response(packet));
}

TEST(DiscoveryMessages, BeaconIsExact)
{
    const Prefix prefix = make_prefix(kDhtOverlay);
    const auto beacon = encode_beacon(prefix);
    EXPECT_EQ(parse_beacon(beacon), prefix);
    for (std::size_t size = 0; size < beacon.size(); ++size) EXPECT_FALSE(parse_beacon(ByteSpan(beacon).first(size)));
    for (std::size_t i = 0; i < 7; ++i) {
        auto other = beacon;
        other[i] ^= 1;
        EXPECT_FALSE(parse_beacon(other));
    }
}

} // namespace
} // namespace cepa::tunnel
