#include "worker/data_path.hpp"

#include "support/loop.hpp"
#include "support/packet.hpp"
#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <optional>

namespace cepa::worker {
namespace {

using test::endpoint;
using test::run_until;

/// Main's ends of the data pipe are in the test's hand; the tunnel is a fake one.
class DataPathTest : public testing::Test {
protected:
    DataPathTest()
    {
        auto in = proto::make_pipe(proto::kPipeCapacity).value();
        auto out = proto::make_pipe().value();
        to_worker_ = std::move(in.write);
        from_worker_ = std::move(out.read);
        ::fcntl(from_worker_.get(), F_SETFL, O_NONBLOCK);
        path_.emplace(io_, std::move(in.read), std::move(out.write), [this](ErrorCode why) { ended_ = why; });
        host_.emplace(HostSetup{test::test_settings(), WorkerId(0), {}}, HostWorld{io_, packets_, resolver_, ids_}, *path_, observer_);
        tunnel::FakeTunnel::newest().usable = {7};
    }
    ~DataPathTest() override { path_->detach(); }

    static Bytes data_frame(std::uint32_t circuit, const Address& to, const Bytes& payload)
    {
        test::OwnedPacket packet(payload);
        EXPECT_TRUE(proto::wrap_data(packet.buffer(), CircuitId(circuit), to));
        return test::to_bytes(packet.bytes());
    }
    void write(const Bytes& bytes)
    {
        ASSERT_EQ(::write(to_worker_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    Bytes read_all()
    {
        Bytes all(1 << 20);
        const ssize_t got = ::read(from_worker_.get(), all.data(), all.size());
        all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return all;
    }
    tunnel::FakeTunnel& fake() { return tunnel::FakeTunnel::newest(); }

    boost::asio::io_context io_;
    test::FakePackets packets_;
    test::FakeResolver resolver_;
    test::EveryId ids_;
    test::FakeHostObserver observer_;
    FileDescriptor to_worker_;
    FileDescriptor from_worker_;
    std::optional<ErrorCode> ended_;
    std::optional<DataPath> path_;
    std::optional<TunnelHost> host_;
};

TEST_F(DataPathTest, AFrameGoesIntoItsCircuitWithRoomForEveryLayer)
{
    path_->attach(*host_, nullptr);
    path_->start();
    write(data_frame(7, endpoint("1.2.3.4:80"), test::bytes_of("hello")));
    ASSERT_TRUE(run_until(io_, [&] { return fake().sent.size() == 1; }));
    EXPECT_EQ(fake().sent[0].circuit, CircuitId(7));
    EXPECT_EQ(fake().sent[0].destination, Address(endpoint("1.2.3.4:80")));
    EXPECT_EQ(fake().sent[0].payload, test::bytes_of("hello"));
    EXPECT_GE(fake().sent[0].headroom, kPacketHeadroom);
    EXPECT_GE(fake().sent[0].tailroom, kPacketTailroom);
    ASSERT_EQ(packets_.sent.size(), 1U);
    EXPECT_EQ(packets_.sent[0].second, test::bytes_of("hello"));
}

TEST_F(DataPathTest, TheLongestNameHasRoomAndWhatIsTooLargeIsNotStale)
{
    fake().most_payload = 100;
    path_->attach(*host_, nullptr);
    path_->start();
    const Address longest(std::string(255, 'n'), 6969);
    write(data_frame(7, longest, Bytes(101)));
    write(data_frame(7, longest, Bytes(100)));
    ASSERT_TRUE(run_until(io_, [&] { return fake().sent.size() == 1; }));
    EXPECT_EQ(fake().sent[0].destination, longest);
    EXPECT_GE(fake().sent[0].headroom, 29U + 5 * 8 + 1 + 260 + 7) << "five layers and a data header with that name";
    EXPECT_EQ(path_->counters().stale_circuits, 0U);
}

TEST_F(DataPathTest, ManyFramesOfOneWriteLeaveInBatchesAndUnmixed)
{
    path_->attach(*host_, nullptr);
    path_->start();
    Bytes stream;
    for (int i = 0; i < 200; ++i) {
        const Bytes frame = data_frame(7, Address("host.example", 80), Bytes(static_cast<std::size_t>(i) * 5, static_cast<std::uint8_t>(i)));
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    write(stream);
    ASSERT_TRUE(run_until(io_, [&] { return packets_.sent.size() == 200; }));
    for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(packets_.sent[i].second, Bytes(i * 5, static_cast<std::uint8_t>(i))) << i;
    EXPECT_EQ(fake().sent[199].destination.host, "host.example");
    ASSERT_GE(fake().batches.size(), 4U) << "64 slots";
    EXPECT_EQ(fake().batches[0], SlotRing::kSlots);
}

TEST_F(DataPathTest, StaleCircuitsAndMalformedFramesAreCountedAndTheRestGoesOn)
{
    path_->attach(*host_, nullptr);
    path_->start();
    write(data_frame(8, endpoint("1.2.3.4:80"), test::bytes_of("stale")));
    write({0, 0, 0, 2, 1, 9});                                             // data without a circuit
    write({0, 0, 0, 3, 99, 1, 2});                                         // a kind that nobody knows
    write(data_frame(7, endpoint("1.2.3.4:80"), Bytes(kMaxPacket, 1)));    // the largest
    Bytes huge(3000, 1);
    Writer head(huge);
    head.u32(2996);
    head.u8(1);
    head.u32(7);
    write_endpoint(head, endpoint("1.2.3.4:80"));
    write(huge);                                                           // larger than any packet
    write(data_frame(7, endpoint("1.2.3.4:80"), test::bytes_of("last")));
    ASSERT_TRUE(run_until(io_, [&] { return fake().sent.size() == 2; }));
    EXPECT_EQ(path_->counters().stale_circuits, 1U);
    EXPECT_EQ(path_->counters().malformed_frames, 3U);
    EXPECT_FALSE(ended_);
}

TEST_F(DataPathTest, FramesBeforeCreateAreDropped)
{
    path_->start();
    write(data_frame(7, endpoint("1.2.3.4:80"), test::bytes_of("early")));
    ASSERT_TRUE(run_until(io_, [&] { return path_->counters().early_frames == 1; }));
    EXPECT_TRUE(fake().sent.empty());
}

TEST_F(DataPathTest, AnImpossibleLengthOrTheEndEndsTheStream)
{
    path_->attach(*host_, nullptr);
    path_->start();
    write({0xff, 0xff, 0xff, 0xff, 1});
    ASSERT_TRUE(run_until(io_, [&] { return ended_.has_value(); }));
}

TEST_F(DataPathTest, AClosedPipeIsTold)
{
    path_->start();
    to_worker_.reset();
    ASSERT_TRUE(run_until(io_, [&] { return ended_.has_value(); }));
}

TEST_F(DataPathTest, DataFromACircuitBecomesOneFrameInPlace)
{
    path_->attach(*host_, nullptr);
    test::OwnedPacket cell(test::bytes_of("answer"));
    fake().on_packet = [&](const Endpoint&, PacketBuffer& packet) {
        fake().observer.on_data(CircuitId(7), Address(endpoint("5.6.7.8:53")), packet);
    };
    path_->on_packet(endpoint("127.0.0.1:1"), cell.buffer());
    EXPECT_TRUE(read_all().empty()) << "not before the end of the batch";
    path_->on_packet_batch_end();
    EXPECT_EQ(read_all(), data_frame(7, endpoint("5.6.7.8:53"), test::bytes_of("answer")));
}

TEST_F(DataPathTest, AFullPipeDropsWholeFramesCountsThemAndNeverBlocks)
{
    path_->attach(*host_, nullptr);
    path_->start();
    fake().on_packet = [&](const Endpoint&, PacketBuffer& packet) {
        fake().observer.on_data(CircuitId(7), Address(endpoint("5.6.7.8:53")), packet);
    };
    constexpr int kPackets = 500;
    for (int i = 0; i < kPackets; ++i) {
        test::OwnedPacket cell(Bytes(1400, static_cast<std::uint8_t>(i)));
        path_->on_packet(endpoint("127.0.0.1:1"), cell.buffer());
        path_->on_packet_batch_end();
    }
    const std::uint64_t drops = path_->pipe().counters().drops;
    EXPECT_GT(drops, 300U) << "the pipe holds 64 KiB";
    // The other direction goes on while nobody reads this one.
    write(data_frame(7, endpoint("1.2.3.4:80"), test::bytes_of("up")));
    ASSERT_TRUE(run_until(io_, [&] { return packets_.sent.size() == 1; }));
    // What main reads afterwards is whole frames only.
    Bytes stream;
    const auto read_more = [&] {
        const Bytes more = read_all();
        stream.insert(stream.end(), more.begin(), more.end());
        return false;
    };
    (void)run_until(io_, read_more, std::chrono::milliseconds(100));
    std::size_t frames = 0;
    MutableByteSpan rest(stream);
    for (proto::FrameView frame; proto::next_frame(rest, frame) == proto::FrameScan::frame; ++frames) {
        const auto data = proto::parse_data(frame);
        ASSERT_TRUE(data);
        EXPECT_EQ(data->payload.size(), 1400U);
        rest = rest.subspan(frame.whole.size());
    }
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(frames, kPackets - drops);
}

TEST_F(DataPathTest, InFrontProcessModePacketsArriveAsFrames)
{
    test::FakeReceiver front;
    path_->attach(*host_, &front);
    path_->start();
    test::OwnedPacket packet(test::bytes_of("cell"));
    ASSERT_TRUE(proto::wrap_packet(packet.buffer(), proto::FrameKind::packet_in, endpoint("9.9.9.9:9")));
    write(test::to_bytes(packet.bytes()));
    ASSERT_TRUE(run_until(io_, [&] { return front.packets.size() == 1; }));
    EXPECT_EQ(front.packets[0], std::pair(endpoint("9.9.9.9:9"), test::bytes_of("cell")));
    EXPECT_GE(front.least_headroom, kPacketHeadroom);
    EXPECT_GE(front.least_tailroom, kPacketTailroom);
    EXPECT_EQ(path_->counters().front_bytes_in, 4U);
}

TEST_F(DataPathTest, PacketFramesAreRefusedWhereTheWorkerHasASocket)
{
    path_->attach(*host_, nullptr);
    path_->start();
    test::OwnedPacket packet(test::bytes_of("cell"));
    ASSERT_TRUE(proto::wrap_packet(packet.buffer(), proto::FrameKind::packet_in, endpoint("9.9.9.9:9")));
    write(test::to_bytes(packet.bytes()));
    ASSERT_TRUE(run_until(io_, [&] { return path_->counters().malformed_frames == 1; }));
}

} // namespace
} // namespace cepa::worker
