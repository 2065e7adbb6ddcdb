#include "proto/hand_over.hpp"
#include "proto/slot_table.hpp"
#include "support/loop.hpp"
#include "support/packet.hpp"
#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"
#include "worker/shared_facts.hpp"
#include "worker/worker_tunnels.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace cepa::worker {
namespace {

using test::endpoint;
using test::run_until;

FileDescriptor loopback_socket()
{
    FileDescriptor out(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(out.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    return out;
}

std::pair<FileDescriptor, FileDescriptor> datagram_pair()
{
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// Worker 0 of two, with its sibling's inbox, its own and main's end of the data pipe in the test's hand.
class WorkerTunnelsTest : public testing::Test {
protected:
    WorkerTunnelsTest()
    {
        auto in = proto::make_pipe(proto::kPipeCapacity).value();
        auto out = proto::make_pipe().value();
        to_worker_ = std::move(in.write);
        from_worker_ = std::move(out.read);
        ::fcntl(from_worker_.get(), F_SETFL, O_NONBLOCK);
        data_.emplace(io_, std::move(in.read), std::move(out.write), [](ErrorCode) {});
        data_->start();
        auto up = proto::make_pipe().value();
        auto down = proto::make_pipe().value();
        rpc_.emplace(io_, std::move(down.read), std::move(up.write));
        std::tie(sockets_.inbox, own_inbox_) = datagram_pair();
        auto [sibling_read, sibling_write] = datagram_pair();
        sibling_inbox_ = std::move(sibling_read);
        sockets_.siblings.push_back(std::move(sibling_write));
        tunnel::init_crypto();
        const auto key = tunnel::PrivateKey::generate();
        const auto secret = key.encode();
        const auto open = key.public_key().encode();
        create_.set_max_workers(2);
        create_.set_identity_key(secret.data(), secret.size());
        create_.set_identity_public(open.data(), open.size());
        create_.mutable_settings()->set_overlay_id(std::string(20, '\x5a'));
        *create_.mutable_listen() = endpoint_to_proto(endpoint("127.0.0.1:1"));
        *create_.mutable_steer() = table_.to_message();
    }
    void make()
    {
        auto made = WorkerTunnels::make(io_, create_, std::move(sockets_), *data_, *rpc_, observer_);
        ASSERT_TRUE(made) << made.error();
        tunnels_ = std::move(*made);
    }
    Bytes cell_of(std::uint16_t owner) const
    {
        std::uint32_t id = 1;
        while (table_.owner(CircuitId(id)) != WorkerId(owner))
            ++id;
        tunnel::OverlayId overlay;
        overlay.fill(0x5a);
        Bytes out(80, 1);
        Writer writer(out);
        writer.bytes(tunnel::make_prefix(overlay));
        writer.u8(0);
        writer.u32(id);
        return out;
    }
    void write_frame(const Bytes& packet)
    {
        test::OwnedPacket owned(packet);
        ASSERT_TRUE(proto::wrap_packet(owned.buffer(), proto::FrameKind::packet_in, endpoint("9.9.9.9:9")));
        ASSERT_GT(::write(to_worker_.get(), owned.bytes().data(), owned.bytes().size()), 0);
    }
    tunnel::FakeTunnel& fake() { return tunnel::FakeTunnel::newest(); }
    bool sibling_has_one() const
    {
        char byte = 0;
        return ::recv(sibling_inbox_.get(), &byte, 1, MSG_DONTWAIT) > 0;
    }

    boost::asio::io_context io_;
    const proto::SlotTable table_ = proto::SlotTable::make(11, 13, 2);
    FileDescriptor to_worker_, from_worker_, own_inbox_, sibling_inbox_;
    test::FakeHostObserver observer_;
    InheritedSockets sockets_;
    proto::Create create_;
    std::optional<DataPath> data_;
    std::optional<proto::Rpc> rpc_;
    std::unique_ptr<WorkerTunnels> tunnels_;
};

TEST_F(WorkerTunnelsTest, ASocketsPacketsAreSortedIntoMineAndTheSiblings)
{
    sockets_.slot = loopback_socket();
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    ::getsockname(sockets_.slot.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    make();
    const FileDescriptor peer = loopback_socket();
    for (const std::uint16_t owner : {std::uint16_t{1}, std::uint16_t{0}}) {
        const Bytes cell = cell_of(owner);
        ::sendto(peer.get(), cell.data(), cell.size(), 0, reinterpret_cast<const sockaddr*>(&bound), length);
    }
    ASSERT_TRUE(run_until(io_, [&] { return fake().received.size() == 1; }));
    EXPECT_EQ(fake().received[0].packet, cell_of(0));
    EXPECT_TRUE(sibling_has_one());
    proto::WorkerInfo info;
    tunnels_->add_counters(info);
    EXPECT_EQ(info.handed_over(), 1U);
    EXPECT_EQ(info.udp_bytes_in(), 160U);
}

TEST_F(WorkerTunnelsTest, InFrontProcessModePacketsComeAndGoAsFrames)
{
    create_.set_front_process(true);
    make();
    write_frame(cell_of(1));
    write_frame(cell_of(0));
    ASSERT_TRUE(run_until(io_, [&] { return fake().received.size() == 1; }));
    EXPECT_EQ(fake().received[0].source, endpoint("9.9.9.9:9"));
    EXPECT_TRUE(sibling_has_one());
    fake().environment.packets.send_now(endpoint("8.8.8.8:8"), Bytes(10, 5));
    Bytes frame(100);
    ASSERT_EQ(::read(from_worker_.get(), frame.data(), frame.size()), 5 + 7 + 10);
    EXPECT_EQ(frame[4], static_cast<std::uint8_t>(proto::FrameKind::packet_out));
    proto::WorkerInfo info;
    tunnels_->add_counters(info);
    EXPECT_EQ(info.udp_bytes_in(), 160U);
    EXPECT_EQ(info.udp_bytes_out(), 10U);
}

TEST_F(WorkerTunnelsTest, WhatASiblingHandsOverIsTakenWithoutAnotherLook)
{
    sockets_.slot = loopback_socket();
    make();
    test::OwnedPacket owned(cell_of(1)); // the sibling's by the table: it must not go back
    ASSERT_TRUE(proto::wrap_hand_over(owned.buffer(), endpoint("7.7.7.7:7"), 1));
    ASSERT_GT(::send(own_inbox_.get(), owned.bytes().data(), owned.bytes().size(), 0), 0);
    ASSERT_TRUE(run_until(io_, [&] { return fake().received.size() == 1; }));
    EXPECT_EQ(fake().received[0].source, endpoint("7.7.7.7:7"));
    EXPECT_FALSE(sibling_has_one());
}

TEST_F(WorkerTunnelsTest, ANewTableMovesTheIdsThatAreMine)
{
    sockets_.slot = loopback_socket();
    make();
    const auto all_mine = table_.resized(1);
    ASSERT_TRUE(tunnels_->steer(all_mine.to_message()));
    for (std::uint32_t id = 0; id < 64; ++id)
        EXPECT_TRUE(fake().environment.ids.is_mine(CircuitId(id << 20U)));
    proto::Steer broken = all_mine.to_message();
    broken.set_k2(2);
    EXPECT_FALSE(tunnels_->steer(broken));
}

TEST_F(WorkerTunnelsTest, ImpossibleNumbersAreRefused)
{
    sockets_.slot = loopback_socket();
    create_.set_worker_id(2);
    const auto made = WorkerTunnels::make(io_, create_, std::move(sockets_), *data_, *rpc_, observer_);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error(), "worker_id is not below max_workers");
}

} // namespace
} // namespace cepa::worker
