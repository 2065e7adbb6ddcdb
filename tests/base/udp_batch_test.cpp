#include "base/udp_batch.hpp"

#include "support/loopback.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <cerrno>
#include <deque>

namespace cepa {
namespace {

using test::UdpClient;

Bytes numbered(std::uint8_t number, std::size_t size) { return Bytes(size, number); }

class UdpBatchTest : public testing::Test {
protected:
    /// Queues datagrams 0, 1, 2, ... of these sizes for `to` and flushes.
    void send(const std::vector<std::size_t>& sizes, const Endpoint& address, std::uint32_t flow = 0)
    {
        for (const std::size_t size : sizes) {
            memory.push_back(numbered(static_cast<std::uint8_t>(memory.size()), size));
            batch.queue(address, memory.back(), flow, stats);
        }
        batch.flush(stats);
    }
    void expect_at(const UdpClient& socket, const std::vector<std::pair<std::uint8_t, std::size_t>>& expected)
    {
        for (const auto& [number, size] : expected) EXPECT_EQ(socket.receive(), numbered(number, size));
        EXPECT_FALSE(socket.readable(std::chrono::milliseconds(0)));
    }

    UdpClient from;
    UdpClient to;
    UdpClient other;
    UdpSendBatch batch{from.fd(), false};
    UdpStats stats;
    std::deque<Bytes> memory;
};

TEST_F(UdpBatchTest, RunsOfEqualSizeLeaveTogetherAndArriveApart)
{
    send({1000, 1000, 1000, 300}, to.local());
    expect_at(to, {{0, 1000}, {1, 1000}, {2, 1000}, {3, 300}});
    EXPECT_EQ(stats.segmented_sends, 4U) << "a shorter one may end a run";
    EXPECT_EQ(stats.packets_out, 4U);
    EXPECT_EQ(stats.bytes_out, 3300U);
}

TEST_F(UdpBatchTest, OrderStaysWhateverTheSizes)
{
    send({100, 100, 700, 700, 20, 700, 700, 0, 0, 5}, to.local());
    expect_at(to, {{0, 100}, {1, 100}, {2, 700}, {3, 700}, {4, 20}, {5, 700}, {6, 700}, {7, 0}, {8, 0}, {9, 5}});
}

TEST_F(UdpBatchTest, FlowsNeverShareASend)
{
    memory.push_back(numbered(1, 500));
    batch.queue(to.local(), memory.back(), 7, stats);
    batch.queue(to.local(), memory.back(), 8, stats);
    batch.queue(other.local(), memory.back(), 7, stats);
    batch.flush(stats);
    EXPECT_EQ(stats.segmented_sends, 0U);
    EXPECT_EQ(stats.packets_out, 3U);
    expect_at(other, {{1, 500}});
}

TEST_F(UdpBatchTest, InterleavedFlowsStillFormRuns)
{
    for (std::uint8_t i = 0; i < 10; ++i) {
        memory.push_back(numbered(i, 800));
        batch.queue(i % 2 == 0 ? to.local() : other.local(), memory.back(), i % 2, stats);
    }
    batch.flush(stats);
    EXPECT_EQ(stats.segmented_sends, 10U);
    expect_at(to, {{0, 800}, {2, 800}, {4, 800}, {6, 800}, {8, 800}});
    expect_at(other, {{1, 800}, {3, 800}, {5, 800}, {7, 800}, {9, 800}});
}

TEST_F(UdpBatchTest, LargeOnesAreSegmentedOnlyWhereItIsAllowed)
{
    EXPECT_EQ(max_segment_to(Endpoint::parse("192.0.2.1:1").value()), 1472U) << "what fits an Ethernet frame";
    send({1482, 1482, 1482}, to.local());
    EXPECT_EQ(stats.segmented_sends, 3U);
    batch.forbid_segments();
    send({100, 100}, to.local());
    EXPECT_EQ(stats.segmented_sends, 3U);
    EXPECT_EQ(stats.packets_out, 5U);
}

TEST_F(UdpBatchTest, MoreThanOneSendHoldsIsSplit)
{
    const int room = 4 << 20;
    static_cast<void>(::setsockopt(to.fd(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
    send(std::vector<std::size_t>(100, 200), to.local());
    for (std::uint8_t i = 0; i < 100; ++i) EXPECT_EQ(to.receive(), numbered(i, 200));
    EXPECT_EQ(stats.packets_out, 100U);
}

TEST_F(UdpBatchTest, RefusedOnesAreCountedAndTheOthersGo)
{
    const Endpoint nowhere = Endpoint::parse("127.0.0.1:0").value(); // no port: every kernel refuses
    memory.push_back(numbered(1, 50));
    batch.queue(nowhere, memory.back(), 0, stats);
    batch.queue(to.local(), memory.back(), 0, stats);
    batch.flush(stats);
    EXPECT_EQ(stats.send_errors, 1U);
    EXPECT_EQ(stats.packets_out, 1U);
    expect_at(to, {{1, 50}});
}

TEST_F(UdpBatchTest, ReceivesWithRoomOnBothSides)
{
    from.send(to.local(), numbered(1, 30));
    from.send(to.local(), numbered(2, kMaxPacket));
    from.send(to.local(), numbered(3, kMaxPacket + 1)); // loses its end
    from.send(to.local(), numbered(4, 0));
    UdpReceiveBatch receive;
    const auto packets = receive.receive(to.fd(), stats);
    ASSERT_EQ(packets.size(), 3U);
    EXPECT_EQ(stats.truncated, 1U);
    EXPECT_EQ(stats.packets_in, 3U);
    EXPECT_EQ(packets[0].source, from.local());
    EXPECT_EQ(packets[0].packet.headroom(), kPacketHeadroom);
    EXPECT_EQ(packets[1].packet.size(), kMaxPacket);
    EXPECT_EQ(packets[1].packet.tailroom(), kPacketTailroom);
    EXPECT_EQ(packets[2].packet.size(), 0U);
    EXPECT_TRUE(receive.receive(to.fd(), stats).empty());
    EXPECT_EQ(stats.receive_errors, 0U) << "nothing there is no error";
}

TEST_F(UdpBatchTest, SendsPastTheQueue)
{
    batch.send_now(to.local(), numbered(9, 12), stats);
    expect_at(to, {{9, 12}});
}

} // namespace
} // namespace cepa
