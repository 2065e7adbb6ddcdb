#include "main/fake_tunnel_service.hpp"
#include "main/flow_router.hpp"
#include "support/fake_clock.hpp"
#include "support/packet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

namespace cepa::main {
namespace {

using cepa::test::OwnedPacket;
using socks5::AssociationId;
using testing::UnorderedElementsAre;

const Route kThreeHops{3, GroupId(1)};
const Route kOneHop{1, GroupId(1)};

Endpoint peer(std::uint32_t number)
{
    return {IpAddress::v4(0x01000000U + number), 6881};
}

Bytes utp_packet(std::uint8_t type = 0)
{
    Bytes out(20, 0);
    out[0] = static_cast<std::uint8_t>(type << 4U | 1U);
    return out;
}

struct FakeReturn : socks5::DatagramReturn {
    void send_to_client(const Address& origin, PacketBuffer&) override { origins.push_back(origin); }
    void flush() override { ++flushes; }
    std::vector<Address> origins;
    std::size_t flushes = 0;
};

class FlowRouterTest : public testing::Test {
protected:
    void make_router(FlowRouterOptions options = {})
    {
        router = std::make_unique<FlowRouter>(
            service, clock, options,
            FlowRouterHooks{
                .on_flows_moved =
                    [this](const Route& route, const std::vector<Endpoint>& peers) {
                        moved[route].insert(peers.begin(), peers.end());
                    },
                .on_route_use = [this](const Route& route, bool in_use) { uses.emplace_back(route, in_use); },
            });
        router->on_opened(kFirst, kThreeHops, back);
    }
    void SetUp() override { make_router(); }
    /// The circuit that a datagram left by; nullopt when it was dropped.
    std::optional<CircuitId> send(const Address& destination, const Bytes& payload, AssociationId from = kFirst)
    {
        OwnedPacket packet(payload);
        const std::size_t before = service.sent.size();
        router->on_datagram(from, destination, packet.buffer());
        router->on_batch_end();
        if (service.sent.size() == before) return std::nullopt;
        return service.sent.back().circuit;
    }
    std::optional<CircuitId> send_utp(std::uint32_t number) { return send(peer(number), utp_packet()); }
    void receive(CircuitId circuit, const Address& origin)
    {
        OwnedPacket packet(as_bytes("answer"));
        router->on_tunnel_datagram(circuit, origin, packet.buffer());
        router->on_tunnel_batch_end();
    }
    void settle() { clock.advance(std::chrono::seconds(10)); }

    static constexpr AssociationId kFirst{1};
    static constexpr AssociationId kSecond{2};
    static constexpr CircuitId kA{10}, kB{11}, kC{12}, kD{13};
    static constexpr WorkerId kW0{0}, kW1{1};
    cepa::test::FakeClock clock;
    test::FakeTunnelService service;
    FakeReturn back;
    FakeReturn other_back;
    std::map<Route, std::set<Endpoint>> moved;
    std::vector<std::pair<Route, bool>> uses;
    std::unique_ptr<FlowRouter> router;
};

TEST_F(FlowRouterTest, WithoutACircuitDatagramsAreDroppedAndCounted)
{
    EXPECT_EQ(send_utp(1), std::nullopt);
    EXPECT_EQ(router->stats().no_circuit, 1U);
    router->add_circuit(kOneHop, kA, kW0);
    EXPECT_EQ(send_utp(1), std::nullopt) << "a circuit of another route is none";
    router->add_circuit(kThreeHops, kB, kW0);
    EXPECT_EQ(send_utp(1), kB);
}

TEST_F(FlowRouterTest, ARetiringCircuitKeepsWhatItCarriesAndGetsNothingNew)
{
    router->add_circuit(kThreeHops, kA, kW0);
    EXPECT_EQ(send_utp(1), kA);
    EXPECT_EQ(send(peer(100), Bytes(4, 'd')), kA);
    router->retire_circuit(kA);
    EXPECT_EQ(send_utp(2), kA) << "there is no other";
    settle();
    router->add_circuit(kThreeHops, kB, kW0);
    for (std::uint32_t i = 3; i < 20; ++i)
        EXPECT_EQ(send_utp(i), kB);
    EXPECT_EQ(send_utp(1), kA);
    EXPECT_EQ(send_utp(2), kA);
    router->retire_circuit(kA);
    EXPECT_EQ(send(peer(100), Bytes(4, 'd')), kB);
    EXPECT_TRUE(moved.empty());
}

TEST_F(FlowRouterTest, DestinationKeepsItsCircuit)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, kW0);
    const auto chosen = send_utp(1);
    for (std::uint32_t i = 2; i < 50; ++i)
        static_cast<void>(send_utp(i));
    settle();
    router->add_circuit(kThreeHops, kC, kW1);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(send_utp(1), chosen);
    EXPECT_TRUE(moved.empty());
    EXPECT_EQ(service.sent.back().destination, Address(peer(1)));
    EXPECT_EQ(service.sent.back().payload, utp_packet());
}

