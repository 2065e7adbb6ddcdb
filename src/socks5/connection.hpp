// One client's TCP connection: the handshake, then the association that lives as long as the connection does. Used by
// the server only. Process: main, io thread. Spec: RFC 1928.
#pragma once

#include "socks5/handshake.hpp"
#include "socks5/udp_relay.hpp"

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/file_descriptor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>

namespace cepa::socks5 {

/// Shared with its own pending wait, which may come after the server let go of it.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    struct Hooks {
        /// Opens the relay of an association and returns it, not started; null when the system refuses.
        std::function<std::unique_ptr<UdpRelay>(const ExpectedClient&)> open_relay;
        /// The relay is about to serve `route`, or about to be destroyed.
        std::function<void(UdpRelay&, const Route&)> on_opened;
        std::function<void(UdpRelay&)> on_closed;
        /// Ended by itself or by its client: the owner lets go of it. Not called by close().
        std::function<void(Connection&)> on_ended;
    };

    Connection(boost::asio::io_context& io, FileDescriptor socket, const Endpoint& peer, TimePoint accepted,
               const ListenerPolicy& policy, const Hooks& hooks);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start() { wait_readable(); }
    /// Ends the association and closes the socket; on_ended is not called.
    void close();

    [[nodiscard]] bool half_open() const noexcept { return relay_ == nullptr; }
    /// It had an association at its end; meaningful from on_ended().
    [[nodiscard]] bool ended_in_use() const noexcept { return was_in_use_; }
    [[nodiscard]] TimePoint accepted() const noexcept { return accepted_; }
    /// Null while half-open.
    [[nodiscard]] const UdpRelay* relay() const noexcept { return relay_.get(); }

private:
    void wait_readable();
    void on_readable();
    [[nodiscard]] bool on_bytes(ByteSpan received);
    [[nodiscard]] bool open_association(Bytes& to_send);
    [[nodiscard]] bool send(ByteSpan bytes);
    void end();

    boost::asio::posix::stream_descriptor socket_;
    Endpoint peer_;
    TimePoint accepted_;
    Handshake handshake_;
    const Hooks& hooks_;
    std::unique_ptr<UdpRelay> relay_;
    bool was_in_use_ = false;
};

} // namespace cepa::socks5
