#include "support/serving_node.hpp"
#include "tunnel/hidden_services/rendezvous.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::message_bytes;
using test::neighbour;

constexpr CircuitId kSeeder(22);
constexpr CircuitId kDownloader(11);

Cookie cookie_of(std::uint8_t filler)
{
    Cookie out;
    out.fill(filler);
    return out;
}

struct NoReceiver final : ExitReceiver {
    void on_exit_datagram(CircuitId, const Endpoint&, PacketBuffer&) override {}
    void on_exit_batch_end() override {}
};

class RendezvousTest : public ::testing::Test {
protected:
    RendezvousTest()
    {
        node_.join(kSeeder, neighbour(2));
        node_.join(kDownloader, neighbour(1));
    }
    void establish(CircuitId circuit = kSeeder, const Cookie& cookie = cookie_of(7))
    {
        node_.cell(circuit, message_bytes(EstablishRendezvous{1, cookie}));
    }
    void link(CircuitId circuit = kDownloader, const Cookie& cookie = cookie_of(7))
    {
        node_.cell(circuit, message_bytes(LinkE2e{2, cookie}));
    }

    NoReceiver no_receiver_;
    test::ServingNode node_;
};

TEST_F(RendezvousTest, TheSeederHearsWhereWeAreAndAgainWhenTheAnswerWasLost)
{
    for (int i = 0; i < 2; ++i) {
        establish();
        const auto answer = node_.reply<RendezvousEstablished>(kSeeder);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->identifier, 1);
        EXPECT_EQ(answer->address, node_.own_address);
    }
}

TEST_F(RendezvousTest, WhoDoesNotKnowItsAddressIsNoRendezvousPoint)
{
    node_.own_address = {};
    establish();
    EXPECT_EQ(node_.dropped(Drop::rendezvous_refused), 1U);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
}

TEST_F(RendezvousTest, TheDownloaderHearsOfTheLinkAndTheSeederDoesNot)
{
    establish();
    static_cast<void>(node_.answer(kSeeder));
    link();
    const auto answer = node_.reply<LinkedE2e>(kDownloader);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->identifier, 2);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::spliced);
    EXPECT_EQ(node_.kind(kDownloader), RouteKind::spliced);
    EXPECT_EQ(node_.joined.size(), 0U);
}

TEST_F(RendezvousTest, ACookieLinksOnce)
{
    establish();
    link();
    node_.join(CircuitId(33), neighbour(3));
    node_.bench.packets.sent.clear();
    link(CircuitId(33));
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.kind(CircuitId(33)), RouteKind::joined);
}

TEST_F(RendezvousTest, AWrongCookieLinksNothing)
{
    establish();
    link(kDownloader, cookie_of(8));
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
    link(); // the right one still does
    EXPECT_EQ(node_.kind(kDownloader), RouteKind::spliced);
}

TEST_F(RendezvousTest, ACircuitIsNotLinkedWithItselfNorDoesItWaitTwice)
{
    establish();
    link(kSeeder);
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
    establish(kSeeder, cookie_of(9));
    EXPECT_EQ(node_.dropped(Drop::rendezvous_refused), 1U);
    establish(kDownloader); // nor takes another's cookie
    EXPECT_EQ(node_.dropped(Drop::rendezvous_refused), 2U);
    link();
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::spliced);
}

TEST_F(RendezvousTest, NoneThatExitsWaitsOrLinks)
{
    node_.at(kSeeder).exit = std::make_unique<OpenExit>(*node_.bench.sockets.open(kSeeder, no_receiver_));
    establish();
    EXPECT_EQ(node_.dropped(Drop::rendezvous_refused), 1U);
    node_.at(kSeeder).exit.reset();
    establish();
    node_.at(kDownloader).exit = std::make_unique<OpenExit>(*node_.bench.sockets.open(kDownloader, no_receiver_));
    link();
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
    EXPECT_EQ(node_.kind(kDownloader), RouteKind::joined);
}

TEST_F(RendezvousTest, AWaitingCircuitCarriesNoData)
{
    establish();
    node_.bench.packets.sent.clear();
    Bytes packet(node_.bench.sender.prefix().begin(), node_.bench.sender.prefix().end());
    packet.resize(60, 14);
    node_.cell(kSeeder, message_bytes(Data{Address(neighbour(5)), Address{}, packet}));
    EXPECT_EQ(node_.dropped(Drop::refused_cell), 1U);
    EXPECT_TRUE(node_.bench.sockets.opened.empty());
}

TEST_F(RendezvousTest, WhoWaitsInVainIsForgotten)
{
    establish();
    node_.bench.clock.advance(21s);
    node_.cell(kDownloader, message_bytes(PeersRequest{})); // lives
    node_.sweep();
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::lingering);
    link();
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
    node_.join(CircuitId(33), neighbour(3));
    establish(CircuitId(33)); // the cookie is free again
    EXPECT_EQ(node_.at(CircuitId(33)).role, JoinedRole::rendezvous);
}

TEST_F(RendezvousTest, AFloodOfCookiesIsBounded)
{
    for (std::uint32_t i = 0; i < Rendezvous::kMostWaiting + 50; ++i) {
        const CircuitId id(1000 + i);
        node_.join(id, neighbour(i % 50));
        Cookie cookie{};
        Writer(cookie).u32(i + 1);
        establish(id, cookie);
    }
    EXPECT_EQ(node_.dropped(Drop::rendezvous_refused), 50U);
}

