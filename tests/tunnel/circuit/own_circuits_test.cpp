#include "support/candidates.hpp"
#include "support/circuit_bench.hpp"
#include "tunnel/circuit/own_circuits.hpp"
#include "tunnel/error.hpp"

#include <gtest/gtest.h>

#include <map>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kHost{IpAddress::v4(0x05060708), 6881};

/// One exit, whose part the test plays: circuits of one hop.
class OwnCircuitsTest : public ::testing::Test, protected PathSource, protected TunnelObserver {
protected:
    OwnCircuitsTest()
        : exit_key_((init_crypto(), PrivateKey::generate())), selection_(rules(), {}, bench_.random),
          own_({selection_, *this, bench_.routes, bench_.sender, bench_.aead, bench_.counters, bench_.environment,
                *this})
    {
        Candidate exit = test::candidate_number(1, test::kExitFlags);
        exit.key = exit_key_.public_key();
        network_ = {exit};
    }
    static PathRules rules()
    {
        PathRules out;
        out.public_network = true;
        return out;
    }
    const Endpoint& exit_address() const { return network_[0].address; }
    CircuitId begin()
    {
        const Result<CircuitId> id = own_.create(1, 7, bench_.now());
        EXPECT_TRUE(id);
        return *id;
    }
    /// The exit answers the create that was sent.
    void answer(CircuitId id, const Endpoint& from)
    {
        const test::SentPacket sent = bench_.packets.take();
        const auto create = Create::parse(sent.message().subspan(1));
        auto made =
            answer_handshake(exit_key_.x25519_secret(), EphemeralKey::generate(bench_.random), create->ephemeral);
        exit_ = std::make_unique<Layer>(Layer::responder(std::move(made->keys)));
        const Bytes list = *exit_->seal_offer(bench_.aead, bench_.random, Offer{}.encode());
        test::OwnedPacket packet(test::message_bytes(Created{create->identifier, made->ephemeral, made->auth, list}));
        prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {id, true, false});
        receive(packet.bytes(), from);
    }
    CircuitId ready()
    {
        const CircuitId id = begin();
        answer(id, exit_address());
        EXPECT_EQ(ready_, id);
        return id;
    }
    bool receive(ByteSpan bytes, const Endpoint& from)
    {
        test::OwnedPacket packet(bytes);
        const CellHeader header = *read_cell_header(bytes);
        return own_.on_cell(bench_.routes.find(header.circuit).own(), from, header, packet.buffer(), bench_.now());
    }
    bool from_exit(CircuitId id, ByteSpan message)
    {
        return receive(bench_.cell(id, message, {exit_.get()}), exit_address());
    }

    // PathSource and TunnelObserver
    const std::vector<Candidate>& candidates() const override { return network_; }
    PathLoads loads() const override { return own_.loads(); }
    std::int64_t now_unix_s() const override { return 0; }
    void connectable(const PublicKey&) override {}
    void unreachable(const PublicKey&) override {}
    bool is_unreachable(const PublicKey&) const override { return false; }
    bool may_probe() const override { return false; }
    void on_data(CircuitId, const Address& origin, PacketBuffer& payload) override
    {
        const ByteSpan bytes = payload.bytes();
        received_.emplace_back(origin, Bytes(bytes.begin(), bytes.end()));
    }
    void on_circuit_ready(CircuitId circuit) override { ready_ = circuit; }
    void on_circuit_closed(CircuitId circuit, std::string_view reason) override { closed_[circuit] = reason; }
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override {}
    void on_limit(std::string_view) override {}
    void on_swarm_seen(ByteSpan) override {}

    test::CircuitBench bench_;
    PrivateKey exit_key_;
    std::vector<Candidate> network_;
    PathSelection selection_;
    std::vector<std::pair<Address, Bytes>> received_;
    CircuitId ready_;
    std::map<CircuitId, std::string> closed_;
    OwnCircuits own_;
    std::unique_ptr<Layer> exit_;
};

TEST_F(OwnCircuitsTest, BecomesReadyOnCreatedOfTheFirstHopOnly)
{
    const CircuitId id = begin();
    EXPECT_EQ(bench_.routes.find(id).kind, RouteKind::own);
    const auto saved = bench_.packets.sent;
    answer(id, {IpAddress::v4(0x33770001), 8090});
    EXPECT_EQ(bench_.dropped(Drop::wrong_source), 1U);
    EXPECT_EQ(ready_, CircuitId());
    bench_.packets.sent = saved;
    answer(id, exit_address());
    EXPECT_EQ(ready_, id);
    EXPECT_EQ(own_.views(bench_.now()).at(0).state, CircuitState::ready);
    EXPECT_EQ(own_.loads().single_hops.at(exit_key_.public_key()), 1U);
}

TEST_F(OwnCircuitsTest, SealsDataForTheExitAndHandsItsDataOn)
{
    const CircuitId id = ready();
    test::OwnedPacket payload(Bytes(300, 9));
    ASSERT_TRUE(own_.send_data(id, kHost, payload.buffer(), bench_.now()));
    const test::SentPacket sent = bench_.packets.take();
    EXPECT_TRUE(sent.queued);
    EXPECT_EQ(sent.header(), (CellHeader{id, false, false}));
    EXPECT_EQ(sent.bytes.size(), 300U + 44 + kLayerOverhead);
    const Bytes plain = bench_.open(sent, {exit_.get()});
    const auto data = Data::parse(ByteSpan(plain).subspan(1));
    EXPECT_EQ(data->destination, Address(kHost));
    EXPECT_TRUE(data->origin.is_null());
    EXPECT_TRUE(from_exit(id, test::message_bytes(Data{{}, kHost, Bytes(50, 3)})));
    ASSERT_EQ(received_.size(), 1U);
    EXPECT_EQ(received_[0].first, Address(kHost));
    EXPECT_EQ(received_[0].second, Bytes(50, 3));
    EXPECT_EQ(bench_.counters.data_bytes_up, 300U);
    EXPECT_EQ(bench_.counters.data_bytes_down, 50U);
}

