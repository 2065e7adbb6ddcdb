#include "main/front_process.hpp"

#include "main/node_socket.hpp"
#include "support/loop.hpp"
#include "support/loopback.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cepa::main {
namespace {

/// One worker's end of its data pipe.
struct FakeEnd final : proto::FrameReceiver {
    std::vector<std::pair<Endpoint, Bytes>> packets;
    std::unique_ptr<proto::Pipe> pipe;

    void on_frame(const proto::FrameView& frame) override
    {
        auto packet = proto::parse_packet(frame);
        ASSERT_TRUE(packet);
        EXPECT_EQ(frame.kind, proto::FrameKind::packet_in);
        packets.emplace_back(packet->peer, Bytes(packet->packet.bytes().begin(), packet->packet.bytes().end()));
    }
    void on_frame_batch_end() override {}
    void on_pipe_end(ErrorCode) override {}
};

struct FrontProcessTest : testing::Test {
    boost::asio::io_context io;
    OverlayPrefix prefix = overlay_prefix(as_bytes("0123456789abcdefghij"));
    proto::SlotTable table = proto::SlotTable::make(17, 19, 2);
    std::array<FakeEnd, 2> workers;
    std::array<FakeEnd, 2> mains;
    std::unique_ptr<FrontProcess> front;
    Endpoint port;
    test::UdpClient peer;
    bool second_gone = false;

    void SetUp() override
    {
        for (std::size_t w = 0; w < 2; ++w) {
            proto::PipeEnds in = std::move(*proto::make_pipe(proto::kPipeCapacity));
            proto::PipeEnds out = std::move(*proto::make_pipe(proto::kPipeCapacity));
            mains.at(w).pipe = std::make_unique<proto::Pipe>(io, std::move(out.read), std::move(in.write), mains.at(w));
            workers.at(w).pipe = std::make_unique<proto::Pipe>(io, std::move(in.read), std::move(out.write), workers.at(w));
            workers.at(w).pipe->start();
        }
        FileDescriptor socket = std::move(*open_node_socket(*Endpoint::parse("127.0.0.1:0"), PortSharing::alone));
        port = *bound_to(socket.get());
        front = std::make_unique<FrontProcess>(io, std::move(socket), prefix, [this](WorkerId worker) {
            return second_gone && worker == WorkerId(1) ? nullptr : mains.at(worker.value).pipe.get();
        });
        front->steer(table);
        front->start();
    }
    Bytes cell(std::uint32_t circuit) const
    {
        Bytes out(80, 0);
        std::ranges::copy(prefix, out.begin());
        for (unsigned i = 0; i < 4; ++i) out[23 + i] = static_cast<std::uint8_t>(circuit >> (24U - 8U * i));
        return out;
    }
    std::size_t arrived() const { return workers[0].packets.size() + workers[1].packets.size(); }
};

TEST_F(FrontProcessTest, HandsCellsOutAsTheKernelWould)
{
    std::mt19937 random(5); // NOLINT: the same ids every time
    for (int i = 0; i < 300; ++i) peer.send(port, cell(static_cast<std::uint32_t>(random())));
    peer.send(port, as_bytes("no cell"));
    ASSERT_TRUE(test::run_until(io, [this] { return arrived() == 301; }));
    for (std::uint16_t w = 0; w < 2; ++w) {
        EXPECT_GT(workers.at(w).packets.size(), 100U);
        for (const auto& [source, packet] : workers.at(w).packets) {
            EXPECT_EQ(steered_to(table, prefix, packet), WorkerId(w));
            EXPECT_EQ(source, peer.local());
        }
    }
    EXPECT_EQ(front->undeliverable(), 0U);
}

TEST_F(FrontProcessTest, PacketsForAWorkerThatIsNotThereAreCounted)
{
    second_gone = true;
    for (std::uint32_t i = 0; i < 100; ++i) peer.send(port, cell(i * 2654435761U));
    ASSERT_TRUE(test::run_until(io, [this] { return front->stats().packets_in == 100; }));
    EXPECT_GT(front->undeliverable(), 20U);
    ASSERT_TRUE(test::run_until(io, [this] { return arrived() == 100 - front->undeliverable(); }));
}

TEST_F(FrontProcessTest, SendsFromTheNodesPort)
{
    const Bytes first = cell(1);
    const Bytes second = cell(2);
    front->send(peer.local(), first);
    front->send(peer.local(), second);
    front->flush();
    const auto a = peer.receive();
    const auto b = peer.receive();
    ASSERT_TRUE(a && b);
    EXPECT_TRUE((*a == first && *b == second) || (*a == second && *b == first));
}

} // namespace
} // namespace cepa::main
