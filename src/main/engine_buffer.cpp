#include "main/engine_buffer.hpp"

#include "base/file_descriptor.hpp"

#include <fmt/format.h>

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

namespace cepa::main {
namespace {

/// What the kernel charges a receive buffer for one full uTP packet: its bytes, rounded up to the allocator's 2 KiB, and
/// the packet's own record (2304 measured on Linux 6); some more, so that a foreign kernel does not fool us.
constexpr std::uint32_t kPacketCharge = 2560;
/// The longest burst: what the engine reads in about 0.2 ms.
constexpr std::uint32_t kLongestBurst = 64;

template <class T>
std::optional<T> option(int fd, int name)
{
    T value{};
    socklen_t size = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
    return value;
}

std::uint64_t cookie_of(int fd)
{
    return option<std::uint64_t>(fd, SO_COOKIE).value_or(0);
}

/// Tells ports of two network namespaces apart. 0 on kernels before 5.14, which then compare equal.
std::uint64_t namespace_of(int fd)
{
    return option<std::uint64_t>(fd, SO_NETNS_COOKIE).value_or(0);
}

bool is_udp_on_port(int fd, std::uint16_t port)
{
    if (option<int>(fd, SO_TYPE) != SOCK_DGRAM || option<int>(fd, SO_DOMAIN) != AF_INET) return false;
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    return ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0 && Endpoint::from_sockaddr(local).port == port;
}

std::optional<int> number(const std::string& text)
{
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// As the kernel reports it: twice what was set.
int receive_buffer(int fd)
{
    return option<int>(fd, SO_RCVBUF).value_or(0);
}

void raise(int fd)
{
    if (receive_buffer(fd) >= 2 * kWantedReceiveBuffer) return;
    const int wanted = kWantedReceiveBuffer;
    // FORCE passes net.core.rmem_max with CAP_NET_ADMIN in the host; elsewhere the plain one goes up to that limit.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) == 0) return;
    if (receive_buffer(fd) < wanted) (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
}

} // namespace

std::unique_ptr<EngineBuffer> EngineBuffer::find(const Endpoint& client, int relay_fd)
{
    const std::uint64_t network = namespace_of(relay_fd);
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error)) {
        const std::optional<int> fd = number(entry->path().filename().string());
        if (!fd || *fd == relay_fd || !is_udp_on_port(*fd, client.port) || namespace_of(*fd) != network) continue;
        raise(*fd);
        return std::unique_ptr<EngineBuffer>(new EngineBuffer(*fd, cookie_of(*fd)));
    }
    return nullptr;
}

std::optional<BufferLevel> EngineBuffer::level() const noexcept
{
    // The number may have been given to another file meanwhile; reading that one's figures would do no harm either.
    if (cookie_of(fd_) != cookie_) return std::nullopt;
    const auto memory = option<std::array<std::uint32_t, SK_MEMINFO_VARS>>(fd_, SO_MEMINFO);
    if (!memory) return std::nullopt;
    return BufferLevel{(*memory)[SK_MEMINFO_RMEM_ALLOC], (*memory)[SK_MEMINFO_RCVBUF], (*memory)[SK_MEMINFO_DROPS]};
}

std::size_t EngineBuffer::room() noexcept
{
    const std::optional<BufferLevel> now = level();
    if (!now) return kLongestBurst; // closed: what is sent is lost, and holding it back would not help
    const std::uint32_t free = now->size > now->used ? now->size - now->used : 0;
    return std::min(free / kPacketCharge, kLongestBurst);
}

std::string receive_buffer_hint()
{
    const FileDescriptor probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!probe.valid()) return {};
    raise(probe.get());
    const int usable = receive_buffer(probe.get()) / 2;
    if (usable >= kWantedReceiveBuffer) return {};
    return fmt::format("UDP receive buffers are limited to {} KiB, which costs torrents speed; to raise the limit: sudo sysctl -w net.core.rmem_max={}",
                       usable / 1024, kWantedReceiveBuffer);
}

} // namespace cepa::main
