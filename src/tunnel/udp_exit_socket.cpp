#include "tunnel/udp_exit_socket.hpp"

#include "base/file_descriptor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <utility>

namespace cepa::tunnel {
namespace {

constexpr int kBufferBytes = 4 << 20;
/// Receive calls per wake-up before the other sockets get their turn.
constexpr int kReceiveRounds = 2;

struct OpenSocket {
    FileDescriptor fd;
    bool v6 = false;
};

ErrorCode last_error() noexcept
{
    return {errno, boost::system::system_category()};
}

Result<OpenSocket> open_bound(const IpAddress& local, bool v6)
{
    OpenSocket out{FileDescriptor(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)), v6};
    if (!out.fd.valid()) return fail(last_error());
    const int off = 0;
    if (v6 && ::setsockopt(out.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return fail(last_error());
    Endpoint bind_to{local, 0};
    bind_to.ip.v6 = v6;
    sockaddr_storage address{};
    const socklen_t size = bind_to.to_sockaddr(address);
    if (::bind(out.fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return fail(last_error());
    return out;
}

/// Dual where the address is open and the machine has IPv6, else IPv4 (or the specific address's family).
Result<OpenSocket> open_for(const IpAddress& local)
{
    if (!local.is_unspecified()) return open_bound(local, local.v6);
    if (auto dual = open_bound(IpAddress{}, true)) return dual;
    return open_bound(IpAddress{}, false);
}

} // namespace

class UdpExitSockets::Socket final : public ExitSocket {
public:
    Socket(UdpExitSockets& owner, OpenSocket socket, CircuitId circuit, ExitReceiver& receiver)
        : loop_(std::make_shared<Loop>(owner, std::move(socket), circuit, receiver))
    {
        loop_->wait();
    }
    ~Socket() override
    {
        ErrorCode ignored;
        loop_->descriptor.close(ignored);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void queue(const Endpoint& to, ByteSpan datagram) override
    {
        // The destination is the flow: everything on this socket belongs to one circuit.
        loop_->send.queue(to, datagram, 0, loop_->owner.stats_);
    }
    void flush() override { loop_->send.flush(loop_->owner.stats_); }

private:
    struct Loop : std::enable_shared_from_this<Loop> {
        Loop(UdpExitSockets& factory, OpenSocket socket, CircuitId id, ExitReceiver& to)
            : owner(factory), send(socket.fd.get(), socket.v6), circuit(id), receiver(to),
              descriptor(factory.io_, socket.fd.get())
        {
            static_cast<void>(socket.fd.release());
        }

        void wait()
        {
            descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                  [weak = weak_from_this()](const ErrorCode& error) {
                                      const std::shared_ptr<Loop> self = weak.lock();
                                      if (self == nullptr || error || !self->descriptor.is_open()) return;
                                      self->receive();
                                      if (self->descriptor.is_open()) self->wait();
                                  });
        }

        void receive()
        {
            for (int round = 0; round < kReceiveRounds && descriptor.is_open(); ++round) {
                const auto packets = owner.batch_.receive(descriptor.native_handle(), owner.stats_);
                for (UdpReceiveBatch::Packet& packet : packets)
                    receiver.on_exit_datagram(circuit, packet.source, packet.packet);
                if (!packets.empty()) receiver.on_exit_batch_end();
                if (packets.size() < UdpReceiveBatch::kBatch) return;
            }
        }

        UdpExitSockets& owner;
        UdpSendBatch send;
        CircuitId circuit;
        ExitReceiver& receiver;
        boost::asio::posix::stream_descriptor descriptor;
    };
    /// Shared with the pending wait only: Asio may call it once more after the socket is gone.
    std::shared_ptr<Loop> loop_;
};

UdpExitSockets::UdpExitSockets(boost::asio::io_context& io, const Endpoint& listen) : io_(io), local_(listen.ip) {}
UdpExitSockets::~UdpExitSockets() = default;

Result<std::unique_ptr<ExitSocket>> UdpExitSockets::open(CircuitId circuit, ExitReceiver& receiver)
{
    auto socket = open_for(local_);
    if (!socket) return fail(socket.error());
    set_socket_buffers(socket->fd.get(), kBufferBytes);
    return std::make_unique<Socket>(*this, std::move(*socket), circuit, receiver);
}

} // namespace cepa::tunnel
