#include "socks5/server.hpp"

#include "base/log.hpp"
#include "socks5/connection.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace cepa::socks5 {
namespace {

constexpr std::chrono::seconds kSweepInterval{1};
/// Pause before accepting again when the process has no descriptor left: without it the loop would spin.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Connections accepted before other work of the loop gets its turn.
constexpr int kAcceptsPerWake = 32;
/// Of each relay socket. Clamped by the system's limit for an ordinary user; the pacer makes up for that.
constexpr int kSocketBuffer = 4 << 20;

ErrorCode last_error() noexcept
{
    return {errno, boost::system::system_category()};
}

Endpoint loopback(std::uint16_t port) noexcept
{
    return {IpAddress::v4(0x7f000001), port};
}

Result<void> bind_to(int fd, const Endpoint& endpoint)
{
    sockaddr_storage address{};
    const socklen_t length = endpoint.to_sockaddr(address);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) return fail(last_error());
    return {};
}

Result<FileDescriptor> open_socket(int type)
{
    FileDescriptor fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(last_error());
    return fd;
}

bool is_out_of_resources(int error) noexcept
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

} // namespace

class Server::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(boost::asio::io_context& io, FileDescriptor listener, ServerOptions options, DatagramSink& sink,
         AssociationIds& ids, const Clock& clock)
        : io_(io), listener_(io, listener.release()), sweep_(io), pause_(io), options_(std::move(options)), sink_(sink),
          ids_(ids), clock_(clock), hooks_(make_hooks())
    {
        if (!options_.open_udp) options_.open_udp = open_udp_socket;
    }

    void start()
    {
        wait_acceptable();
        sweep_later();
    }

    void close()
    {
        ErrorCode ignored;
        listener_.close(ignored);
        sweep_.cancel();
        pause_.cancel();
        for (const auto& connection : std::exchange(connections_, {}))
            connection->close();
    }

    std::uint16_t port() noexcept
    {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        if (::getsockname(listener_.native_handle(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
        return Endpoint::from_sockaddr(address).port;
    }

    ServerStats stats() const
    {
        ServerStats out = stats_; // holds the relays that are gone
        out.connections = connections_.size();
        for (const auto& connection : connections_) {
            if (connection->half_open()) continue;
            ++out.associations;
            out.relays += connection->relay()->stats();
        }
        return out;
    }

    void drop_overdue()
    {
        const TimePoint oldest = clock_.now() - options_.handshake_deadline;
        stats_.timed_out += std::erase_if(connections_, [&](const auto& connection) {
            const bool overdue = connection->half_open() && connection->accepted() <= oldest;
            if (overdue) connection->close();
            return overdue;
        });
    }

private:
    Connection::Hooks make_hooks()
    {
        return {
            .open_relay = [this](const ExpectedClient& client) { return open_relay(client); },
            .on_opened = [this](UdpRelay& relay, const Route& route) { sink_.on_opened(relay.id(), route, relay); },
            .on_closed = [this](UdpRelay& relay) { on_relay_closed(relay); },
            .on_ended = [this](Connection& connection) { on_ended(connection); },
        };
    }

    void wait_acceptable()
    {
        listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [self = shared_from_this()](const ErrorCode& error) {
                                 if (!error && self->listener_.is_open()) self->accept_some();
                             });
    }

    void accept_some()
    {
        for (int i = 0; i < kAcceptsPerWake; ++i) {
            sockaddr_storage address{};
            socklen_t length = sizeof address;
            FileDescriptor accepted(::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&address), &length,
                                              SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (accepted.valid())
                add(std::move(accepted), Endpoint::from_sockaddr(address));
            else if (is_out_of_resources(errno))
                return pause_accepting();
            else if (errno == EAGAIN || errno == EWOULDBLOCK)
                break;
        }
        wait_acceptable();
    }

    void pause_accepting()
    {
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([self = shared_from_this()](const ErrorCode& error) {
            if (!error && self->listener_.is_open()) self->wait_acceptable();
        });
    }

    void add(FileDescriptor socket, const Endpoint& peer)
    {
        ++stats_.accepted;
        if (connections_.size() >= options_.max_connections && !evict_half_open()) {
            ++stats_.turned_away; // closed as it is: it said nothing yet
            return;
        }
        connections_.push_back(
            std::make_shared<Connection>(io_, std::move(socket), peer, clock_.now(), options_.policy, hooks_));
        connections_.back()->start();
    }

    /// The oldest of those that never asked for anything (they stand in the order of their coming). One in use never
    /// makes room: it may be libtorrent's own, which would not come back.
    bool evict_half_open()
    {
        const auto victim = std::ranges::find_if(connections_, [](const auto& c) { return c->half_open(); });
        if (victim == connections_.end()) return false;
        (*victim)->close();
        connections_.erase(victim);
        ++stats_.evicted;
        return true;
    }

    std::unique_ptr<UdpRelay> open_relay(const ExpectedClient& client)
    {
        auto socket = options_.open_udp();
        if (socket)
            if (auto bound = bind_to(socket->get(), loopback(0)); !bound) socket = fail(bound.error());
        if (!socket) {
            log::warn("socks5 association refused", {log::field("error", socket.error().message())});
            return nullptr;
        }
        set_socket_buffers(socket->get(), kSocketBuffer);
        return std::make_unique<UdpRelay>(io_, std::move(*socket), ids_.next(), client, sink_, batch_,
                                          options_.make_pacer);
    }

    void on_relay_closed(UdpRelay& relay)
    {
        sink_.on_closed(relay.id());
        stats_.relays += relay.stats();
    }

    void on_ended(Connection& connection)
    {
        if (!connection.ended_in_use()) ++stats_.refused;
        std::erase_if(connections_, [&](const auto& c) { return c.get() == &connection; });
    }

    void sweep_later()
    {
        sweep_.expires_after(kSweepInterval);
        sweep_.async_wait([self = shared_from_this()](const ErrorCode& error) {
            if (error || !self->listener_.is_open()) return;
            self->drop_overdue();
            self->sweep_later();
        });
    }

    boost::asio::io_context& io_;
    boost::asio::posix::stream_descriptor listener_;
    boost::asio::steady_timer sweep_;
    boost::asio::steady_timer pause_;
    ServerOptions options_;
    DatagramSink& sink_;
    AssociationIds& ids_;
    const Clock& clock_;
    Connection::Hooks hooks_;
    UdpReceiveBatch batch_;
    std::vector<std::shared_ptr<Connection>> connections_;
    ServerStats stats_;
};

Server::Server(boost::asio::io_context& io, FileDescriptor listener, ServerOptions options, DatagramSink& sink,
               AssociationIds& ids, const Clock& clock)
    : impl_(std::make_shared<Impl>(io, std::move(listener), std::move(options), sink, ids, clock))
{
}

Server::~Server()
{
    close();
}

void Server::start()
{
    impl_->start();
}

void Server::close()
{
    impl_->close();
}

std::uint16_t Server::port() const noexcept
{
    return impl_->port();
}

ServerStats Server::stats() const
{
    return impl_->stats();
}

void Server::drop_overdue()
{
    impl_->drop_overdue();
}

Result<FileDescriptor> open_listener(std::uint16_t port)
{
    auto fd = open_socket(SOCK_STREAM);
    if (!fd) return fd;
    const int on = 1;
    // Without it a restart would wait for the last run's connections to leave TIME_WAIT.
    static_cast<void>(::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    CEPA_TRY(bind_to(fd->get(), loopback(port)));
    if (::listen(fd->get(), SOMAXCONN) != 0) return fail(last_error());
    return fd;
}

Result<FileDescriptor> open_udp_socket()
{
    return open_socket(SOCK_DGRAM);
}

} // namespace cepa::socks5
