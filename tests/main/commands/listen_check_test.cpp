#include "main/commands/listen_check.hpp"
#include "main/node_socket.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <sys/socket.h>

namespace cepa::main {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string listen_complaint(const Endpoint& listen, ListensFor what)
{
    try {
        check_listen(listen, what);
    } catch (const UserError& error) {
        EXPECT_EQ(error.status(), kFailed);
        return error.what();
    }
    return "";
}

TEST(ListenCheckTest, AFreePortIsFree)
{
    const Endpoint any = *Endpoint::parse("127.0.0.1:0");
    EXPECT_EQ(listen_complaint(any, ListensFor::tunnels), "");
    EXPECT_EQ(listen_complaint(any, ListensFor::torrents), "");
}

TEST(ListenCheckTest, AUdpPortInUseIsNamed)
{
    const auto socket = open_node_socket(*Endpoint::parse("127.0.0.1:0"), PortSharing::alone);
    const Endpoint taken = *bound_to(socket->get());
    for (const ListensFor what : {ListensFor::tunnels, ListensFor::torrents})
        EXPECT_THAT(listen_complaint(taken, what),
                    AllOf(HasSubstr("udp " + taken.to_string()), HasSubstr("in use"), HasSubstr("--listen")));
}

TEST(ListenCheckTest, ATcpPortInUseMattersToTorrentsOnly)
{
    const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = Endpoint::parse("127.0.0.1:0")->to_sockaddr(address);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    const Endpoint taken = *bound_to(listener.get());
    EXPECT_EQ(listen_complaint(taken, ListensFor::tunnels), "");
    EXPECT_THAT(listen_complaint(taken, ListensFor::torrents),
                AllOf(HasSubstr("tcp " + taken.to_string()), HasSubstr("in use")));
}

TEST(ListenCheckTest, AnAddressOfAnotherComputerIsNamed)
{
    EXPECT_THAT(listen_complaint(*Endpoint::parse("192.0.2.1:0"), ListensFor::tunnels), HasSubstr("udp 192.0.2.1:0"));
}

} // namespace
} // namespace cepa::main