TEST_F(FlowRouterTest, NewDestinationsSpreadOverWorkersFirst)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, kW0);
    router->add_circuit(kThreeHops, kC, kW0);
    router->add_circuit(kThreeHops, kD, kW1);
    for (std::uint32_t i = 0; i < 12; ++i)
        static_cast<void>(send_utp(i));
    EXPECT_EQ(router->flows_of(kD), 6U) << "half of them: it is the only one of its worker";
    EXPECT_EQ(router->flows_of(kA), 2U);
    EXPECT_EQ(router->flows_of(kB), 2U);
    EXPECT_EQ(router->flows_of(kC), 2U);
}

TEST_F(FlowRouterTest, DeadCircuitsFlowsMoveAtOnceAndToOtherWorkers)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, kW0);
    router->add_circuit(kThreeHops, kC, kW1);
    std::set<Endpoint> of_a;
    std::map<Endpoint, CircuitId> others;
    for (std::uint32_t i = 0; i < 40; ++i) {
        const CircuitId circuit = send_utp(i).value();
        if (circuit == kA)
            of_a.insert(peer(i));
        else
            others[peer(i)] = circuit;
    }
    ASSERT_FALSE(of_a.empty());
    settle();
    router->remove_circuit(kA);
    EXPECT_EQ(moved[kThreeHops], of_a) << "exactly the flows of the dead circuit, each once";
    EXPECT_EQ(router->stats().moved, of_a.size());
    for (const Endpoint& p : of_a)
        EXPECT_EQ(send(p, utp_packet()), kC);
    for (const auto& [p, circuit] : others)
        EXPECT_EQ(send(p, utp_packet()), circuit);
    EXPECT_EQ(router->flows_of(kA), std::nullopt);
}

TEST_F(FlowRouterTest, SameWorkerCarriesOnWhenThereIsNoOther)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    settle();
    router->add_circuit(kThreeHops, kB, kW0);
    router->remove_circuit(kA);
    EXPECT_EQ(send_utp(1), kB);
}

TEST_F(FlowRouterTest, FlowsThatLostEverythingGoOnWithTheNextCircuit)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    static_cast<void>(send_utp(2));
    settle();
    router->remove_circuit(kA);
    EXPECT_TRUE(moved.empty()) << "nothing to connect to yet";
    EXPECT_EQ(send_utp(1), std::nullopt);
    router->add_circuit(kThreeHops, kB, kW1);
    EXPECT_THAT(moved[kThreeHops], UnorderedElementsAre(peer(1), peer(2)));
    EXPECT_EQ(send_utp(1), kB);
    EXPECT_EQ(router->flows_of(kB), 2U);
}

TEST_F(FlowRouterTest, YoungFlowsSettleOntoACircuitThatComesSoon)
{
    router->add_circuit(kThreeHops, kA, kW0);
    for (std::uint32_t i = 0; i < 8; ++i)
        ASSERT_EQ(send_utp(i), kA);
    clock.advance(std::chrono::milliseconds(500));
    router->add_circuit(kThreeHops, kB, kW1);
    EXPECT_EQ(router->flows_of(kA), 4U);
    EXPECT_EQ(router->flows_of(kB), 4U);
    EXPECT_EQ(moved[kThreeHops].size(), 4U);
    settle();
    router->add_circuit(kThreeHops, kC, kW1);
    EXPECT_EQ(router->flows_of(kC), 0U) << "old ones stay";
}

TEST_F(FlowRouterTest, FlowsOfADeadWorkerMayReturnToItsSuccessor)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, kW1);
    for (std::uint32_t i = 0; i < 8; ++i)
        static_cast<void>(send_utp(i));
    settle();
    router->remove_circuit(kA);
    ASSERT_EQ(router->flows_of(kB), 8U);
    clock.advance(std::chrono::milliseconds(300));
    router->add_circuit(kThreeHops, kC, kW0);
    EXPECT_EQ(router->flows_of(kC), 4U);
    EXPECT_EQ(router->flows_of(kB), 4U) << "the four that were there all along did not move";
}

TEST_F(FlowRouterTest, WorkerNamedLaterCounts)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, FlowRouter::kUnknownWorker);
    router->add_circuit(kThreeHops, kC, FlowRouter::kUnknownWorker);
    router->set_worker(kB, kW0);
    router->set_worker(kC, kW1);
    for (std::uint32_t i = 0; i < 8; ++i)
        static_cast<void>(send_utp(i));
    EXPECT_EQ(router->flows_of(kC), 4U);
}

TEST_F(FlowRouterTest, AnnouncesStickToOneCircuit)
{
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kThreeHops, kB, kW1);
    const Bytes dht_query{'d', '1', ':', 'a'};
    const auto chosen = send(peer(1), dht_query);
    for (std::uint32_t i = 0; i < 20; ++i) {
        static_cast<void>(send_utp(i));
        EXPECT_EQ(send(peer(i), dht_query), chosen);
    }
    EXPECT_EQ(send(Address("tracker.example", 6969), Bytes(16, 0)), chosen);
    router->remove_circuit(*chosen);
    const auto next = send(peer(1), dht_query);
    EXPECT_TRUE(next.has_value() && next != chosen);
    EXPECT_EQ(send(peer(2), dht_query), next);
}

