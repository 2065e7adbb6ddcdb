#include "socks5/udp_relay.hpp"

#include "socks5/recording_sink.hpp"
#include "support/loopback.hpp"
#include "support/packet.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>

namespace cepa::socks5 {
namespace {

using cepa::test::OwnedPacket;
using cepa::test::run_until;
using cepa::test::UdpClient;

const Endpoint kPeer = Endpoint::parse("203.0.113.9:6881").value();

Bytes wrapped(const Address& destination, ByteSpan payload, std::uint8_t fragment = 0)
{
    OwnedPacket packet(payload);
    EXPECT_TRUE(prepend_datagram_header(packet.buffer(), destination));
    packet.buffer().bytes()[2] = fragment;
    return {packet.bytes().begin(), packet.bytes().end()};
}

Bytes numbered(std::uint8_t number, std::size_t size) { return Bytes(size, number); }

/// Lets through what the test allows, once.
struct TestPacer : Pacer {
    explicit TestPacer(std::size_t& allowed) : allowance(allowed) {}
    std::size_t room() noexcept override { return std::exchange(allowance, 0); }
    std::size_t& allowance;
};

class RelayTest : public testing::Test {
protected:
    void open(ExpectedClient expected = {IpAddress::v4(0x7f000001), 0}, MakePacer pacer = {})
    {
        make_pacer = std::move(pacer);
        cepa::test::LoopbackSocket socket(SOCK_DGRAM);
        address = socket.local();
        relay = std::make_unique<UdpRelay>(io, socket.take(), AssociationId(9), expected, sink, batch, make_pacer);
        relay->start();
    }
    void from_client(const Bytes& datagram)
    {
        client.send(address, datagram);
        static_cast<void>(relay->receive_batch());
    }
    void say_hello() { from_client(wrapped(kPeer, as_bytes("hello"))); }
    /// Queues and flushes datagrams of the given sizes; the first byte of each is its number.
    void back_to_client(const std::vector<std::size_t>& sizes)
    {
        std::deque<OwnedPacket> packets;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            packets.emplace_back(numbered(next_number++, sizes[i]));
            relay->send_to_client(kPeer, packets.back().buffer());
        }
        relay->flush();
    }
    /// Reads what is in the client's socket and checks header, numbers in order and sizes.
    void expect_at_client(const std::vector<std::size_t>& sizes)
    {
        for (const std::size_t size : sizes) {
            const auto datagram = client.receive();
            ASSERT_TRUE(datagram.has_value());
            DatagramHeader header;
            ASSERT_EQ(parse_datagram_header(*datagram, header), Parse::complete);
            EXPECT_EQ(header.address, Address(kPeer));
            const ByteSpan payload = ByteSpan(*datagram).subspan(header.size);
            EXPECT_EQ(Bytes(payload.begin(), payload.end()), numbered(next_expected++, size));
        }
        EXPECT_FALSE(client.readable(std::chrono::milliseconds(0)));
    }

