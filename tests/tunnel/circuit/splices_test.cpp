#include "support/serving_node.hpp"
#include "tunnel/circuit/splices.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::message_bytes;
using test::neighbour;

constexpr CircuitId kNear(11);
constexpr CircuitId kFar(22);

/// Two circuits that a rendezvous has joined, both here.
class SplicesTest : public ::testing::Test {
protected:
    SplicesTest()
    {
        node_.join(kNear, neighbour(1));
        node_.join(kFar, neighbour(2));
        cookie_.fill(7);
        node_.cell(kFar, message_bytes(EstablishRendezvous{1, cookie_}));
        node_.cell(kNear, message_bytes(LinkE2e{2, cookie_}));
        node_.bench.packets.sent.clear();
        node_.bench.counters = {};
    }
    static Bytes end_to_end(std::uint8_t filler = 9, std::size_t size = 300) { return Bytes(size, filler); }

    test::ServingNode node_;
    Cookie cookie_{};
};

TEST_F(SplicesTest, WhatOneSendsTheOtherOpensAndNobodyElse)
{
    for (const auto& [from, to] : {std::pair(kNear, kFar), std::pair(kFar, kNear)}) {
        node_.cell(from, end_to_end());
        ASSERT_EQ(node_.bench.packets.sent.size(), 1U);
        const test::SentPacket sent = node_.bench.packets.sent[0];
        EXPECT_TRUE(sent.queued);
        EXPECT_EQ(sent.to, node_.addresses.at(to));
        EXPECT_EQ(sent.header(), (CellHeader{to, false, false}));
        EXPECT_EQ(sent.bytes.size(), cell_size(300, 1));
        EXPECT_TRUE(node_.bench.open(sent, {&node_.layers.at(from)}).empty());
        EXPECT_EQ(node_.answer(to), end_to_end());
    }
    EXPECT_GT(node_.bench.counters.relayed_bytes, 600U);
}

TEST_F(SplicesTest, RelayEarlyIsCleared)
{
    node_.receive(node_.bench.cell(kNear, end_to_end(), {&node_.layers.at(kNear)}, true), neighbour(1));
    EXPECT_FALSE(node_.bench.packets.take().header().relay_early);
}

TEST_F(SplicesTest, RefusesWhatIsForgedReplayedFromElsewhereOrTooShort)
{
    const Bytes good = node_.bench.cell(kNear, end_to_end(), {&node_.layers.at(kNear)});
    Bytes plain = good;
    plain[27] = 1;
    node_.receive(plain, neighbour(1));
    EXPECT_EQ(node_.dropped(Drop::refused_cell), 1U);
    node_.receive(good, neighbour(3));
    EXPECT_EQ(node_.dropped(Drop::wrong_source), 1U);
    Bytes forged = good;
    forged.back() ^= 1;
    node_.receive(forged, neighbour(1));
    EXPECT_EQ(node_.dropped(Drop::bad_tag), 1U);
    node_.receive(good, neighbour(1));
    node_.receive(good, neighbour(1));
    EXPECT_EQ(node_.dropped(Drop::replayed), 1U);
    node_.cell(kNear, message_bytes(LinkE2e{2, cookie_})); // its answer was lost: for us, but too late
    EXPECT_EQ(node_.dropped(Drop::malformed), 1U);
    EXPECT_EQ(node_.bench.packets.sent.size(), 1U);
}

TEST_F(SplicesTest, TheOtherSideFollowsAPortThatMoved)
{
    node_.cell(kNear, end_to_end(), neighbour(1, 1001));
    node_.bench.packets.sent.clear();
    node_.cell(kFar, end_to_end());
    EXPECT_EQ(node_.bench.packets.take().to, neighbour(1, 1001));
}

TEST_F(SplicesTest, ADestroyFromOneSideEndsBoth)
{
    node_.splices.on_destroyed(kNear, 4, node_.bench.now());
    EXPECT_EQ(node_.bench.packets.sent.at(0).to, neighbour(2));
    EXPECT_EQ(node_.destroyed(), kFar);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    EXPECT_EQ(node_.splices.size(), 0U);
    EXPECT_EQ(node_.kind(kNear), RouteKind::lingering);
    EXPECT_EQ(node_.kind(kFar), RouteKind::lingering);
}

TEST_F(SplicesTest, OneSilentSideEndsBothWithAWordToBoth)
{
    for (int i = 0; i < 4; ++i) {
        node_.bench.clock.advance(6s);
        node_.cell(kNear, end_to_end());
        if (i < 3) node_.sweep();
        EXPECT_EQ(node_.splices.size(), 2U);
    }
    node_.bench.packets.sent.clear();
    node_.sweep(); // the far side has said nothing for 24 s
    EXPECT_EQ(node_.splices.size(), 0U);
    std::vector<CircuitId> told{node_.destroyed(), node_.destroyed()};
    std::ranges::sort(told);
    EXPECT_EQ(told, (std::vector{kNear, kFar}));
}

