#include "main/peer_payload.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

lt::tcp::endpoint made_up_peer(unsigned n)
{
    return {boost::asio::ip::address_v4(0xf0000000U + n), 1024};
}

lt::peer_request block(int piece, int start = 0)
{
    return {lt::piece_index_t(piece), start, 16384};
}

TEST(PeerPayload, OnlyWhatWasAskedForCountsAndOnce)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter meter(payloads.find(made_up_peer(1)));
    meter.came(block(0));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 0U);
    meter.asked(block(0));
    meter.asked(block(0, 16384));
    meter.came(block(0));
    meter.came(block(0));
    meter.came(block(1));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 16384U);
    meter.came(block(0, 16384));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 32768U);
    EXPECT_EQ(payloads.of(made_up_peer(1)).sent, 0U);
    meter.sent(1000);
    meter.sent(-1);
    EXPECT_EQ(payloads.of(made_up_peer(1)).sent, 1000U);
}

void give(PayloadMeter& meter, const lt::peer_request& what)
{
    meter.asked(what);
    meter.came(what);
}

TEST(PeerPayload, WhatWasGivenOfAPieceThatFailsItsHashIsTakenBack)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter meter(payloads.find(made_up_peer(1)));
    give(meter, block(0));
    give(meter, block(0, 16384));
    meter.failed(lt::piece_index_t(0));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 0U);
    meter.failed(lt::piece_index_t(0));
    meter.failed(lt::piece_index_t(7));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 0U) << "once";
    give(meter, block(0));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 16384U);
}

TEST(PeerPayload, ABadBlockOfOneTakesNothingElseFromAnotherOfThatPiece)
{
    PeerPayloads payloads;
    for (const unsigned peer : {1U, 2U})
        payloads.begin(made_up_peer(peer));
    PayloadMeter honest(payloads.find(made_up_peer(1)));
    PayloadMeter fake(payloads.find(made_up_peer(2)));
    for (int piece = 0; piece < 10; ++piece) {
        give(honest, block(piece));
        honest.passed(lt::piece_index_t(piece));
    }
    give(honest, block(10));
    give(honest, block(11));
    give(fake, block(10, 16384));
    honest.failed(lt::piece_index_t(10));
    fake.failed(lt::piece_index_t(10));
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 11U * 16384);
    EXPECT_EQ(payloads.of(made_up_peer(2)).received, 0U);
    honest.passed(lt::piece_index_t(11));
    honest.failed(lt::piece_index_t(11)); // after the check there is nothing to take
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 11U * 16384);
}

TEST(PeerPayload, WhoGoesBeforeAPieceIsCheckedHasGivenNothingOfIt)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter first(payloads.find(made_up_peer(1)));
    give(first, block(0));
    give(first, block(1));
    first.passed(lt::piece_index_t(0));
    PayloadMeter second(payloads.find(made_up_peer(1)));
    give(second, block(2));
    first.end();
    first.end();
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 2U * 16384);
}

TEST(PeerPayload, UncheckedPiecesAreBounded)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter meter(payloads.find(made_up_peer(1)));
    const int pieces = static_cast<int>(PayloadMeter::kMostUnchecked) + 100;
    for (int i = 0; i < pieces; ++i)
        give(meter, block(i));
    meter.end();
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 100U * 16384) << "the oldest can be taken back no more";
}

TEST(PeerPayload, ConnectionsToOnePeerCountTogetherUntilItIsGone)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter first(payloads.find(made_up_peer(1)));
    payloads.begin(made_up_peer(1)); // a second link to it
    PayloadMeter second(payloads.find(made_up_peer(1)));
    first.sent(10);
    second.sent(5);
    EXPECT_EQ(payloads.of(made_up_peer(1)).sent, 15U);
    EXPECT_EQ(payloads.of(made_up_peer(2)).sent, 0U);
    EXPECT_EQ(payloads.find(made_up_peer(2)), nullptr);
    payloads.end(made_up_peer(1));
    first.sent(10); // late
    EXPECT_EQ(payloads.of(made_up_peer(1)).sent, 0U);
}

TEST(PeerPayload, PayloadStillCountsAfterManyRequestsWithoutAnAnswer)
{
    const auto total = std::make_shared<PeerPayload>();
    PayloadMeter meter(total);
    for (int i = 0; i < 5000; ++i)
        meter.asked(block(i));
    meter.came(block(0)); // forgotten: those that are remembered are bounded
    EXPECT_EQ(total->received, 0U);
    meter.came(block(4999));
    EXPECT_EQ(total->received, 16384U);
    give(meter, block(5000));
    EXPECT_EQ(total->received, 2U * 16384);
}

TEST(PeerPayload, WhatIsAskedForAgainIsRememberedOnceAndAsTheNewest)
{
    const auto total = std::make_shared<PeerPayload>();
    PayloadMeter meter(total);
    const int most = static_cast<int>(PayloadMeter::kMostAsked);
    for (int i = 0; i < most; ++i)
        meter.asked(block(i));
    meter.asked(block(0));
    meter.asked(block(most)); // for which block(1) makes room
    meter.came(block(1));
    EXPECT_EQ(total->received, 0U);
    meter.came(block(0));
    meter.came(block(0));
    EXPECT_EQ(total->received, 16384U);
}

TEST(PeerPayload, WhatAPeerRefusedDoesNotCountWhenItComes)
{
    const auto total = std::make_shared<PeerPayload>();
    PayloadMeter meter(total);
    meter.asked(block(0));
    meter.asked(block(1));
    meter.refused(block(0));
    meter.came(block(0));
    EXPECT_EQ(total->received, 0U);
    meter.came(block(1));
    EXPECT_EQ(total->received, 16384U);
}

} // namespace
} // namespace cepa::main