/// With siblings: what is not here may be there.
class SplitRendezvousTest : public ::testing::Test {
protected:
    SplitRendezvousTest() : node_(&siblings_)
    {
        node_.join(kSeeder, neighbour(2));
        node_.join(kDownloader, neighbour(1));
    }
    void ask() { node_.cell(kDownloader, message_bytes(LinkE2e{2, cookie_of(7)})); }
    LinkHalf theirs()
    {
        auto [originator, hop] = node_.bench.session();
        their_originator_ = std::make_unique<Layer>(std::move(originator));
        return {CircuitId(77), neighbour(7), hop.take_sealing_right()};
    }

    test::HeldSiblings siblings_;
    test::ServingNode node_;
    std::unique_ptr<Layer> their_originator_;
};

TEST_F(SplitRendezvousTest, OffersAndWithdraws)
{
    node_.cell(kSeeder, message_bytes(EstablishRendezvous{1, cookie_of(7)}));
    EXPECT_EQ(siblings_.offers.at(cookie_of(7)), kSeeder);
    ask();
    EXPECT_TRUE(siblings_.offers.empty());
    EXPECT_TRUE(siblings_.links.empty()); // both were here
    EXPECT_EQ(node_.kind(kSeeder), RouteKind::spliced);
}

TEST_F(SplitRendezvousTest, WithdrawsWhenTheCircuitIsGone)
{
    node_.cell(kSeeder, message_bytes(EstablishRendezvous{1, cookie_of(7)}));
    node_.joined.remove(kSeeder, node_.bench.now());
    EXPECT_TRUE(siblings_.offers.empty());
}

TEST_F(SplitRendezvousTest, AnswersWhenTheLinkStands)
{
    ask();
    ASSERT_EQ(siblings_.links.size(), 1U);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(siblings_.links[0].mine.circuit, kDownloader);
    EXPECT_EQ(siblings_.links[0].mine.seal.next_counter, 3U); // 2 sealed the answer
    siblings_.links[0].done(theirs());
    const auto answer = node_.reply<LinkedE2e>(kDownloader);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->identifier, 2);
    node_.cell(kDownloader, Bytes(50, 3));
    const test::SentPacket sent = node_.bench.packets.take();
    EXPECT_EQ(sent.to, neighbour(7));
    EXPECT_EQ(sent.header().circuit, CircuitId(77));
    EXPECT_EQ(node_.bench.open(sent, {their_originator_.get()}), Bytes(50, 3));
}

TEST_F(SplitRendezvousTest, WhileItIsBeingLinkedItSealsNothing)
{
    ask();
    ask();
    node_.cell(kDownloader, message_bytes(EstablishRendezvous{1, cookie_of(9)}));
    node_.cell(kDownloader, message_bytes(PeersRequest{}));
    EXPECT_EQ(siblings_.links.size(), 1U);
    EXPECT_TRUE(siblings_.offers.empty());
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    test::OwnedPacket packet(Bytes(10, 1));
    EXPECT_FALSE(node_.at(kDownloader).layer.seal(node_.bench.aead, packet.buffer()));
}

TEST_F(SplitRendezvousTest, TellsAPortThatMovedWhileItWasBeingLinked)
{
    ask();
    node_.cell(kDownloader, message_bytes(PeersRequest{}));
    node_.at(kDownloader).previous.port = 2222; // as LastHop does on an authentic cell
    siblings_.links[0].done(theirs());
    EXPECT_EQ(siblings_.moves.at(0), std::pair(kDownloader, neighbour(1, 2222)));
    EXPECT_EQ(node_.bench.packets.take().to, neighbour(1, 2222));
}

TEST_F(SplitRendezvousTest, IsDestroyedWhenNobodyHasTheCookie)
{
    ask();
    siblings_.links[0].done(std::nullopt);
    EXPECT_EQ(node_.destroyed(), kDownloader);
    EXPECT_EQ(node_.kind(kDownloader), RouteKind::lingering);
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
}

TEST_F(SplitRendezvousTest, IsDestroyedWhenTheSiblingDiesMeanwhile)
{
    ask();
    node_.serving.unlink(kDownloader, node_.bench.now());
    EXPECT_EQ(node_.destroyed(), kDownloader);
    siblings_.links[0].done(std::nullopt); // the call's own end comes later
    EXPECT_TRUE(node_.bench.packets.sent.empty());
}

TEST_F(SplitRendezvousTest, UnlinksWhenItIsGoneByTheTime)
{
    ask();
    node_.joined.remove(kDownloader, node_.bench.now());
    siblings_.links[0].done(theirs());
    EXPECT_EQ(siblings_.ended, std::vector{kDownloader});
    EXPECT_TRUE(node_.bench.packets.sent.empty());
}

TEST_F(SplitRendezvousTest, TheOtherSideGivesItsHalfOnce)
{
    node_.cell(kSeeder, message_bytes(EstablishRendezvous{1, cookie_of(7)}));
    node_.bench.packets.sent.clear();
    EXPECT_FALSE(node_.serving.link(cookie_of(8), theirs(), node_.bench.now()));
    const auto ours = node_.serving.link(cookie_of(7), theirs(), node_.bench.now());
    ASSERT_TRUE(ours);
    EXPECT_EQ(ours->circuit, kSeeder);
    EXPECT_EQ(ours->seal.next_counter, 3U);
    EXPECT_FALSE(node_.serving.link(cookie_of(7), theirs(), node_.bench.now()));
    EXPECT_TRUE(node_.bench.packets.sent.empty()); // the seeder is told nothing
}

TEST_F(SplitRendezvousTest, AHalfThatSealsNothingIsNoHalf)
{
    node_.cell(kSeeder, message_bytes(EstablishRendezvous{1, cookie_of(7)}));
    EXPECT_FALSE(node_.serving.link(cookie_of(7), LinkHalf{CircuitId(77), neighbour(7), {}}, node_.bench.now()));
}

} // namespace
} // namespace cepa::tunnel
