#include "main/inboxes.hpp"

#include "base/udp_batch.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cepa::main {
namespace {
/// What the writer's side may hold: about 2000 cells. A pair is bounded by bytes only, not by the kernel's small limit on
/// the datagrams in an inbox that many write to.
constexpr int kInboxBuffer = 4 << 20;
} // namespace

Result<Inboxes> Inboxes::open(std::uint32_t slots)
{
    Inboxes out;
    for (std::uint32_t i = 0; i < slots; ++i) {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
            return fail(ErrorCode(errno, boost::system::system_category()));
        out.pairs_.push_back({FileDescriptor(ends[0]), FileDescriptor(ends[1])});
        set_socket_buffers(ends[1], kInboxBuffer);
    }
    return out;
}

} // namespace cepa::main
