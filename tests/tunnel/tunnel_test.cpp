// The Tunnel as its worker sees it, one alone: what arrives is dispatched, bounded and counted. Whole circuits are in
// tests/sim.
#include "support/circuit_bench.hpp"
#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/tunnel.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kSource{IpAddress::v4(0x33640001), 1000};

class TunnelTest : public ::testing::Test, public TunnelObserver {
protected:
    TunnelTest()
    {
        init_crypto();
        settings_.overlay = bench_.overlay();
        settings_.relay = true;
        settings_.discover = false;
        settings_.identity = PrivateKey::generate();
        settings_.identity_public = settings_.identity->public_key();
        tunnel_ = std::make_unique<Tunnel>(settings_, bench_.environment, *this);
    }
    void receive(ByteSpan bytes)
    {
        test::OwnedPacket packet(bytes);
        tunnel_->on_packet(kSource, packet.buffer());
        tunnel_->on_batch_end();
    }
    Bytes create(CircuitId id)
    {
        test::OwnedPacket packet(
            test::message_bytes(Create{1, originator_.public_key(), EphemeralKey::generate(bench_.random).public_key}));
        prepend_cell_header(packet.buffer(), bench_.sender.prefix(), {id, true, false});
        return {packet.bytes().begin(), packet.bytes().end()};
    }
    std::uint64_t dropped(const std::string& why) { return tunnel_->counters().drops[why]; }

    void on_data(CircuitId, const Address&, PacketBuffer&) override { ADD_FAILURE(); }
    void on_circuit_ready(CircuitId) override { ADD_FAILURE(); }
    void on_circuit_closed(CircuitId, std::string_view) override { ADD_FAILURE(); }
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override { ++resumed_; }
    void on_limit(std::string_view) override { ++limits_told_; }
    void on_swarm_seen(ByteSpan hash) override { seen_.emplace_back(hash.begin(), hash.end()); }

    test::CircuitBench bench_;
    TunnelSettings settings_;
    PrivateKey originator_ = PrivateKey::generate();
    std::unique_ptr<Tunnel> tunnel_;
    std::vector<Bytes> seen_;
    int resumed_ = 0;
    int limits_told_ = 0;
};

TEST_F(TunnelTest, AnythingMayArrive)
{
    test::TestRandom random(8);
    const Prefix ours = make_prefix(settings_.overlay);
    const Prefix discovery = make_prefix(kDiscoveryOverlay);
    for (int i = 0; i < 30'000; ++i) {
        Bytes bytes(random.below(300));
        random.fill(bytes);
        const std::uint32_t kind = random.below(4);
        if (kind < 3 && bytes.size() > 40) {
            std::ranges::copy(kind == 0 ? discovery : ours, bytes.begin());
            if (kind == 2) bytes[22] = static_cast<std::uint8_t>(random.below(2) * 8);
            bytes[27] &= 1;
        }
        receive(bytes);
    }
    EXPECT_EQ(tunnel_->exits().size(), 0U);
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_EQ(tunnel_->counters().cells_out, 0U);
    EXPECT_GT(dropped("unknown_circuit"), 1000U);
    EXPECT_GT(dropped("unknown_prefix"), 1000U);
}

TEST_F(TunnelTest, JoinsAndKnowsACircuit)
{
    EXPECT_FALSE(tunnel_->knows(CircuitId(5)));
    receive(create(CircuitId(5)));
    EXPECT_TRUE(tunnel_->knows(CircuitId(5)));
    EXPECT_EQ(tunnel_->exits().size(), 1U);
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
    receive(create(CircuitId(5))); // in use: no second answer
    EXPECT_EQ(bench_.packets.sent.size(), 1U);
    EXPECT_EQ(tunnel_->counters().cells_in, 2U);
    EXPECT_EQ(tunnel_->counters().cells_out, 1U);
}