TEST_F(FlowRouterTest, AnswersGoToTheAssociationOfTheRoute)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    receive(kA, peer(1));
    receive(kA, peer(77)); // a stranger's call: DHT queries come like this
    EXPECT_EQ(back.origins, (std::vector<Address>{peer(1), peer(77)}));
    EXPECT_EQ(back.flushes, 2U);
    receive(kB, peer(1));
    EXPECT_EQ(router->stats().no_association, 1U) << "no such circuit";
    EXPECT_EQ(router->stats().down, 2U);
}

TEST_F(FlowRouterTest, AssociationsOfOneRouteGetTheirOwnAnswers)
{
    router->on_opened(kSecond, kThreeHops, other_back);
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send(peer(1), utp_packet(), kFirst));
    static_cast<void>(send(peer(2), utp_packet(), kSecond));
    static_cast<void>(send(peer(3), Bytes{0x64, 0x31, 0x3a, 0x71}, kFirst));
    static_cast<void>(send(peer(4), Bytes{0x64, 0x31, 0x3a, 0x71}, kSecond));
    receive(kA, peer(1));
    receive(kA, peer(3));
    EXPECT_EQ(back.origins.size(), 2U);
    receive(kA, peer(2));
    receive(kA, peer(4));
    EXPECT_EQ(other_back.origins, (std::vector<Address>{peer(2), peer(4)}));
    receive(kA, peer(99)); // to a name, perhaps: the last one that used the circuit
    EXPECT_EQ(other_back.origins.size(), 3U);
    router->on_closed(kSecond);
    receive(kA, peer(2));
    EXPECT_EQ(back.origins.size(), 3U);
}

TEST_F(FlowRouterTest, RoutesShareNothing)
{
    router->on_opened(kSecond, kOneHop, other_back);
    router->add_circuit(kThreeHops, kA, kW0);
    router->add_circuit(kOneHop, kB, kW0);
    EXPECT_EQ(send(peer(1), utp_packet(), kFirst), kA);
    EXPECT_EQ(send(peer(1), utp_packet(), kSecond), kB);
    receive(kB, peer(1));
    EXPECT_TRUE(back.origins.empty());
    EXPECT_EQ(other_back.origins.size(), 1U);
    router->remove_circuit(kA);
    EXPECT_EQ(send(peer(1), utp_packet(), kFirst), std::nullopt) << "not even when it has no other";
}

TEST_F(FlowRouterTest, ClosedAssociationIsForgotten)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    router->on_closed(kFirst);
    receive(kA, peer(1));
    EXPECT_EQ(send_utp(1), std::nullopt);
    EXPECT_EQ(router->stats().no_association, 2U);
    EXPECT_EQ(uses, (std::vector<std::pair<Route, bool>>{{kThreeHops, true}, {kThreeHops, false}}));
}

TEST_F(FlowRouterTest, IdleFlowsAreForgotten)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    clock.advance(std::chrono::seconds(200));
    static_cast<void>(send_utp(2));
    clock.advance(std::chrono::seconds(101));
    router->forget_idle();
    EXPECT_EQ(router->flows_of(kA), 1U);
    clock.advance(std::chrono::seconds(300));
    router->forget_idle();
    EXPECT_EQ(router->flows_of(kA), 0U);
    EXPECT_EQ(send_utp(1), kA) << "and may come again";
}

TEST_F(FlowRouterTest, FlowsAreBounded)
{
    make_router({.max_flows = 16});
    router->add_circuit(kThreeHops, kA, kW0);
    for (std::uint32_t i = 0; i < 100; ++i)
        EXPECT_EQ(send_utp(i), kA);
    EXPECT_EQ(router->flows_of(kA), 16U);
    EXPECT_EQ(router->stats().evicted, 84U);
}

TEST_F(FlowRouterTest, OneFlushPerBatch)
{
    router->add_circuit(kThreeHops, kA, kW0);
    for (std::uint32_t i = 0; i < 5; ++i) {
        OwnedPacket packet(utp_packet());
        router->on_datagram(kFirst, peer(i), packet.buffer());
    }
    EXPECT_EQ(service.flushes, 0U);
    router->on_batch_end();
    EXPECT_EQ(service.flushes, 1U);
}

TEST_F(FlowRouterTest, DescribesARoute)
{
    router->add_circuit(kThreeHops, kA, kW0);
    static_cast<void>(send_utp(1));
    RouteStatus status{.route = kThreeHops};
    router->describe(status);
    EXPECT_EQ(status.flows, 1U);
    EXPECT_EQ(status.associations, 1U);
}

} // namespace
} // namespace cepa::main
