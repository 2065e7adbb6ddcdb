#include "support/circuit_bench.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/keepalive.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const Endpoint kPrevious{IpAddress::v4(0x33010001), 1000};
constexpr CircuitId kId(11);

class JoinedCircuitsTest : public ::testing::Test {
protected:
    JoinedCircuit& add()
    {
        auto [ours, theirs] = bench_.session();
        return joined_.add(
            std::make_unique<JoinedCircuit>(kId, kPrevious, PublicKey{}, std::move(theirs), bench_.now()));
    }
    void touch_for(JoinedCircuit& circuit, Duration time)
    {
        for (const TimePoint end = bench_.now() + time; bench_.now() < end;) {
            bench_.clock.advance(10s);
            circuit.last_activity = bench_.now();
            sweep();
            if (joined_.size() == 0) return;
        }
    }
    std::size_t sweep()
    {
        return joined_.sweep(bench_.now(), [this](const JoinedCircuit& circuit) { spent_.push_back(circuit.id); });
    }
    PendingExtend pending(std::uint32_t next)
    {
        return {CircuitId(next), 1, 2, kPrevious, PublicKey{}, bench_.now() + 10s};
    }

    test::CircuitBench bench_;
    JoinedCircuits joined_{bench_.routes};
    std::vector<CircuitId> spent_;
};

TEST_F(JoinedCircuitsTest, RoutesToItUntilItIsRemoved)
{
    JoinedCircuit& circuit = add();
    EXPECT_EQ(bench_.routes.find(kId).kind, RouteKind::joined);
    EXPECT_EQ(&bench_.routes.find(kId).joined(), &circuit);
    joined_.remove(kId, bench_.now());
    EXPECT_EQ(bench_.routes.find(kId).kind, RouteKind::lingering);
    // Its id stays taken for a minute after its create.
    bench_.routes.expire(bench_.now() + 59s);
    EXPECT_TRUE(bench_.routes.contains(kId));
    bench_.routes.expire(bench_.now() + 60s);
    EXPECT_FALSE(bench_.routes.contains(kId));
    joined_.remove(kId, bench_.now()); // once more is nothing
}

TEST_F(JoinedCircuitsTest, SilenceAgeAndTrafficEndIt)
{
    add();
    bench_.clock.advance(20s);
    sweep();
    EXPECT_EQ(joined_.size(), 0U);
    touch_for(add(), 59min);
    EXPECT_EQ(joined_.size(), 1U);
    touch_for(bench_.routes.find(kId).joined(), 2min);
    EXPECT_EQ(joined_.size(), 0U);
    EXPECT_TRUE(spent_.empty()); // these ends are silent
    add().bytes_in = kMostTraffic;
    sweep();
    EXPECT_EQ(spent_, std::vector{kId});
    EXPECT_EQ(joined_.size(), 0U);
}

TEST_F(JoinedCircuitsTest, PendingExtendsAreForgottenAfterTheirTime)
{
    JoinedCircuit& circuit = add();
    joined_.expect(circuit, pending(31));
    bench_.clock.advance(5s);
    joined_.expect(circuit, pending(32));
    EXPECT_EQ(bench_.routes.find(CircuitId(31)).kind, RouteKind::pending);
    bench_.clock.advance(5s);
    EXPECT_EQ(sweep(), 1U);
    EXPECT_EQ(bench_.routes.find(CircuitId(31)).kind, RouteKind::lingering);
    EXPECT_EQ(bench_.routes.find(CircuitId(32)).kind, RouteKind::pending);
    joined_.remove(kId, bench_.now());
    EXPECT_EQ(bench_.routes.find(CircuitId(32)).kind, RouteKind::lingering);
}

TEST_F(JoinedCircuitsTest, ReleaseClosesTheExitAndFreesTheId)
{
    JoinedCircuit& circuit = add();
    struct Receiver final : ExitReceiver {
        void on_exit_datagram(CircuitId, const Endpoint&, PacketBuffer&) override {}
        void on_exit_batch_end() override {}
    } receiver;
    circuit.exit = std::make_unique<OpenExit>(*bench_.sockets.open(kId, receiver));
    circuit.exit->socket->queue(kPrevious, Bytes(10));
    const auto released = joined_.release(kId, bench_.now());
    ASSERT_TRUE(released);
    EXPECT_EQ(bench_.sockets.sent.size(), 1U); // what was queued still went out
    EXPECT_EQ(bench_.sockets.closed, 1U);
    EXPECT_FALSE(bench_.routes.contains(kId));
    EXPECT_FALSE(joined_.release(kId, bench_.now()));
}

} // namespace
} // namespace cepa::tunnel
