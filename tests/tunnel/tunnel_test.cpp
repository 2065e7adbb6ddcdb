// The Tunnel as its worker sees it, one alone. Whole circuits are in tests/sim.
#include "support/lone_tunnel.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/signed_packet.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class TunnelTest : public LoneTunnel {};

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

} // namespace
} // namespace cepa::tunnel
