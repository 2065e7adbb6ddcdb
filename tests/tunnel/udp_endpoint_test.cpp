#include "support/loopback.hpp"
#include "tunnel/udp_endpoint.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace cepa::tunnel {
namespace {

using test::run_until;

/// Keeps copies, and what it was told in which order.
struct Kept final : PacketReceiver {
    void on_packet(const Endpoint& source, PacketBuffer& packet) override
    {
        sources.push_back(source);
        packets.emplace_back(packet.bytes().begin(), packet.bytes().end());
        least_headroom = std::min(least_headroom, packet.headroom());
        least_tailroom = std::min(least_tailroom, packet.tailroom());
        if (on_each) on_each(source, packet);
    }
    void on_packet_batch_end() override
    {
        ++batches;
        if (at_end) at_end();
    }

    std::vector<Endpoint> sources;
    std::vector<Bytes> packets;
    std::size_t least_headroom = SIZE_MAX;
    std::size_t least_tailroom = SIZE_MAX;
    int batches = 0;
    std::function<void(const Endpoint&, PacketBuffer&)> on_each;
    std::function<void()> at_end;
};

struct UdpEndpointTest : testing::Test {
    boost::asio::io_context io;
    Kept kept;
    test::UdpClient socket;
    Endpoint here = socket.local();
    UdpEndpoint endpoint{io, socket.take(), kept};
    test::UdpClient client;
};

TEST(UdpEndpointStart, RefusesWhatIsNoSocket)
{
    boost::asio::io_context io;
    Kept kept;
    EXPECT_ANY_THROW(UdpEndpoint(io, FileDescriptor(::dup(0)), kept));
}

TEST_F(UdpEndpointTest, HandsPacketsOverInBatchesWithRoomAround)
{
    EXPECT_EQ(endpoint.local(), here);
    endpoint.start();
    for (std::uint8_t i = 0; i < 100; ++i)
        client.send(here, Bytes(1 + i, i));
    ASSERT_TRUE(run_until(io, [&] { return kept.packets.size() == 100; }));
    for (std::uint8_t i = 0; i < 100; ++i) {
        EXPECT_EQ(kept.packets[i], Bytes(1 + i, i));
        EXPECT_EQ(kept.sources[i], client.local());
    }
    EXPECT_LT(kept.batches, 20);
    EXPECT_GE(kept.least_headroom, kPacketHeadroom);
    EXPECT_GE(kept.least_tailroom, kPacketTailroom);
    EXPECT_EQ(endpoint.stats().packets_in, 100U);
}

TEST_F(UdpEndpointTest, EmptyAndOversizedPacketsDoNotStopIt)
{
    endpoint.start();
    client.send(here, {});
    client.send(here, Bytes(kMaxPacket + 1, 1));
    client.send(here, Bytes(kMaxPacket, 2));
    ASSERT_TRUE(run_until(io, [&] { return kept.packets.size() == 2; }));
    EXPECT_TRUE(kept.packets[0].empty());
    EXPECT_EQ(kept.packets[1].size(), kMaxPacket);
    EXPECT_EQ(endpoint.stats().truncated, 1U);
}

TEST_F(UdpEndpointTest, ReceivesNothingBeforeItIsStarted)
{
    client.send(here, Bytes(10, 1));
    io.poll();
    EXPECT_TRUE(kept.packets.empty());
    endpoint.start();
    EXPECT_TRUE(run_until(io, [&] { return kept.packets.size() == 1; }));
}

TEST_F(UdpEndpointTest, AnswersInPlaceFromInsideABatch)
{
    kept.on_each = [&](const Endpoint& source, PacketBuffer& packet) {
        packet.prepend(1)[0] = 0x55;
        endpoint.queue(source, packet.bytes(), CircuitId(1));
    };
    kept.at_end = [&] { endpoint.flush(); };
    endpoint.start();
    for (std::uint8_t i = 0; i < 10; ++i)
        client.send(here, Bytes(50, i));
    ASSERT_TRUE(run_until(io, [&] { return kept.packets.size() == 10; }));
    for (std::uint8_t i = 0; i < 10; ++i) {
        Bytes expected(51, i);
        expected[0] = 0x55;
        EXPECT_EQ(client.receive(), expected);
    }
}

TEST_F(UdpEndpointTest, OnlyPacketsOfOneCircuitShareASend)
{
    const Bytes packet(1000, 7);
    for (std::uint32_t i = 0; i < 20; ++i)
        endpoint.queue(client.local(), packet, CircuitId(i));
    endpoint.flush();
    EXPECT_EQ(endpoint.stats().segmented_sends, 0U);
    for (std::uint32_t i = 0; i < 20; ++i)
        endpoint.queue(client.local(), packet, CircuitId(i % 2));
    endpoint.flush();
    for (int i = 0; i < 40; ++i)
        EXPECT_EQ(client.receive(), packet);
    EXPECT_EQ(endpoint.stats().packets_out, 40U);
    // 20 where the kernel has segments, else they went one by one.
    EXPECT_TRUE(endpoint.stats().segmented_sends == 20U || endpoint.stats().segment_refusals > 0U);
}

TEST_F(UdpEndpointTest, SendsControlPacketsAtOnce)
{
    const Bytes one(1, 1);
    endpoint.queue(client.local(), one, CircuitId(1));
    endpoint.send_now(client.local(), Bytes(1, 2));
    EXPECT_EQ(client.receive(), Bytes(1, 2));
}

TEST_F(UdpEndpointTest, ClosedItIsSilent)
{
    endpoint.start();
    endpoint.close();
    client.send(here, Bytes(10, 1));
    endpoint.send_now(client.local(), Bytes(10, 1));
    const Bytes ten(10, 1);
    endpoint.queue(client.local(), ten, CircuitId(1));
    endpoint.flush();
    io.poll();
    EXPECT_TRUE(kept.packets.empty());
    EXPECT_FALSE(client.readable(std::chrono::milliseconds(0)));
}

TEST(UdpEndpointEnd, MayBeDestroyedWithAWaitPending)
{
    boost::asio::io_context io;
    Kept kept;
    test::UdpClient socket;
    const Endpoint here = socket.local();
    auto endpoint = std::make_unique<UdpEndpoint>(io, socket.take(), kept);
    endpoint->start();
    test::UdpClient client;
    client.send(here, Bytes(10, 1));
    endpoint.reset();
    io.poll();
    EXPECT_TRUE(kept.packets.empty());
}

TEST_F(UdpEndpointTest, MayBeClosedFromInsideItsOwnCall)
{
    kept.on_each = [&](const Endpoint&, PacketBuffer&) { endpoint.close(); };
    endpoint.start();
    for (int i = 0; i < 5; ++i)
        client.send(here, Bytes(10, 1));
    ASSERT_TRUE(run_until(io, [&] { return !kept.packets.empty(); }));
    io.restart();
    io.poll();
    EXPECT_EQ(kept.packets.size(), 1U);
}

} // namespace
} // namespace cepa::tunnel