TEST_F(SplicesTest, AtShutDownBothNeighboursHearOnce)
{
    node_.splices.destroy_all(2, node_.bench.now());
    EXPECT_EQ(node_.bench.packets.sent.size(), 2U);
    EXPECT_EQ(node_.splices.size(), 0U);
}

TEST_F(SplicesTest, TheMonthsBudgetHolds)
{
    node_.bench.budget.renew(1000);
    for (int i = 0; i < 10; ++i)
        node_.cell(kNear, end_to_end(static_cast<std::uint8_t>(i)));
    EXPECT_EQ(node_.dropped(Drop::month_limit), 8U);
    EXPECT_EQ(node_.bench.packets.sent.size(), 2U);
}

/// One side is a sibling's.
class SplitSplicesTest : public ::testing::Test {
protected:
    SplitSplicesTest() : node_(&siblings_)
    {
        node_.join(kFar, neighbour(2));
        cookie_.fill(7);
        node_.cell(kFar, message_bytes(EstablishRendezvous{1, cookie_}));
        auto [originator, hop] = node_.bench.session();
        their_originator_ = std::make_unique<Layer>(std::move(originator));
        auto ours =
            node_.serving.link(cookie_, LinkHalf{kNear, neighbour(1), hop.take_sealing_right()}, node_.bench.now());
        EXPECT_TRUE(ours);
        ours_ = std::make_unique<LinkHalf>(std::move(*ours));
        node_.bench.packets.sent.clear();
    }

    test::HeldSiblings siblings_;
    test::ServingNode node_;
    std::unique_ptr<Layer> their_originator_;
    std::unique_ptr<LinkHalf> ours_;
    Cookie cookie_{};
};

TEST_F(SplitSplicesTest, SealsForTheSiblingsSideAndOpensItsOwn)
{
    EXPECT_EQ(ours_->circuit, kFar);
    EXPECT_EQ(ours_->neighbour, neighbour(2));
    node_.cell(kFar, Bytes(100, 5));
    const test::SentPacket sent = node_.bench.packets.take();
    EXPECT_EQ(sent.to, neighbour(1));
    EXPECT_EQ(sent.header().circuit, kNear);
    EXPECT_EQ(node_.bench.open(sent, {their_originator_.get()}), Bytes(100, 5));
}

TEST_F(SplitSplicesTest, TellsAMovedPortAtMostOnceASecond)
{
    for (std::uint16_t port = 2000; port < 2100; ++port)
        node_.cell(kFar, Bytes(100, 5), neighbour(2, port));
    ASSERT_EQ(siblings_.moves.size(), 1U);
    node_.bench.clock.advance(1s);
    node_.sweep();
    ASSERT_EQ(siblings_.moves.size(), 2U);
    EXPECT_EQ(siblings_.moves[1], std::pair(kFar, neighbour(2, 2099)));
    node_.sweep();
    EXPECT_EQ(siblings_.moves.size(), 2U);
}

TEST_F(SplitSplicesTest, BelievesASiblingAPortButNoOtherAddress)
{
    node_.splices.moved(kFar, neighbour(1, 1234));
    node_.splices.moved(kFar, neighbour(5, 99));
    node_.splices.moved(CircuitId(5), neighbour(1, 99));
    node_.cell(kFar, Bytes(100, 5));
    EXPECT_EQ(node_.bench.packets.take().to, neighbour(1, 1234));
}

TEST_F(SplitSplicesTest, TellsTheSiblingOfItsEnd)
{
    node_.splices.on_destroyed(kFar, 4, node_.bench.now());
    EXPECT_EQ(siblings_.ended, std::vector{kFar});
    EXPECT_TRUE(node_.bench.packets.sent.empty()); // its neighbour is the sibling's to tell
}

TEST_F(SplitSplicesTest, WhenTheSiblingsSideIsGoneBothNeighboursHear)
{
    node_.splices.unlink(kFar, node_.bench.now());
    EXPECT_EQ(node_.bench.packets.sent.at(0).to, neighbour(2));
    EXPECT_EQ(node_.destroyed(), kFar);
    EXPECT_EQ(node_.bench.packets.sent.at(0).to, neighbour(1)); // the sibling may have died without a word
    EXPECT_EQ(node_.destroyed(), kNear);
    EXPECT_TRUE(siblings_.ended.empty());
    node_.splices.unlink(kFar, node_.bench.now()); // unknown now
    EXPECT_TRUE(node_.bench.packets.sent.empty());
}

} // namespace
} // namespace cepa::tunnel
