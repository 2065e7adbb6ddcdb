#include "socks5/connection.hpp"

#include "socks5/recording_sink.hpp"
#include "support/loopback.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>

namespace cepa::socks5 {
namespace {

using cepa::test::run_until;

const Bytes kHello{5, 1, 0};
const Bytes kAssociateAnywhere{5, 3, 0, 1, 0, 0, 0, 0, 0, 0};
const Bytes kAssociateAt{5, 3, 0, 1, 10, 1, 2, 3, 0x1a, 0xe1};

/// One connection over a pair of connected sockets; the test holds the client's end.
class ConnectionTest : public testing::Test {
protected:
    ConnectionTest()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
        client.reset(ends[0]);
        hooks = {
            .open_relay = [this](const ExpectedClient& expected) -> std::unique_ptr<UdpRelay> {
                expected_client = expected;
                if (refuse_relay) return nullptr;
                return std::make_unique<UdpRelay>(io, cepa::test::LoopbackSocket(SOCK_DGRAM).take(), AssociationId(1),
                                                  expected, sink, batch, no_pacer);
            },
            .on_opened = [this](UdpRelay& relay, const Route& route) { sink.on_opened(relay.id(), route, relay); },
            .on_closed = [this](UdpRelay& relay) { sink.on_closed(relay.id()); },
            .on_ended = [this](Connection&) { ++ended; },
        };
        const Endpoint peer = Endpoint::parse("127.0.0.1:4000").value();
        connection = std::make_shared<Connection>(io, FileDescriptor(ends[1]), peer, TimePoint{}, policy, hooks);
        connection->start();
    }
    void say(const Bytes& bytes) const
    {
        ASSERT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    }
    /// The answer, once it has `size` bytes or the connection ended.
    Bytes answer(std::size_t size)
    {
        Bytes out;
        static_cast<void>(run_until(io, [&] {
            std::array<std::uint8_t, 64> buffer;
            const ssize_t count = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (count > 0) out.insert(out.end(), buffer.begin(), buffer.begin() + count);
            return out.size() >= size || count == 0;
        }));
        return out;
    }

    boost::asio::io_context io;
    test::RecordingSink sink;
    UdpReceiveBatch batch;
    MakePacer no_pacer;
    ListenerPolicy policy{Route{2, GroupId(5)}, {}};
    Connection::Hooks hooks;
    FileDescriptor client;
    std::shared_ptr<Connection> connection;
    std::optional<ExpectedClient> expected_client;
    bool refuse_relay = false;
    int ended = 0;
};

TEST_F(ConnectionTest, RepliesWithLoopbackAndThePortOfTheRelay)
{
    say(kHello);
    EXPECT_EQ(answer(2), (Bytes{5, 0}));
    EXPECT_TRUE(connection->half_open());
    say(kAssociateAnywhere);
    const Bytes reply = answer(10);
    ASSERT_EQ(reply.size(), 10U);
    EXPECT_EQ(Bytes(reply.begin(), reply.begin() + 8), (Bytes{5, 0, 0, 1, 127, 0, 0, 1}));
    ASSERT_EQ(sink.opened.size(), 1U);
    EXPECT_EQ(sink.opened[0].route, (Route{2, GroupId(5)}));
    EXPECT_FALSE(connection->half_open());
    EXPECT_EQ(expected_client->ip.to_string(), "127.0.0.1") << "nothing announced: the address of the TCP connection";
    EXPECT_EQ(expected_client->port, 0);
}

TEST_F(ConnectionTest, AnnouncedAddressWins)
{
    say(kHello);
    say(kAssociateAt);
    ASSERT_EQ(answer(12).size(), 12U);
    EXPECT_EQ(expected_client->ip.to_string(), "10.1.2.3");
    EXPECT_EQ(expected_client->port, 6881);
}

TEST_F(ConnectionTest, EndOfTheConnectionEndsTheAssociation)
{
    say(kHello);
    say(kAssociateAnywhere);
    ASSERT_EQ(answer(12).size(), 12U);
    say({1, 2, 3}); // means nothing, and does no harm
    static_cast<void>(run_until(io, [&] { return io.poll() == 0; }));
    EXPECT_TRUE(sink.closed.empty());
    client.reset();
    EXPECT_TRUE(run_until(io, [&] { return ended == 1; }));
    EXPECT_EQ(sink.closed, std::vector{AssociationId(1)});
    EXPECT_TRUE(connection->ended_in_use());
}

TEST_F(ConnectionTest, RefusedHandshakeIsAnsweredThenClosed)
{
    say({5, 1, 0x80});
    EXPECT_EQ(answer(3), (Bytes{5, 0xff})) << "two bytes, then the end";
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(sink.opened.empty());
}

TEST_F(ConnectionTest, WithoutASocketTheReplyIsAFailure)
{
    refuse_relay = true;
    say(kHello);
    say(kAssociateAnywhere);
    EXPECT_EQ(answer(13), (Bytes{5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(ended, 1);
}

TEST_F(ConnectionTest, ClosedByItsOwnerItSaysNothingMore)
{
    say(kHello);
    say(kAssociateAnywhere);
    ASSERT_EQ(answer(12).size(), 12U);
    connection->close();
    EXPECT_EQ(sink.closed.size(), 1U);
    connection.reset();
    io.restart();
    io.poll();
    EXPECT_EQ(ended, 0);
}

} // namespace
} // namespace cepa::socks5