    boost::asio::io_context io;
    test::RecordingSink sink;
    UdpReceiveBatch batch;
    MakePacer make_pacer;
    UdpClient client;
    Endpoint address;
    std::unique_ptr<UdpRelay> relay;
    std::uint8_t next_number = 1;
    std::uint8_t next_expected = 1;
};

TEST_F(RelayTest, StripsTheHeaderInPlace)
{
    open();
    from_client(wrapped(kPeer, as_bytes("payload")));
    ASSERT_EQ(sink.received.size(), 1U);
    EXPECT_EQ(sink.received[0].id, AssociationId(9));
    EXPECT_EQ(sink.received[0].destination, Address(kPeer));
    EXPECT_EQ(sink.received[0].payload, Bytes({'p', 'a', 'y', 'l', 'o', 'a', 'd'}));
    EXPECT_GE(sink.received[0].headroom, kPacketHeadroom);
    EXPECT_GE(sink.received[0].tailroom, kPacketTailroom);
    EXPECT_EQ(sink.batches, 1U);
    EXPECT_EQ(relay->stats().from_client, 1U);
    EXPECT_EQ(relay->stats().bytes_from_client, 7U);
}

TEST_F(RelayTest, PassesHostNamesOn)
{
    open();
    from_client(wrapped(Address("tracker.example", 6969), as_bytes("announce")));
    ASSERT_EQ(sink.received.size(), 1U);
    EXPECT_EQ(sink.received[0].destination, Address("tracker.example", 6969));
}

TEST_F(RelayTest, DropsAndCountsFragmentsAndRubbish)
{
    open();
    from_client(wrapped(kPeer, as_bytes("part"), 1));
    from_client(wrapped(kPeer, as_bytes("last part"), 0x82));
    EXPECT_EQ(relay->stats().fragments, 2U);
    EXPECT_FALSE(relay->client().has_value()) << "only a well-formed datagram makes the client known";
    const Bytes whole = wrapped(kPeer, {});
    for (std::size_t length = 0; length < whole.size(); ++length)
        from_client({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    EXPECT_EQ(relay->stats().malformed, whole.size());
    from_client(Bytes(kMaxPacket + 1, 0));
    EXPECT_EQ(relay->stats().malformed, whole.size() + 1) << "cut off by the slot";
    EXPECT_TRUE(sink.received.empty());
}

TEST_F(RelayTest, LargestDatagramPasses)
{
    open();
    const Bytes payload(kMaxPacket - 10, 5);
    from_client(wrapped(kPeer, payload));
    ASSERT_EQ(sink.received.size(), 1U);
    EXPECT_EQ(sink.received[0].payload, payload);
}

TEST_F(RelayTest, HearsOnlyItsClient)
{
    open();
    UdpClient elsewhere("127.0.0.2");
    elsewhere.send(address, wrapped(kPeer, as_bytes("first, from another address")));
    static_cast<void>(relay->receive_batch());
    EXPECT_EQ(relay->stats().strangers, 1U);
    say_hello();
    EXPECT_EQ(relay->client(), client.local());
    UdpClient same_address;
    same_address.send(address, wrapped(kPeer, as_bytes("late, from another port")));
    static_cast<void>(relay->receive_batch());
    EXPECT_EQ(relay->stats().strangers, 2U);
    EXPECT_EQ(sink.received.size(), 1U);
}

TEST_F(RelayTest, AnnouncedPortIsHeardAndServedFromTheStart)
{
    open({IpAddress::v4(0x7f000001), client.local().port});
    UdpClient other;
    other.send(address, wrapped(kPeer, as_bytes("not the announced port")));
    static_cast<void>(relay->receive_batch());
    EXPECT_EQ(relay->stats().strangers, 1U);
    back_to_client({100}); // libtorrent: incoming traffic may come before outgoing
    expect_at_client({100});
}

TEST_F(RelayTest, WithoutAClientNothingGoesBack)
{
    open();
    back_to_client({10});
    EXPECT_EQ(relay->stats().before_client, 1U);
    EXPECT_EQ(relay->stats().to_client, 0U);
}

TEST_F(RelayTest, GoesBackInOrderWhateverTheSizes)
{
    open();
    say_hello();
    const std::vector<std::size_t> sizes = {1472, 1472, 1472, 600, 1472, 20, 20, 20, 1472, 1472, 1, 1472};
    back_to_client(sizes);
    expect_at_client(sizes);
    EXPECT_EQ(relay->stats().to_client, sizes.size());
}

TEST_F(RelayTest, SendsRunsOfEqualSizeTogether)
{
    open();
    say_hello();
    back_to_client(std::vector<std::size_t>(50, 1472)); // a full uTP packet and 10 bytes of header: more than an Ethernet frame
    expect_at_client(std::vector<std::size_t>(50, 1472));
    EXPECT_EQ(relay->segmented(), 50U);
}

TEST_F(RelayTest, PayloadWithoutRoomInFrontIsCounted)
{
    open();
    say_hello();
    std::array<std::uint8_t, 16> room{};
    PacketBuffer payload(room, 9, 7);
    relay->send_to_client(kPeer, payload);
    relay->flush();
    EXPECT_EQ(relay->stats().no_room, 1U);
}

TEST_F(RelayTest, PacerHoldsBackAndOrderStays)
{
    std::size_t allowed = 3;
    open({IpAddress::v4(0x7f000001), 0}, [&](const Endpoint& who, int) {
        EXPECT_EQ(who, client.local());
        return std::make_unique<TestPacer>(allowed);
    });
    say_hello();
    back_to_client({10, 20, 30, 40, 50});
    expect_at_client({10, 20, 30});
    EXPECT_EQ(relay->stats().held_back, 2U);
    allowed = 0;
    back_to_client({60});
    expect_at_client({});
    allowed = 2;
    back_to_client({70}); // what waited goes first, and the new one waits behind it
    expect_at_client({40, 50});
    allowed = 10;
    relay->flush();
    expect_at_client({60, 70});
    EXPECT_EQ(relay->stats().to_client, 7U);
    EXPECT_EQ(relay->stats().backlog_full, 0U);
}

TEST_F(RelayTest, AsksAgainBeforeItHoldsBack)
{
    struct Crumbs : Pacer { // room for one more, five times
        std::size_t left = 5;
        std::size_t room() noexcept override { return left == 0 ? 0 : (--left, 1); }
    };
    open({IpAddress::v4(0x7f000001), 0}, [](const Endpoint&, int) { return std::make_unique<Crumbs>(); });
    say_hello();
    back_to_client({10, 20, 30, 40, 50, 60});
    expect_at_client({10, 20, 30, 40, 50});
    EXPECT_EQ(relay->stats().held_back, 1U);
}

TEST_F(RelayTest, HeldBackDatagramsGoByThemselvesOnceThereIsRoom)
{
    std::size_t allowed = 0;
    open({IpAddress::v4(0x7f000001), 0}, [&](const Endpoint&, int) { return std::make_unique<TestPacer>(allowed); });
    say_hello();
    back_to_client({10, 20});
    allowed = 9;
    EXPECT_TRUE(run_until(io, [&] { return relay->stats().to_client == 2; }));
    expect_at_client({10, 20});
}

TEST_F(RelayTest, FullBacklogDropsTheNewestAndCounts)
{
    std::size_t allowed = 0;
    open({IpAddress::v4(0x7f000001), 0}, [&](const Endpoint&, int) { return std::make_unique<TestPacer>(allowed); });
    say_hello();
    back_to_client(std::vector<std::size_t>(Backlog::kDefaultCapacity, 1));
    back_to_client({1, 1, 1});
    EXPECT_EQ(relay->stats().held_back, Backlog::kDefaultCapacity);
    EXPECT_EQ(relay->stats().backlog_full, 3U);
}

TEST_F(RelayTest, LoopReadsWhatArrives)
{
    open();
    for (int i = 0; i < 150; ++i) client.send(address, wrapped(kPeer, as_bytes("x")));
    EXPECT_TRUE(run_until(io, [&] { return sink.received.size() == 150; })) << sink.received.size();
    EXPECT_LT(sink.batches, 30U) << "batches, not one call per datagram";
}

TEST_F(RelayTest, MayBeDestroyedWhileItWaits)
{
    std::size_t allowed = 0;
    open({IpAddress::v4(0x7f000001), 0}, [&](const Endpoint&, int) { return std::make_unique<TestPacer>(allowed); });
    say_hello();
    back_to_client({10});
    relay.reset();
    io.restart();
    EXPECT_GE(io.poll(), 1U) << "its waits end without it";
}

} // namespace
} // namespace cepa::socks5
