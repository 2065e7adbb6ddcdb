#include "proto/hand_over.hpp"
#include "support/loop.hpp"
#include "support/packet.hpp"
#include "worker/fakes.hpp"
#include "worker/inbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <sys/socket.h>
#include <vector>

namespace cepa::worker {
namespace {

class FakeHandedOverReceiver final : public HandedOverReceiver {
public:
    void on_handed_over(proto::HandedOverPacket& handed) override
    {
        EXPECT_EQ(handed.times, 2);
        least_headroom = std::min(least_headroom, handed.packet.headroom());
        least_tailroom = std::min(least_tailroom, handed.packet.tailroom());
        packets.emplace_back(handed.source, test::to_bytes(handed.packet.bytes()));
    }
    void on_packet_batch_end() override { ++batches; }

    std::vector<std::pair<Endpoint, Bytes>> packets;
    std::size_t least_headroom = SIZE_MAX;
    std::size_t least_tailroom = SIZE_MAX;
    int batches = 0;
};

class InboxTest : public testing::Test {
protected:
    InboxTest()
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
            throw std::runtime_error("socketpair");
        write_ = FileDescriptor(ends[1]);
        inbox_.emplace(io_, FileDescriptor(ends[0]), mine_);
        inbox_->start();
    }
    void put(ByteSpan datagram)
    {
        ASSERT_EQ(::send(write_.get(), datagram.data(), datagram.size(), 0), static_cast<ssize_t>(datagram.size()));
    }
    void hand_over(const Bytes& packet, const Endpoint& source)
    {
        test::OwnedPacket owned(packet);
        ASSERT_TRUE(proto::wrap_hand_over(owned.buffer(), source, 2));
        put(owned.bytes());
    }

    boost::asio::io_context io_;
    FakeHandedOverReceiver mine_;
    FileDescriptor write_;
    std::optional<Inbox> inbox_;
};

TEST_F(InboxTest, GivesPacketsWithTheirSourceAndRoomInBatches)
{
    const Endpoint source = test::endpoint("[::1]:77");
    for (std::uint8_t i = 0; i < 40; ++i)
        hand_over(Bytes(100U + i, i), source);
    ASSERT_TRUE(test::run_until(io_, [&] { return mine_.packets.size() == 40; }));
    for (std::uint8_t i = 0; i < 40; ++i)
        EXPECT_EQ(mine_.packets[i], std::pair(source, Bytes(100U + i, i)));
    EXPECT_GE(mine_.least_headroom, kPacketHeadroom - proto::kMaxHandOverHead);
    EXPECT_GE(mine_.least_tailroom, kPacketTailroom);
    EXPECT_LE(mine_.batches, 3);
}

TEST_F(InboxTest, TheLargestPacketFits)
{
    hand_over(Bytes(kMaxPacket, 1), test::endpoint("1.2.3.4:5"));
    ASSERT_TRUE(test::run_until(io_, [&] { return mine_.packets.size() == 1; }));
    EXPECT_EQ(mine_.packets[0].second.size(), kMaxPacket);
}

TEST_F(InboxTest, CountsWhatIsNoPacketAndGoesOn)
{
    put(Bytes{9, 9, 9});
    put(Bytes(kPacketSlot * 2, 1));
    hand_over(Bytes{1}, test::endpoint("1.2.3.4:5"));
    ASSERT_TRUE(test::run_until(io_, [&] { return mine_.packets.size() == 1; }));
    EXPECT_EQ(inbox_->malformed(), 2U);
}

TEST_F(InboxTest, MayGoWhileItWaits)
{
    hand_over(Bytes{1}, test::endpoint("1.2.3.4:5"));
    inbox_.reset();
    test::run_ready(io_);
    EXPECT_TRUE(mine_.packets.empty());
}

} // namespace
} // namespace cepa::worker
