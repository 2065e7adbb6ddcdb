#include "worker/framed_port.hpp"

#include "worker/fakes.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

struct NoFrames final : proto::FrameReceiver {
    void on_frame(const proto::FrameView&) override {}
    void on_frame_batch_end() override {}
    void on_pipe_end(ErrorCode) override {}
};

class FramedPortTest : public testing::Test {
protected:
    /// The packet frames that lie in the pipe.
    std::vector<std::pair<Endpoint, Bytes>> read()
    {
        Bytes stream(1 << 20);
        const ssize_t got = ::read(out_.read.get(), stream.data(), stream.size());
        std::vector<std::pair<Endpoint, Bytes>> packets;
        MutableByteSpan rest = MutableByteSpan(stream).first(got > 0 ? static_cast<std::size_t>(got) : 0);
        for (proto::FrameView frame; proto::next_frame(rest, frame) == proto::FrameScan::frame;) {
            const auto packet = proto::parse_packet(frame);
            if (!packet || frame.kind != proto::FrameKind::packet_out) return {};
            packets.emplace_back(packet->peer, test::to_bytes(packet->packet.bytes()));
            rest = rest.subspan(frame.whole.size());
        }
        return packets;
    }

    boost::asio::io_context io_;
    NoFrames nobody_;
    proto::PipeEnds in_ = proto::make_pipe().value();
    proto::PipeEnds out_ = proto::make_pipe(proto::kPipeCapacity).value();
    proto::Pipe pipe_{io_, std::move(in_.read), std::move(out_.write), nobody_};
    FramedPort port_{pipe_};
};

TEST_F(FramedPortTest, PacketsLeaveAsFramesAtTheFlush)
{
    const Bytes packet(1400, 3);
    port_.queue(test::endpoint("1.2.3.4:5"), packet, CircuitId(1));
    port_.queue(test::endpoint("[2001:db8::1]:6"), Bytes(10, 4), CircuitId(2));
    port_.flush();
    const auto packets = read();
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets[0], std::pair(test::endpoint("1.2.3.4:5"), packet));
    EXPECT_EQ(packets[1], std::pair(test::endpoint("[2001:db8::1]:6"), Bytes(10, 4)));
    EXPECT_EQ(port_.packets_out(), 2U);
    EXPECT_EQ(port_.bytes_out(), 1410U);
}

TEST_F(FramedPortTest, MoreThanTheSlotsLeaveInOrder)
{
    for (std::size_t i = 0; i < 150; ++i) port_.queue(test::endpoint("1.2.3.4:5"), Bytes(i + 1, 1), CircuitId(1));
    port_.flush();
    const auto packets = read();
    ASSERT_EQ(packets.size(), 150U);
    for (std::size_t i = 0; i < 150; ++i) EXPECT_EQ(packets[i].second.size(), i + 1);
}

TEST_F(FramedPortTest, SendsControlPacketsAtOnceAndDropsWhatIsTooLarge)
{
    port_.send_now(test::endpoint("1.2.3.4:5"), Bytes(kMaxPacket + 1, 1));
    port_.send_now(test::endpoint("1.2.3.4:5"), Bytes(5, 1));
    ASSERT_EQ(read().size(), 1U);
}

} // namespace
} // namespace cepa::worker
