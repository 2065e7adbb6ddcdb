// A SOCKS5 server on one listener. It speaks the greeting with each client, opens a UDP relay for UDP ASSOCIATE and
// ends the association with its TCP connection, as RFC 1928 asks. CONNECT and BIND are answered "command not
// supported". It knows no circuit and no worker: datagrams go to the DatagramSink. The association must live as long as
// its client: libtorrent does not recover from a server that goes away, so nothing that happens behind the sink ever
// ends one. Process: main, io thread. Spec: RFC 1928, RFC 1929.
#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "socks5/datagram_sink.hpp"
#include "socks5/handshake.hpp"
#include "socks5/pacer.hpp"
#include "socks5/udp_relay.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace cepa::socks5 {

/// Makes an IPv4 UDP socket, unbound, in the network namespace of the listener. The server sets everything else.
using UdpSocketFactory = std::function<Result<FileDescriptor>()>;

/// Hands out association ids that are unique among all servers which share a sink.
class AssociationIds {
public:
    [[nodiscard]] AssociationId next() noexcept { return AssociationId(++last_); }

private:
    std::uint64_t last_ = 0;
};

struct ServerOptions {
    ListenerPolicy policy = {};
    /// Empty: open_udp_socket().
    UdpSocketFactory open_udp = {};
    /// Empty: clients take whatever comes.
    MakePacer make_pacer = {};
    std::size_t max_connections = 256;
    std::chrono::seconds handshake_deadline{10};
};

/// Everything since the start, closed associations included.
struct ServerStats {
    std::size_t connections = 0;  ///< open now, half-open ones included
    std::size_t associations = 0; ///< open now
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;     ///< ended by the handshake or for want of a socket
    std::uint64_t timed_out = 0;   ///< half-open for too long
    std::uint64_t evicted = 0;     ///< half-open, closed because there were too many
    std::uint64_t turned_away = 0; ///< closed at once: all the others were in use
    RelayStats relays;
};

class Server {
public:
    /// `listener` is a listening TCP socket. `sink`, `ids` and `clock` must outlive the server.
    Server(boost::asio::io_context& io, FileDescriptor listener, ServerOptions options, DatagramSink& sink,
           AssociationIds& ids, const Clock& clock);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Begins to accept. Call once, from the io thread.
    void start();
    /// Stops listening and ends every association. The destructor does the same.
    void close();

    /// The port that it listens on.
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] ServerStats stats() const;
    /// Closes half-open connections past their deadline. Called every second by the server's own timer.
    void drop_overdue();

private:
    class Impl;
    std::shared_ptr<Impl> impl_; // shared with its pending waits, which outlive a destroyed server
};

/// A non-blocking listening TCP socket on 127.0.0.1, in the network namespace of the calling thread; `port` 0 lets the
/// system choose. For a listener inside the containment call it there.
[[nodiscard]] Result<FileDescriptor> open_listener(std::uint16_t port);
/// An unbound IPv4 UDP socket in the network namespace of the calling thread.
[[nodiscard]] Result<FileDescriptor> open_udp_socket();

} // namespace cepa::socks5
