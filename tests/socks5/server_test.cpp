#include "socks5/recording_sink.hpp"
#include "socks5/server.hpp"
#include "support/fake_clock.hpp"
#include "support/loopback.hpp"
#include "support/packet.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

namespace cepa::socks5 {
namespace {

using cepa::test::OwnedPacket;
using cepa::test::run_until;
using cepa::test::TcpClient;
using cepa::test::UdpClient;

const Bytes kHello{5, 1, 0};
const Bytes kAssociate{5, 3, 0, 1, 0, 0, 0, 0, 0, 0};
const Route kRoute{3, GroupId(1)};

class ServerTest : public testing::Test {
protected:
    ServerTest() { options.policy.route = kRoute; }
    void open()
    {
        auto listener = open_listener(0);
        ASSERT_TRUE(listener.has_value());
        server = std::make_unique<Server>(io, std::move(*listener), options, sink, ids, clock);
        server->start();
    }
    /// The client's side of opening an association; the relay's address. Runs the loop in between.
    Endpoint associate(const TcpClient& tcp)
    {
        tcp.send(kHello);
        EXPECT_EQ(answer(tcp, 2), (Bytes{5, 0}));
        tcp.send(kAssociate);
        const Bytes reply = answer(tcp, 10);
        if (reply.size() != 10) return {};
        EXPECT_EQ(reply[1], 0);
        return {IpAddress::v4(0x7f000001), static_cast<std::uint16_t>(reply[8] << 8U | reply[9])};
    }
    Bytes answer(const TcpClient& tcp, std::size_t size)
    {
        Bytes out;
        EXPECT_TRUE(run_until(io, [&] {
            std::array<std::uint8_t, 64> buffer;
            const ssize_t count = ::recv(tcp.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (count > 0) out.insert(out.end(), buffer.begin(), buffer.begin() + count);
            return out.size() >= size || count == 0;
        }));
        return out;
    }
    bool is_closed(const TcpClient& tcp)
    {
        return run_until(io, [&] {
            std::uint8_t byte;
            return ::recv(tcp.fd(), &byte, 1, MSG_DONTWAIT) == 0;
        });
    }
    bool connections_become(std::size_t count)
    {
        return run_until(io, [&] { return server->stats().connections == count; });
    }

    boost::asio::io_context io;
    cepa::test::FakeClock clock;
    test::RecordingSink sink;
    AssociationIds ids;
    ServerOptions options;
    std::unique_ptr<Server> server;
};

TEST_F(ServerTest, RealClientGetsItsDatagramsBackFromAnEchoingSink)
{
    sink.echo = true;
    open();
    TcpClient tcp(server->port());
    const Endpoint relay = associate(tcp);
    UdpClient udp;
    const Endpoint peer = Endpoint::parse("203.0.113.7:6881").value();
    for (std::uint8_t i = 0; i < 100; ++i) {
        OwnedPacket packet(Bytes(1000U + i % 3U, i));
        ASSERT_TRUE(prepend_datagram_header(packet.buffer(), peer));
        udp.send(relay, packet.bytes());
    }
    ASSERT_TRUE(run_until(io, [&] { return server->stats().relays.to_client == 100; }));
    for (std::uint8_t i = 0; i < 100; ++i) {
        const auto datagram = udp.receive();
        ASSERT_TRUE(datagram.has_value());
        DatagramHeader header;
        ASSERT_EQ(parse_datagram_header(*datagram, header), Parse::complete);
        EXPECT_EQ(header.address, Address(peer));
        const ByteSpan payload = ByteSpan(*datagram).subspan(header.size);
        EXPECT_EQ(Bytes(payload.begin(), payload.end()), Bytes(1000U + i % 3U, i));
    }
    ASSERT_EQ(sink.opened.size(), 1U);
    EXPECT_EQ(sink.opened[0].route, kRoute);
}

TEST_F(ServerTest, AssociationEndsWithItsTcpConnection)
{
    open();
    TcpClient first(server->port());
    TcpClient second(server->port());
    const Endpoint relay_of_first = associate(first);
    static_cast<void>(associate(second));
    EXPECT_EQ(server->stats().associations, 2U);
    ASSERT_EQ(sink.opened.size(), 2U);
    EXPECT_NE(sink.opened[0].id, sink.opened[1].id);
    first.close();
    ASSERT_TRUE(connections_become(1));
    EXPECT_EQ(sink.closed, std::vector{sink.opened[0].id});
    UdpClient late;
    late.send(relay_of_first, Bytes{0, 0, 0, 1, 1, 2, 3, 4, 5, 6});
    io.restart();
    io.poll();
    EXPECT_TRUE(sink.received.empty()) << "its socket is gone";
}

TEST_F(ServerTest, StatsOutliveTheAssociation)
{
    open();
    TcpClient tcp(server->port());
    const Endpoint relay = associate(tcp);
    UdpClient udp;
    udp.send(relay, Bytes{0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 'x'});
    ASSERT_TRUE(run_until(io, [&] { return sink.received.size() == 1; }));
    tcp.close();
    ASSERT_TRUE(connections_become(0));
    EXPECT_EQ(server->stats().relays.from_client, 1U);
    EXPECT_EQ(server->stats().associations, 0U);
    EXPECT_EQ(server->stats().accepted, 1U);
    EXPECT_EQ(server->stats().refused, 0U);
}

TEST_F(ServerTest, ConnectIsNotSupported)
{
    open();
    TcpClient tcp(server->port());
    tcp.send(kHello);
    tcp.send(Bytes{5, 1, 0, 1, 1, 2, 3, 4, 0, 80});
    EXPECT_EQ(answer(tcp, 12), (Bytes{5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0}));
    EXPECT_TRUE(is_closed(tcp));
    EXPECT_EQ(server->stats().refused, 1U);
}

TEST_F(ServerTest, HalfOpenClientsAreDroppedAfterTheDeadline)
{
    open();
    TcpClient silent(server->port());
    TcpClient halfway(server->port());
    TcpClient in_use(server->port());
    halfway.send(kHello);
    static_cast<void>(associate(in_use));
    ASSERT_TRUE(connections_become(3));
    clock.advance(options.handshake_deadline - std::chrono::milliseconds(1));
    server->drop_overdue();
    EXPECT_EQ(server->stats().connections, 3U);
    clock.advance(std::chrono::milliseconds(1));
    server->drop_overdue();
    EXPECT_EQ(server->stats().connections, 1U);
    EXPECT_EQ(server->stats().timed_out, 2U);
    EXPECT_EQ(server->stats().associations, 1U) << "an association has no deadline";
    EXPECT_TRUE(is_closed(silent));
}

TEST_F(ServerTest, TooManyConnectionsPushOutTheOldestHalfOpenOne)
{
    options.max_connections = 3;
    open();
    TcpClient in_use(server->port());
    static_cast<void>(associate(in_use));
    std::deque<TcpClient> silent;
    for (std::size_t i = 0; i < 3; ++i) {
        silent.emplace_back(server->port());
        ASSERT_TRUE(run_until(io, [&] { return server->stats().accepted == i + 2; }));
    }
    EXPECT_EQ(server->stats().connections, 3U);
    EXPECT_EQ(server->stats().evicted, 1U);
    EXPECT_TRUE(is_closed(silent[0]));
    EXPECT_EQ(server->stats().associations, 1U) << "the one in use is older, but in use";
}

TEST_F(ServerTest, FullOfAssociationsTheNewcomerIsTurnedAway)
{
    options.max_connections = 2;
    open();
    std::deque<TcpClient> clients;
    for (int i = 0; i < 2; ++i) {
        clients.emplace_back(server->port());
        static_cast<void>(associate(clients.back()));
    }
    TcpClient late(server->port());
    EXPECT_TRUE(is_closed(late));
    EXPECT_EQ(server->stats().associations, 2U);
    EXPECT_EQ(server->stats().turned_away, 1U);
    EXPECT_EQ(server->stats().evicted, 0U);
    EXPECT_TRUE(sink.closed.empty());
}

TEST_F(ServerTest, UsesTheSocketsOfItsFactory)
{
    int made = 0;
    options.open_udp = [&]() -> Result<FileDescriptor> {
        if (++made == 2) return fail(make_error_code(boost::system::errc::too_many_files_open));
        return open_udp_socket();
    };
    open();
    TcpClient first(server->port());
    EXPECT_NE(associate(first).port, 0);
    TcpClient second(server->port());
    second.send(kHello);
    second.send(kAssociate);
    const Bytes refusal = answer(second, 12);
    ASSERT_EQ(refusal.size(), 12U);
    EXPECT_EQ(refusal[3], 1) << "general failure";
    EXPECT_EQ(made, 2);
    EXPECT_EQ(server->stats().associations, 1U);
}

TEST_F(ServerTest, UserNameNamesTheRoute)
{
    options.policy = {std::nullopt, [](std::string_view user, std::string_view) {
                          return std::optional(Route{1, GroupId(user == "bob" ? 70U : 71U)});
                      }};
    open();
    TcpClient tcp(server->port());
    tcp.send(Bytes{5, 1, 2, 1, 3, 'b', 'o', 'b', 0});
    EXPECT_EQ(answer(tcp, 4), (Bytes{5, 2, 1, 0}));
    tcp.send(kAssociate);
    ASSERT_EQ(answer(tcp, 10).size(), 10U);
    ASSERT_EQ(sink.opened.size(), 1U);
    EXPECT_EQ(sink.opened[0].route, (Route{1, GroupId(70)}));
}

TEST_F(ServerTest, CloseEndsEverything)
{
    open();
    TcpClient tcp(server->port());
    static_cast<void>(associate(tcp));
    const std::uint16_t port = server->port();
    server->close();
    EXPECT_EQ(sink.closed.size(), 1U);
    EXPECT_TRUE(is_closed(tcp));
    EXPECT_THROW(TcpClient late(port), std::runtime_error);
    server.reset();
    EXPECT_EQ(sink.closed.size(), 1U) << "once";
}

} // namespace
} // namespace cepa::socks5
