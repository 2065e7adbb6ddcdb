#include "support/loopback.hpp"
#include "tunnel/udp_exit_socket.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace cepa::tunnel {
namespace {

using test::run_until;

struct Kept final : ExitReceiver {
    struct Datagram {
        CircuitId circuit;
        Endpoint origin;
        Bytes bytes;
    };
    void on_exit_datagram(CircuitId circuit, const Endpoint& origin, PacketBuffer& datagram) override
    {
        EXPECT_GE(datagram.headroom(), kPacketHeadroom);
        EXPECT_GE(datagram.tailroom(), kPacketTailroom);
        datagrams.push_back({circuit, origin, {datagram.bytes().begin(), datagram.bytes().end()}});
    }
    void on_exit_batch_end() override { ++batches; }

    std::vector<Datagram> datagrams;
    int batches = 0;
};

// What is queued must stay until it is flushed.
const Bytes kOnes(10, 1);
const Bytes kTwos(10, 2);
const Bytes kSixes(10, 6);

struct UdpExitSocketTest : testing::Test {
    boost::asio::io_context io;
    Kept kept;
    test::UdpClient destination;

    /// What `socket` sends is answered by the destination with the same bytes twice over.
    void echo_once()
    {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        Bytes buffer(4096);
        ASSERT_TRUE(destination.readable());
        const ssize_t count =
            ::recvfrom(destination.fd(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        ASSERT_GE(count, 0);
        buffer.resize(static_cast<std::size_t>(count));
        last_origin = Endpoint::from_sockaddr(from);
        destination.send(last_origin, buffer);
    }
    Endpoint last_origin;
};

TEST_F(UdpExitSocketTest, LeavesFromTheNodesOwnAddressAndBringsAnswersBack)
{
    UdpExitSockets sockets(io, *Endpoint::parse("127.3.2.1:7000"));
    auto socket = sockets.open(CircuitId(42), kept);
    ASSERT_TRUE(socket) << socket.error().message();
    const Bytes datagram(100, 9);
    (*socket)->queue(destination.local(), datagram);
    (*socket)->flush();
    echo_once();
    EXPECT_EQ(last_origin.ip, *IpAddress::parse("127.3.2.1"));
    EXPECT_NE(last_origin.port, 7000);
    ASSERT_TRUE(run_until(io, [&] { return kept.datagrams.size() == 1; }));
    EXPECT_EQ(kept.datagrams[0].circuit, CircuitId(42));
    EXPECT_EQ(kept.datagrams[0].origin, destination.local());
    EXPECT_EQ(kept.datagrams[0].bytes, datagram);
    EXPECT_EQ(kept.batches, 1);
}

TEST_F(UdpExitSocketTest, EveryCircuitHasAnAddressOfItsOwn)
{
    UdpExitSockets sockets(io, *Endpoint::parse("127.3.2.1:7000"));
    auto one = sockets.open(CircuitId(1), kept);
    auto two = sockets.open(CircuitId(2), kept);
    ASSERT_TRUE(one && two);
    std::vector<Endpoint> origins;
    for (auto* socket : {&*one, &*two}) {
        (*socket)->queue(destination.local(), kOnes);
        (*socket)->flush();
        echo_once();
        origins.push_back(last_origin);
    }
    EXPECT_NE(origins[0], origins[1]);
    ASSERT_TRUE(run_until(io, [&] { return kept.datagrams.size() == 2; }));
    EXPECT_NE(kept.datagrams[0].circuit, kept.datagrams[1].circuit);
}

TEST_F(UdpExitSocketTest, AnOpenListenerGivesBothFamiliesWhereThereAreTwo)
{
    UdpExitSockets sockets(io, *Endpoint::parse("0.0.0.0:7000"));
    auto socket = sockets.open(CircuitId(1), kept);
    ASSERT_TRUE(socket) << socket.error().message();
    (*socket)->queue(destination.local(), kOnes);
    (*socket)->flush();
    echo_once();
    ASSERT_TRUE(run_until(io, [&] { return kept.datagrams.size() == 1; }));
    EXPECT_FALSE(kept.datagrams[0].origin.ip.v6) << "a mapped origin must appear as IPv4";
    EXPECT_EQ(kept.datagrams[0].origin, destination.local());

    const FileDescriptor six(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = Endpoint::parse("[::1]:0")->to_sockaddr(address);
    if (!six.valid() || ::bind(six.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
        GTEST_SKIP() << "no IPv6 here";
    (*socket)->queue(test::local_endpoint(six.get()), kSixes);
    (*socket)->flush();
    pollfd wait{six.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 5000), 1);
}

TEST_F(UdpExitSocketTest, SaysWhyItCannotOpen)
{
    UdpExitSockets sockets(io, *Endpoint::parse("192.0.2.1:7000")); // documentation range: nobody has it
    const auto socket = sockets.open(CircuitId(1), kept);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error(), boost::system::errc::address_not_available);
}

TEST_F(UdpExitSocketTest, ARefusedDatagramDoesNotStopIt)
{
    UdpExitSockets sockets(io, *Endpoint::parse("127.3.2.1:7000"));
    auto socket = sockets.open(CircuitId(1), kept);
    ASSERT_TRUE(socket);
    Endpoint nobody;
    {
        const test::UdpClient closed;
        nobody = closed.local();
    }
    for (int i = 0; i < 3; ++i) {
        (*socket)->queue(nobody, kOnes);
        (*socket)->flush();
    }
    io.poll();
    (*socket)->queue(destination.local(), kTwos);
    (*socket)->flush();
    echo_once();
    EXPECT_TRUE(run_until(io, [&] { return kept.datagrams.size() == 1; }));
}

TEST_F(UdpExitSocketTest, ManyDatagramsToOneDestinationArriveInOrder)
{
    UdpExitSockets sockets(io, *Endpoint::parse("127.3.2.1:7000"));
    auto socket = sockets.open(CircuitId(1), kept);
    ASSERT_TRUE(socket);
    std::vector<Bytes> datagrams;
    for (std::uint8_t i = 0; i < 60; ++i)
        datagrams.emplace_back(i % 10 == 9 ? 300 : 1200, i);
    for (const Bytes& d : datagrams)
        (*socket)->queue(destination.local(), d);
    (*socket)->flush();
    for (const Bytes& d : datagrams)
        EXPECT_EQ(destination.receive(), d);
    EXPECT_EQ(sockets.stats().packets_out, 60U);
}

TEST_F(UdpExitSocketTest, ClosesWhenDestroyedAlsoWithAWaitPending)
{
    UdpExitSockets sockets(io, *Endpoint::parse("127.3.2.1:7000"));
    auto socket = sockets.open(CircuitId(1), kept);
    ASSERT_TRUE(socket);
    (*socket)->queue(destination.local(), kOnes);
    (*socket)->flush();
    echo_once();
    socket->reset();
    io.poll();
    EXPECT_TRUE(kept.datagrams.empty());
}

} // namespace
} // namespace cepa::tunnel
