#include "main/commands/listen_check.hpp"

#include "main/node_socket.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <sys/socket.h>

namespace cepa::main {
namespace {

[[noreturn]] void refuse_listen(const char* protocol, const Endpoint& listen, const ErrorCode& error)
{
    const bool taken = error == boost::system::errc::address_in_use;
    throw UserError(fmt::format("{} {}: {}; choose another with --listen", protocol, listen.to_string(),
                                taken ? "port in use by another program" : error.message()));
}

/// As libtorrent binds it: connections of an earlier listener that are still ending do not count.
ErrorCode try_tcp(const Endpoint& listen)
{
    const FileDescriptor socket(::socket(listen.ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_storage address{};
    const socklen_t size = listen.to_sockaddr(address);
    const bool bound = socket.valid() && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
    return bound ? ErrorCode() : ErrorCode(errno, boost::system::system_category());
}

} // namespace

void check_listen(const Endpoint& listen, ListensFor what)
{
    if (const auto udp = open_node_socket(listen, PortSharing::alone); !udp) refuse_listen("udp", listen, udp.error());
    if (what == ListensFor::tunnels) return;
    if (const ErrorCode tcp = try_tcp(listen)) refuse_listen("tcp", listen, tcp);
}

} // namespace cepa::main
