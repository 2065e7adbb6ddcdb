#include "tunnel/circuit/relay.hpp"

#include "tunnel/circuit/keepalive.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include "support/circuit_bench.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kPrevious{IpAddress::v4(0x33010001), 1000};
const Endpoint kNext{IpAddress::v4(0x33020001), 2000};
constexpr CircuitId kIdPrevious(11);
constexpr CircuitId kIdNext(22);

class RelayTest : public ::testing::Test {
protected:
    RelayTest()
    {
        init_crypto();
        auto [ours, relays_end] = bench_.session();
        auto [ours_exit, exits_end] = bench_.session();
        originator_ = std::make_unique<Layer>(std::move(ours));
        originator_exit_ = std::make_unique<Layer>(std::move(ours_exit));
        exit_ = std::make_unique<Layer>(std::move(exits_end));
        identity_ = std::make_unique<PrivateKey>(PrivateKey::generate());
        start(0, std::move(relays_end));
    }
    void start(std::uint64_t rate, Layer layer)
    {
        relays_ = std::make_unique<Relays>(
            Relays::Tools{bench_.routes, bench_.sender, bench_.aead, bench_.counters, bench_.budget, identity_.get()}, rate);
        relays_->add(std::make_unique<Relay>(RelayLink{kIdPrevious, kPrevious, identity_->public_key()},
                                             RelayLink{kIdNext, kNext, identity_->public_key()}, std::move(layer),
                                             ReplayWindow(), bench_.now()));
    }
    Bytes forward_cell(ByteSpan plain, bool early = false)
    {
        return bench_.cell(kIdPrevious, plain, {originator_exit_.get(), originator_.get()}, early);
    }
    Bytes backward_cell(ByteSpan plain, bool early = false) { return bench_.cell(kIdNext, plain, {exit_.get()}, early); }
    void receive(const Endpoint& source, ByteSpan bytes)
    {
        test::OwnedPacket packet(bytes);
        const CellHeader header = *read_cell_header(bytes);
        const Route route = bench_.routes.find(header.circuit);
        if (route.kind == RouteKind::relay_forward)
            relays_->forward(route.relay(), source, header, packet.buffer(), bench_.now());
        else if (route.kind == RouteKind::relay_backward)
            relays_->backward(route.relay(), source, header, packet.buffer(), bench_.now());
    }

    test::CircuitBench bench_;
    std::unique_ptr<Layer> originator_;
    std::unique_ptr<Layer> originator_exit_;
    std::unique_ptr<Layer> exit_;
    std::unique_ptr<PrivateKey> identity_;
    std::unique_ptr<Relays> relays_;
};

TEST_F(RelayTest, OpensForwardAndSealsBackward)
{
    const Bytes plain(200, 5);
    receive(kPrevious, forward_cell(plain));
    const test::SentPacket on = bench_.packets.take();
    EXPECT_TRUE(on.queued);
    EXPECT_EQ(on.to, kNext);
    EXPECT_EQ(on.header().circuit, kIdNext);
    EXPECT_EQ(bench_.open(on, {exit_.get()}), plain);
    receive(kNext, backward_cell(plain));
    const test::SentPacket back = bench_.packets.take();
    EXPECT_EQ(back.to, kPrevious);
    EXPECT_EQ(back.header().circuit, kIdPrevious);
    EXPECT_EQ(bench_.open(back, {originator_.get(), originator_exit_.get()}), plain);
    const RelayView view = relays_->views(bench_.now()).at(0);
    EXPECT_EQ(view.bytes_forward, 200 + 2 * kLayerOverhead + kCellHeaderSize);
    EXPECT_EQ(view.bytes_backward, 200 + kLayerOverhead + kCellHeaderSize);
}