TEST_F(OwnCircuitsTest, RefusesToSendWhatCannotArrive)
{
    test::OwnedPacket early(Bytes(10));
    EXPECT_EQ(own_.send_data(begin(), kHost, early.buffer(), bench_.now()).error(),
              make_error_code(TunnelError::unknown_circuit)); // not ready yet
    bench_.packets.sent.clear();
    const CircuitId id = ready();
    test::OwnedPacket fits(Bytes(kMaxPacket - 44 - kLayerOverhead));
    EXPECT_TRUE(own_.send_data(id, kHost, fits.buffer(), bench_.now()));
    test::OwnedPacket large(Bytes(kMaxPacket - 44 - kLayerOverhead + 1));
    EXPECT_EQ(own_.send_data(id, kHost, large.buffer(), bench_.now()).error(), make_error_code(TunnelError::too_large));
    Bytes little(20);
    PacketBuffer cramped(little, 0, little.size());
    EXPECT_EQ(own_.send_data(id, kHost, cramped, bench_.now()).error(), make_error_code(TunnelError::too_large));
    EXPECT_EQ(bench_.dropped(Drop::too_large), 2U);
    test::OwnedPacket named(Bytes(10)); // the longest name there is
    EXPECT_TRUE(own_.send_data(id, Address(std::string(255, 'a'), 1), named.buffer(), bench_.now()));
}

TEST_F(OwnCircuitsTest, InnerPacketsOfOverlaysAreNoData)
{
    const CircuitId id = ready();
    Bytes inner(40, 0);
    inner[1] = 2;
    EXPECT_TRUE(from_exit(id, test::message_bytes(Data{{}, kHost, inner})));
    EXPECT_EQ(bench_.dropped(Drop::inner_packet), 1U);
    EXPECT_TRUE(from_exit(id, test::message_bytes(Data{{}, {}, Bytes(20, 1)}))); // from nowhere
    EXPECT_TRUE(from_exit(id, Bytes{1, 1}));
    EXPECT_TRUE(from_exit(id, Bytes{77}));
    EXPECT_TRUE(from_exit(id, Bytes{}));
    EXPECT_TRUE(received_.empty());
    EXPECT_EQ(bench_.dropped(Drop::unknown_message), 1U);
    EXPECT_EQ(bench_.dropped(Drop::refused_cell), 1U);
}

TEST_F(OwnCircuitsTest, DataFromAHostNameIsDroppedAndCounted)
{
    const CircuitId id = ready();
    EXPECT_TRUE(from_exit(id, test::message_bytes(Data{{}, Address("evil.example", 80), Bytes(50, 3)})));
    EXPECT_TRUE(received_.empty());
    EXPECT_EQ(bench_.dropped(Drop::unexpected_answer), 1U);
    EXPECT_EQ(bench_.counters.data_bytes_down, 0U);
    EXPECT_TRUE(closed_.empty());
}

TEST_F(OwnCircuitsTest, PingsAndIsClosedWhenNobodyAnswers)
{
    const CircuitId id = ready();
    for (int i = 0; i < 10; ++i) { // answered
        bench_.clock.advance(10s);
        own_.tick(bench_.now());
        ASSERT_EQ(bench_.packets.sent.size(), 1U);
        const Bytes plain = bench_.open(bench_.packets.take(), {exit_.get()});
        const auto ping = Ping::parse(ByteSpan(plain).subspan(1));
        bench_.clock.advance(30ms);
        EXPECT_TRUE(from_exit(id, test::message_bytes(Pong{ping->identifier})));
    }
    EXPECT_EQ(own_.views(bench_.now()).at(0).round_trip, 30ms);
    bench_.clock.advance(20s);
    own_.tick(bench_.now());
    EXPECT_EQ(closed_[id], "silent");
    EXPECT_EQ(bench_.routes.find(id).kind, RouteKind::lingering);
    EXPECT_EQ(bench_.packets.sent.back().bytes[kMessageIdOffset], 8); // and says so
}

TEST_F(OwnCircuitsTest, CloseAllTellsOfEach)
{
    const CircuitId first = ready();
    const CircuitId second = begin();
    own_.close_all("suspended", bench_.now());
    EXPECT_EQ(closed_.size(), 2U);
    EXPECT_EQ(closed_[first], "suspended");
    EXPECT_EQ(closed_[second], "suspended");
    EXPECT_EQ(own_.size(), 0U);
    own_.close(first, "again", bench_.now());
    EXPECT_EQ(closed_[first], "suspended"); // exactly once
}

TEST_F(OwnCircuitsTest, WhatHasNoPathIsNotBegun)
{
    EXPECT_EQ(own_.create(0, 0, bench_.now()).error(), make_error_code(TunnelError::refused_by_policy));
    EXPECT_EQ(own_.create(6, 0, bench_.now()).error(), make_error_code(TunnelError::refused_by_policy));
    EXPECT_EQ(own_.create(2, 0, bench_.now()).error(), make_error_code(TunnelError::no_candidates));
    EXPECT_TRUE(bench_.packets.sent.empty());
    for (std::size_t i = 0; i < OwnCircuits::kMost; ++i)
        static_cast<void>(begin());
    EXPECT_EQ(own_.create(1, 0, bench_.now()).error(), make_error_code(TunnelError::limit_reached));
}

} // namespace
} // namespace cepa::tunnel
