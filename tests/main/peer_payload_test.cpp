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

TEST(PeerPayload, WhoseGivenPieceFailsItsHashHasGivenNothing)
{
    PeerPayloads payloads;
    payloads.begin(made_up_peer(1));
    PayloadMeter meter(payloads.find(made_up_peer(1)));
    meter.asked(block(0));
    meter.came(block(0));
    meter.failed();
    EXPECT_EQ(payloads.of(made_up_peer(1)).received, 0U);
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

TEST(PeerPayload, RequestsThatAreRememberedAreBounded)
{
    PayloadMeter meter(std::make_shared<PeerPayload>());
    for (int i = 0; i < 5000; ++i)
        meter.asked(block(i));
    meter.came(block(4999)); // was not taken in
    SUCCEED();
}

} // namespace
} // namespace cepa::main
