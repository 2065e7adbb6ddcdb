// Sockets of a client on loopback, with waits that end: what arrives on loopback is there at once, so the time-out only
// matters when a test fails.
#pragma once

#include "base/address.hpp"
#include "base/file_descriptor.hpp"

#include <boost/asio/io_context.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <stdexcept>

namespace cepa::test {

inline constexpr std::chrono::seconds kPatience{5};

/// Runs the loop until `done()`; false when that took too long.
template <class Done>
[[nodiscard]] bool run_until(boost::asio::io_context& io, Done done)
{
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(5));
    }
    return true;
}

[[nodiscard]] inline Endpoint local_endpoint(int fd)
{
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) throw std::runtime_error("getsockname");
    return Endpoint::from_sockaddr(address);
}

class LoopbackSocket {
public:
    explicit LoopbackSocket(int type, const char* ip = "127.0.0.1") : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0))
    {
        sockaddr_storage address{};
        const socklen_t length = Endpoint{IpAddress::parse(ip).value(), 0}.to_sockaddr(address);
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) throw std::runtime_error("bind");
    }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] Endpoint local() const { return local_endpoint(fd_.get()); }
    void close() { fd_.reset(); }
    /// For a test that makes its own descriptor management.
    [[nodiscard]] FileDescriptor take() noexcept { return std::move(fd_); }

    [[nodiscard]] bool readable(std::chrono::milliseconds within = kPatience) const
    {
        pollfd wait{fd_.get(), POLLIN, 0};
        return ::poll(&wait, 1, static_cast<int>(within.count())) == 1;
    }
    /// What is there now or comes within kPatience; empty on the end of the stream, nullopt when nothing came.
    [[nodiscard]] std::optional<Bytes> receive(std::chrono::milliseconds within = kPatience) const
    {
        if (!readable(within)) return std::nullopt;
        Bytes out(65536);
        const ssize_t count = ::recv(fd_.get(), out.data(), out.size(), MSG_DONTWAIT);
        out.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return out;
    }

protected:
    FileDescriptor fd_;
};

class UdpClient : public LoopbackSocket {
public:
    explicit UdpClient(const char* ip = "127.0.0.1") : LoopbackSocket(SOCK_DGRAM, ip) {}
    void send(const Endpoint& to, ByteSpan datagram) const
    {
        sockaddr_storage address{};
        const socklen_t length = to.to_sockaddr(address);
        if (::sendto(fd_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address), length) < 0)
            throw std::runtime_error("sendto");
    }
};

class TcpClient : public LoopbackSocket {
public:
    explicit TcpClient(std::uint16_t port) : LoopbackSocket(SOCK_STREAM)
    {
        sockaddr_storage address{};
        const socklen_t length = Endpoint{IpAddress::v4(0x7f000001), port}.to_sockaddr(address);
        if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
            throw std::runtime_error("connect");
    }
    void send(ByteSpan bytes) const
    {
        if (::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
            throw std::runtime_error("send");
    }
};

} // namespace cepa::test
