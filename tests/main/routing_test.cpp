#include "main/routing.hpp"

#include "main/fake_tunnel_service.hpp"
#include "socks5/server.hpp"
#include "support/fake_clock.hpp"
#include "support/loopback.hpp"
#include "support/packet.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace cepa::main {
namespace {

using cepa::test::OwnedPacket;
using cepa::test::run_until;
using cepa::test::TcpClient;
using cepa::test::UdpClient;

const Route kRoute{3, GroupId(1)};
const Endpoint kPeer = Endpoint::parse("203.0.113.7:6881").value();
const Bytes kUtp = [] {
    Bytes out(100, 0);
    out[0] = 0x41;
    return out;
}();

/// A real SOCKS5 server and client over loopback in front of fake tunnels.
class RoutingTest : public testing::Test {
protected:
    RoutingTest()
        : routing(io, service, clock, {},
                  {.on_flows_moved = [this](const Route&, const std::vector<Endpoint>& peers) { moved = peers; },
                   .on_route_usable = [this](const Route&, bool usable) { said_usable.push_back(usable); },
                   .on_route_settled = {},
                   .on_sync = [this] { ++syncs; },
                   .on_notify = [this](const proto::Notify& n) { notice = n.text(); }}),
          server(io, socks5::open_listener(0).value(), {.policy = {.route = kRoute, .login = {}}}, routing.sink(), ids, clock)
    {
        routing.start();
        server.start();
    }
    void associate()
    {
        tcp = std::make_unique<TcpClient>(server.port());
        tcp->send(Bytes{5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0});
        Bytes reply;
        ASSERT_TRUE(run_until(io, [&] {
            if (!tcp->readable(std::chrono::milliseconds(0))) return false;
            const auto more = tcp->receive();
            reply.insert(reply.end(), more->begin(), more->end());
            return reply.size() == 12;
        }));
        relay = {IpAddress::v4(0x7f000001), static_cast<std::uint16_t>(reply[10] << 8U | reply[11])};
    }
    void send_utp()
    {
        OwnedPacket packet(kUtp);
        ASSERT_TRUE(socks5::prepend_datagram_header(packet.buffer(), kPeer));
        udp.send(relay, packet.bytes());
    }

    boost::asio::io_context io;
    cepa::test::FakeClock clock;
    test::FakeTunnelService service;
    socks5::AssociationIds ids;
    std::vector<Endpoint> moved;
    std::vector<bool> said_usable;
    std::string notice;
    int syncs = 0;
    Routing routing;
    socks5::Server server;
    std::unique_ptr<TcpClient> tcp;
    UdpClient udp;
    Endpoint relay;
};

TEST_F(RoutingTest, AssociationAsksForCircuitsAndDatagramsGoBothWays)
{
    EXPECT_EQ(service.attempts_made, 0U);
    associate();
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); }));
    const CircuitId circuit = service.succeed(0);
    EXPECT_EQ(said_usable, std::vector{true});
    send_utp();
    ASSERT_TRUE(run_until(io, [&] { return service.sent.size() == 1 && service.flushes > 0; }));
    EXPECT_EQ(service.sent[0].circuit, circuit);
    EXPECT_EQ(service.sent[0].destination, Address(kPeer));
    EXPECT_EQ(service.sent[0].payload, kUtp);

    OwnedPacket answer(as_bytes("answer"));
    routing.on_datagram(circuit, kPeer, answer.buffer());
    routing.on_batch_end();
    const auto received = udp.receive();
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(*received, (Bytes{0, 0, 0, 1, 203, 0, 113, 7, 0x1a, 0xe1, 'a', 'n', 's', 'w', 'e', 'r'}));
    EXPECT_EQ(routing.stats().up, 1U);
    EXPECT_EQ(routing.stats().down, 1U);
}

TEST_F(RoutingTest, ARouteWithHiddenPeersOnlyAsksForNoCircuits)
{
    routing.set_without_data({kRoute});
    associate();
    const auto ticks = [&](int count) { return run_until(io, [&] { return --count < 0; }); };
    ASSERT_TRUE(ticks(20));
    EXPECT_EQ(service.attempts_made, 0U);
    EXPECT_TRUE(routing.status().empty());
    routing.set_without_data({}); // a torrent with open peers came
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); }));
    const CircuitId circuit = service.succeed(0);
    routing.set_without_data({kRoute});
    clock.advance(std::chrono::seconds(30));
    ASSERT_TRUE(run_until(io, [&] { return !service.closed.empty(); })) << "and went";
    EXPECT_EQ(service.closed.front(), circuit);
}

TEST_F(RoutingTest, AssociationOutlivesEveryCircuit)
{
    associate();
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); }));
    const CircuitId first = service.succeed(0);
    send_utp();
    ASSERT_TRUE(run_until(io, [&] { return service.sent.size() == 1; }));
    routing.on_circuit_dead(first, "worker died");
    EXPECT_EQ(said_usable, (std::vector{true, false}));
    send_utp();
    ASSERT_TRUE(run_until(io, [&] { return routing.stats().no_circuit == 1; }));
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); })) << "asked for again without being told";
    const CircuitId second = service.succeed(0);
    EXPECT_EQ(moved, std::vector{kPeer});
    send_utp();
    ASSERT_TRUE(run_until(io, [&] { return service.sent.size() == 2; }));
    EXPECT_EQ(service.sent[1].circuit, second);
    EXPECT_EQ(server.stats().associations, 1U);
}

TEST_F(RoutingTest, StatusTellsCircuitsFlowsAndAssociations)
{
    associate();
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); }));
    service.succeed(0);
    send_utp();
    ASSERT_TRUE(run_until(io, [&] { return service.sent.size() == 1; }));
    const auto status = routing.status();
    ASSERT_EQ(status.size(), 1U);
    EXPECT_EQ(status[0].route, kRoute);
    EXPECT_EQ(status[0].ready, 1U);
    EXPECT_EQ(status[0].flows, 1U);
    EXPECT_EQ(status[0].associations, 1U);
}

TEST_F(RoutingTest, EndOfTheAssociationLetsGoOfTheRoute)
{
    associate();
    ASSERT_TRUE(run_until(io, [&] { return !service.attempts.empty(); }));
    const CircuitId circuit = service.succeed(0);
    tcp->close();
    ASSERT_TRUE(run_until(io, [&] { return server.stats().connections == 0; }));
    EXPECT_EQ(routing.status().at(0).wanted, 0U);
    clock.advance(std::chrono::seconds(11));
    ASSERT_TRUE(run_until(io, [&] { return !service.closed.empty(); }));
    EXPECT_EQ(service.closed[0], circuit);
}

TEST_F(RoutingTest, OtherNewsGoesToTheHooks)
{
    routing.on_sync();
    EXPECT_EQ(syncs, 1);
    proto::Notify n;
    n.set_text("monthly cap");
    routing.on_notify(n);
    EXPECT_EQ(notice, "monthly cap");
}

TEST_F(RoutingTest, StoppedItAsksForNothing)
{
    routing.stop();
    associate();
    routing.want(kRoute);
    io.restart();
    io.poll();
    EXPECT_EQ(service.attempts_made, 0U);
}

} // namespace
} // namespace cepa::main
