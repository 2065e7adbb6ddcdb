#include "main/node_socket.hpp"

#include "base/udp_batch.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace cepa::main {
namespace {

std::unexpected<ErrorCode> last_error() { return fail(ErrorCode(errno, boost::system::system_category())); }

} // namespace

Result<FileDescriptor> open_node_socket(const Endpoint& listen, PortSharing sharing)
{
    const int family = listen.ip.v6 ? AF_INET6 : AF_INET;
    FileDescriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return last_error();
    const int on = 1;
    if (sharing == PortSharing::shared && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return last_error();
    set_socket_buffers(socket.get(), kNodeSocketBuffer);
    sockaddr_storage address{};
    const socklen_t size = listen.to_sockaddr(address);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return last_error();
    return socket;
}

Result<Endpoint> bound_to(int socket)
{
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return last_error();
    return Endpoint::from_sockaddr(address);
}

} // namespace cepa::main
