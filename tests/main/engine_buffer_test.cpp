#include "main/engine_buffer.hpp"

#include "support/loopback.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

namespace cepa::main {
namespace {

using test::UdpClient;

void shrink(int fd, int bytes)
{
    ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

TEST(EngineBuffer, FindsTheSocketOfAPort)
{
    const UdpClient engine;
    const UdpClient other;
    const UdpClient relay;
    const auto buffer = EngineBuffer::find(engine.local(), relay.fd());
    ASSERT_TRUE(buffer);
    ASSERT_TRUE(buffer->level());
    EXPECT_EQ(buffer->level()->used, 0U);
    EXPECT_EQ(buffer->room(), 64U);
    other.send(engine.local(), Bytes(1000, 1));
    EXPECT_GE(buffer->level()->used, 1000U) << "the found socket is the one that receives";
}

TEST(EngineBuffer, AnotherProgramsSocketIsNotFound)
{
    UdpClient gone;
    const Endpoint port = gone.local();
    gone.close();
    const UdpClient relay;
    EXPECT_FALSE(EngineBuffer::find(port, relay.fd()));
    EXPECT_FALSE(EngineBuffer::find(relay.local(), relay.fd())) << "the relay itself is not the engine";
}

TEST(EngineBuffer, RaisesASmallBufferAsFarAsTheSystemAllows)
{
    const UdpClient engine;
    const UdpClient relay;
    shrink(engine.fd(), 5000);
    const auto buffer = EngineBuffer::find(engine.local(), relay.fd());
    ASSERT_TRUE(buffer);
    EXPECT_GT(buffer->level()->size, 100'000U);
    EXPECT_EQ(receive_buffer_hint().empty(), buffer->level()->size >= 2U * kWantedReceiveBuffer);
}

/// However the room is used, nothing is lost: the test of the figure in kPacketCharge.
TEST(EngineBuffer, AsManyPacketsAsThereIsRoomForAreNeverDropped)
{
    const UdpClient engine;
    const UdpClient relay;
    const auto buffer = EngineBuffer::find(engine.local(), relay.fd());
    ASSERT_TRUE(buffer);
    for (const std::size_t size : {std::size_t{1}, std::size_t{300}, std::size_t{1481}, std::size_t{1500}}) {
        shrink(engine.fd(), 100'000); // after the raise
        std::size_t sent = 0;
        for (std::size_t room = buffer->room(); room > 0 && sent < 10'000; room = buffer->room())
            for (; room > 0; --room, ++sent) relay.send(engine.local(), Bytes(size, 7));
        EXPECT_GT(sent, 20U);
        EXPECT_EQ(buffer->level()->dropped, 0U) << size;
        for (std::size_t i = 0; i < sent; ++i) ASSERT_TRUE(engine.receive(std::chrono::milliseconds(0)));
        EXPECT_EQ(buffer->room(), 64U > 200'000U / 2560U ? 200'000U / 2560U : 64U) << "read: room again";
    }
    for (int i = 0; i < 2000; ++i) relay.send(engine.local(), Bytes(1481, 7));
    EXPECT_EQ(buffer->room(), 0U);
    EXPECT_GT(buffer->level()->dropped, 0U) << "and this is what happens without a pacer";
}

TEST(EngineBuffer, AClosedSocketHoldsNothingBack)
{
    UdpClient engine;
    const UdpClient relay;
    const auto buffer = EngineBuffer::find(engine.local(), relay.fd());
    ASSERT_TRUE(buffer);
    engine.close();
    EXPECT_FALSE(buffer->level());
    EXPECT_EQ(buffer->room(), 64U);
    const UdpClient another; // most likely with the same number
    EXPECT_FALSE(buffer->level()) << "another socket in its place is not taken for it";
}

} // namespace
} // namespace cepa::main
