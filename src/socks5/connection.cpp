#include "socks5/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cepa::socks5 {
namespace {

Endpoint local_endpoint(int fd) noexcept
{
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    return Endpoint::from_sockaddr(address);
}

} // namespace

Connection::Connection(boost::asio::io_context& io, FileDescriptor socket, const Endpoint& peer, TimePoint accepted,
                       const ListenerPolicy& policy, const Hooks& hooks)
    : socket_(io, socket.release()), peer_(peer), accepted_(accepted), handshake_(policy), hooks_(hooks)
{
}

void Connection::close()
{
    if (relay_) hooks_.on_closed(*relay_);
    relay_.reset();
    ErrorCode ignored;
    socket_.close(ignored);
}

void Connection::end()
{
    close();
    hooks_.on_ended(*this);
}

void Connection::wait_readable()
{
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const ErrorCode& error) {
                           if (!error && self->socket_.is_open()) self->on_readable();
                       });
}

void Connection::on_readable()
{
    std::array<std::uint8_t, 1024> buffer;
    const ssize_t count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    const bool spurious = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    const bool goes_on = spurious || (count > 0 && on_bytes(ByteSpan(buffer).first(static_cast<std::size_t>(count))));
    if (goes_on) wait_readable();
    else end();
}

/// False: the connection is over. An open association has nothing to say over TCP; what comes is ignored.
bool Connection::on_bytes(ByteSpan received)
{
    if (relay_) return true;
    Bytes to_send;
    const Handshake::Step step = handshake_.on_bytes(received, to_send);
    const bool opened = step == Handshake::Step::associate && open_association(to_send);
    const bool sent = send(to_send);
    return sent && (step == Handshake::Step::more || opened);
}

bool Connection::open_association(Bytes& to_send)
{
    const Endpoint& announced = handshake_.client();
    relay_ = hooks_.open_relay({announced.ip.is_unspecified() ? peer_.ip : announced.ip, announced.port});
    const Endpoint bound = relay_ ? local_endpoint(relay_->descriptor()) : Endpoint{};
    // Always 127.0.0.1: libtorrent sends to whatever address stands here.
    const Endpoint named = relay_ ? Endpoint{IpAddress::v4(0x7f000001), bound.port} : Endpoint{};
    const auto reply = encode_reply(relay_ ? ReplyCode::succeeded : ReplyCode::general_failure, named);
    to_send.insert(to_send.end(), reply.begin(), reply.end());
    if (!relay_) return false;
    was_in_use_ = true;
    hooks_.on_opened(*relay_, handshake_.route());
    relay_->start();
    return true;
}

/// A new connection's buffer takes the few bytes of a handshake at once; a client for which it does not is dropped.
bool Connection::send(ByteSpan bytes)
{
    if (bytes.empty()) return true;
    const ssize_t sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(bytes.size());
}

} // namespace cepa::socks5
