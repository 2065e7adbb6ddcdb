#include "tunnel/circuit/cell_sender.hpp"

#include "tunnel/discovery/signed_packet.hpp"

#include "support/circuit_bench.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

const Endpoint kTo{IpAddress::v4(0x01020304), 80};

TEST(CellSender, QueuesInPlaceBehindAHeader)
{
    test::CircuitBench bench;
    test::OwnedPacket packet(Bytes(50, 1));
    const std::uint8_t* const body = packet.buffer().data();
    bench.sender.queue(kTo, packet.buffer(), {CircuitId(0xabcdef01), false, true});
    EXPECT_EQ(packet.buffer().data() + kCellHeaderSize, body);
    const test::SentPacket sent = bench.packets.take();
    EXPECT_TRUE(sent.queued);
    EXPECT_EQ(sent.header(), (CellHeader{CircuitId(0xabcdef01), false, true}));
    EXPECT_TRUE(has_prefix(sent.bytes, make_prefix(bench.overlay())));
    EXPECT_EQ(bench.counters.cells_out, 1U);
    EXPECT_EQ(bench.counters.packet_bytes_out, 50 + kCellHeaderSize);
}

TEST(CellSender, SendsPlainMessagesAtOnce)
{
    init_crypto();
    test::CircuitBench bench;
    const PublicKey key = PrivateKey::generate().public_key();
    bench.sender.send_plain(kTo, CircuitId(5), Create{77, key, key.x25519});
    const test::SentPacket sent = bench.packets.take();
    EXPECT_FALSE(sent.queued);
    EXPECT_EQ(sent.header(), (CellHeader{CircuitId(5), true, false}));
    ASSERT_EQ(sent.message()[0], 2);
    const auto create = Create::parse(sent.message().subspan(1));
    ASSERT_TRUE(create);
    EXPECT_EQ(create->identifier, 77);
    EXPECT_EQ(create->node_key, key);
}

TEST(CellSender, SignsDestroys)
{
    init_crypto();
    test::CircuitBench bench;
    const PrivateKey signer = PrivateKey::generate();
    bench.sender.send_destroy(kTo, CircuitId(5), signer, 4);
    const test::SentPacket sent = bench.packets.take();
    const auto opened = open_signed(sent.bytes, TimeField::absent);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->key, signer.public_key());
    const auto destroy = Destroy::parse(opened->body);
    ASSERT_TRUE(destroy);
    EXPECT_EQ(destroy->circuit, CircuitId(5));
    EXPECT_EQ(destroy->reason, 4);
}

TEST(MessageRoom, IsEmptyWhenAMessageDoesNotFit)
{
    MessageRoom room;
    const Bytes large(2000);
    EXPECT_TRUE(room.write(TestResponse{1, large}).empty());
    PacketBuffer fits = room.write(TestResponse{1, ByteSpan(large).first(1400)});
    EXPECT_EQ(fits.size(), 1403U);
    EXPECT_GE(fits.headroom(), kPacketHeadroom);
    EXPECT_GE(fits.tailroom(), kPacketTailroom);
}

} // namespace
} // namespace cepa::tunnel
