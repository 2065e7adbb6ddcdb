#include "main/node_socket.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>

namespace cepa::main {
namespace {

const Endpoint kAnyLoopback = *Endpoint::parse("127.0.0.1:0");

TEST(NodeSocket, IsBoundNonBlockingAndCloseOnExec)
{
    const auto socket = open_node_socket(kAnyLoopback, PortSharing::alone);
    ASSERT_TRUE(socket);
    const auto bound = bound_to(socket->get());
    ASSERT_TRUE(bound);
    EXPECT_EQ(bound->ip, kAnyLoopback.ip);
    EXPECT_NE(bound->port, 0);
    EXPECT_NE(::fcntl(socket->get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(NodeSocket, AloneRefusesAPortThatSharedOnesHave)
{
    const auto shared = open_node_socket(kAnyLoopback, PortSharing::shared);
    ASSERT_TRUE(shared);
    const Endpoint port = *bound_to(shared->get());
    const auto alone = open_node_socket(port, PortSharing::alone);
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error(), boost::system::errc::address_in_use);
    EXPECT_TRUE(open_node_socket(port, PortSharing::shared));
}

TEST(NodeSocket, AnAddressThatIsNotOursIsRefused)
{
    const auto socket = open_node_socket(*Endpoint::parse("192.0.2.1:5000"), PortSharing::alone);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error(), boost::system::errc::address_not_available);
}

TEST(NodeSocket, TakesIPv6)
{
    const auto socket = open_node_socket(*Endpoint::parse("[::1]:0"), PortSharing::alone);
    if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().message();
    EXPECT_TRUE(bound_to(socket->get())->ip.v6);
}

} // namespace
} // namespace cepa::main