TEST_F(RelayTest, DropsWhatIsNotTheNeighbours)
{
    const Bytes plain(100, 5);
    const Bytes cell = forward_cell(plain);
    receive(kNext, cell);
    receive({IpAddress::v4(0x33010002), kPrevious.port}, cell);
    receive({kNext.ip, 2001}, backward_cell(plain)); // nothing authentic can move the next node's port
    EXPECT_EQ(bench_.dropped(Drop::wrong_source), 3U);
    Bytes plaintext = forward_cell(plain);
    plaintext[27] = 1;
    receive(kPrevious, plaintext);
    EXPECT_EQ(bench_.dropped(Drop::refused_cell), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(RelayTest, ThePreviousPortMovesOnlyWithAnAuthenticCell)
{
    const Endpoint moved{kPrevious.ip, 1001};
    Bytes forged = forward_cell(Bytes(50));
    forged.back() ^= 1;
    receive(moved, forged);
    receive(kNext, backward_cell(Bytes(50)));
    EXPECT_EQ(bench_.packets.take().to, kPrevious);
    receive(moved, forward_cell(Bytes(50)));
    static_cast<void>(bench_.packets.take());
    receive(kNext, backward_cell(Bytes(50)));
    EXPECT_EQ(bench_.packets.take().to, moved);
}

TEST_F(RelayTest, ReplaysAndChangesGoNowhere)
{
    const Bytes cell = forward_cell(Bytes(60));
    receive(kPrevious, cell);
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
    for (int i = 0; i < 5; ++i) receive(kPrevious, cell);
    EXPECT_EQ(bench_.dropped(Drop::replayed), 5U);
    const Bytes other = forward_cell(Bytes(60));
    for (std::size_t i = kCellHeaderSize; i < other.size(); ++i) {
        Bytes flipped = other;
        flipped[i] ^= 0x40;
        receive(kPrevious, flipped);
    }
    for (std::size_t size = kCellHeaderSize; size < other.size(); ++size) receive(kPrevious, ByteSpan(other).first(size));
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
}

TEST_F(RelayTest, AMessageThatWasForUsIsNotForwardedInTheClear)
{
    // The originator has not yet heard "extended": its ping has one layer only.
    receive(kPrevious, bench_.cell(kIdPrevious, test::message_bytes(Ping{1}), {originator_.get()}));
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_EQ(bench_.dropped(Drop::malformed), 1U);
}

TEST_F(RelayTest, RelayEarlyIsCountedAsDeployedRelaysCount)
{
    const std::vector<bool> early{true, true, false, true, false, false, true, true, true, false, true, false};
    const std::vector<bool> forwarded{true, true, true, true, true, true, true, false, false, true, false, true};
    for (std::size_t i = 0; i < early.size(); ++i) {
        bench_.packets.sent.clear();
        receive(kPrevious, forward_cell(Bytes(40), early[i]));
        ASSERT_EQ(bench_.packets.sent.size(), forwarded[i] ? 1U : 0U) << i;
        EXPECT_TRUE(!forwarded[i] || bench_.packets.sent[0].header().relay_early == early[i]);
    }
}

TEST_F(RelayTest, TooLargeForPeersIsDropped)
{
    const Bytes large(kMaxPacket - kCellHeaderSize - kLayerOverhead);
    receive(kNext, backward_cell(ByteSpan(large).first(large.size() - kLayerOverhead)));
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
    EXPECT_EQ(bench_.packets.take().bytes.size(), kMaxPacket);
    receive(kNext, backward_cell(ByteSpan(large).first(large.size() - kLayerOverhead + 1)));
    EXPECT_EQ(bench_.dropped(Drop::too_large), 1U);
}

TEST_F(RelayTest, DestroyGoesOnToTheOtherSideSignedByUs)
{
    for (const bool from_next : {false, true}) {
        if (from_next) {
            auto [ours, theirs] = bench_.session();
            start(0, std::move(theirs));
        }
        const RouteKind from = from_next ? RouteKind::relay_backward : RouteKind::relay_forward;
        Relay& relay = bench_.routes.find(kIdPrevious).relay();
        relays_->on_destroyed(relay, from, 4, bench_.now());
        const test::SentPacket sent = bench_.packets.take();
        EXPECT_EQ(sent.to, from_next ? kPrevious : kNext);
        const auto opened = open_signed(sent.bytes, TimeField::absent);
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->key, identity_->public_key());
        EXPECT_EQ(Destroy::parse(opened->body)->circuit, from_next ? kIdPrevious : kIdNext);
        EXPECT_EQ(relays_->size(), 0U);
        EXPECT_EQ(bench_.routes.find(kIdPrevious).kind, RouteKind::lingering);
        EXPECT_EQ(bench_.routes.find(kIdNext).kind, RouteKind::lingering);
    }
}

TEST_F(RelayTest, SilenceEndsItAndTrafficKeepsIt)
{
    for (int i = 0; i < 10; ++i) {
        bench_.clock.advance(15s);
        receive(kPrevious, forward_cell(Bytes(40)));
        relays_->sweep(bench_.now());
        ASSERT_EQ(relays_->size(), 1U);
    }
    bench_.clock.advance(20s);
    relays_->sweep(bench_.now());
    EXPECT_EQ(relays_->size(), 0U);
}

TEST_F(RelayTest, TheTrafficLimitEndsItWithDestroys)
{
    bench_.routes.find(kIdPrevious).relay().bytes_forward = kMostTraffic;
    relays_->sweep(bench_.now());
    EXPECT_EQ(relays_->size(), 0U);
    EXPECT_EQ(bench_.packets.sent.size(), 2U);
}

TEST_F(RelayTest, TheMonthsBudgetStopsIt)
{
    bench_.budget = TrafficBudget(100);
    receive(kPrevious, forward_cell(Bytes(60)));
    EXPECT_EQ(bench_.dropped(Drop::month_limit), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

} // namespace
} // namespace cepa::tunnel