TEST_F(TunnelTest, AClientJoinsNobody)
{
    settings_.relay = false;
    tunnel_ = std::make_unique<Tunnel>(settings_, bench_.environment, *this);
    receive(create(CircuitId(5)));
    EXPECT_EQ(dropped("no_role"), 1U);
    settings_.relay = true;
    settings_.identity.reset();
    tunnel_ = std::make_unique<Tunnel>(settings_, bench_.environment, *this);
    receive(create(CircuitId(5)));
    EXPECT_EQ(dropped("no_role"), 1U);
    tunnel_->shut_down();
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(TunnelTest, WhoReachedItsCapServesAgainWhenItIsRenewed)
{
    const auto sweep = [&] {
        bench_.clock.advance(2s);
        tunnel_->tick();
    };
    TunnelLimits limits;
    limits.month_bytes_left = 0;
    limits.max_joined_circuits = 100;
    for (std::uint32_t month = 1; month <= 2; ++month) {
        tunnel_->set_limits(limits);
        receive(create(CircuitId(month)));
        EXPECT_FALSE(tunnel_->knows(CircuitId(month)));
        sweep();
        sweep();
        EXPECT_EQ(limits_told_, static_cast<int>(month)) << "once per cap";
        TunnelLimits renewed = limits;
        renewed.month_bytes_left = 1'000'000;
        tunnel_->set_limits(renewed);
        receive(create(CircuitId(month)));
        EXPECT_TRUE(tunnel_->knows(CircuitId(month)));
    }
    limits.month_bytes_left = UINT64_MAX;
    limits.max_joined_circuits = 1;
    tunnel_->set_limits(limits);
    receive(create(CircuitId(9)));
    EXPECT_FALSE(tunnel_->knows(CircuitId(9))) << "fewer circuits, too";
}

TEST_F(TunnelTest, ShutDownSaysSoToThoseWhoPassThrough)
{
    receive(create(CircuitId(5)));
    bench_.packets.sent.clear();
    tunnel_->shut_down();
    ASSERT_EQ(bench_.packets.sent.size(), 1U);
    const auto opened = open_signed(bench_.packets.sent[0].bytes, TimeField::absent);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->key, settings_.identity_public);
    EXPECT_EQ(Destroy::parse(opened->body)->reason, static_cast<std::uint16_t>(DestroyReason::shutdown));
    EXPECT_TRUE(tunnel_->exits().empty());
}

TEST_F(TunnelTest, MonitoredSwarmsAreReported)
{
    const LookupHash wanted{1, 2, 3};
    const LookupHash other{4, 5, 6};
    tunnel_->monitor({wanted});
    const auto introduce = [&](const LookupHash& hash) {
        receive(build_unsigned(bench_.sender.prefix(), 13, std::nullopt,
                               encode_body(CreateE2e{1, hash, originator_.public_key(), {}})));
    };
    introduce(other);
    EXPECT_TRUE(seen_.empty());
    introduce(wanted);
    ASSERT_EQ(seen_.size(), 1U);
    EXPECT_TRUE(std::ranges::equal(seen_[0], wanted));
    Bytes request{0, 0, 0, 9};
    const Bytes body = encode_body(PeersRequest{1, wanted});
    request.insert(request.end(), body.begin(), body.end());
    receive(build_unsigned(bench_.sender.prefix(), 17, std::nullopt, request));
    EXPECT_EQ(seen_.size(), 2U);
    tunnel_->monitor({});
    introduce(wanted);
    EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(TunnelTest, ALongGapBetweenTicksIsASuspend)
{
    bench_.clock.advance(1h); // before the first tick there is nothing to compare with
    tunnel_->tick();
    bench_.clock.advance(14s);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 0);
    bench_.clock.advance(16s);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 1);
    bench_.clock.advance(50ms);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 1);
}

TEST_F(TunnelTest, SilentStrangersAreForgotten)
{
    receive(create(CircuitId(5)));
    for (int i = 0; i < 21; ++i) {
        bench_.clock.advance(1s);
        tunnel_->tick();
    }
    EXPECT_TRUE(tunnel_->exits().empty());
    EXPECT_TRUE(tunnel_->knows(CircuitId(5))); // its id stays taken for a minute
    for (int i = 0; i < 45; ++i) {
        bench_.clock.advance(1s);
        tunnel_->tick();
    }
    EXPECT_FALSE(tunnel_->knows(CircuitId(5)));
}

} // namespace
} // namespace cepa::tunnel
