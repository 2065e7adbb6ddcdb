#include "tunnel/udp_endpoint.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

namespace cepa::tunnel {
namespace {

/// Receive calls per wake-up before other work of the thread gets its turn.
constexpr int kRounds = 4;

Endpoint local_address(int fd)
{
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::system_error(errno, std::system_category(), "udp: getsockname");
    return Endpoint::from_sockaddr(address);
}

} // namespace

struct UdpEndpoint::Loop : std::enable_shared_from_this<Loop> {
    Loop(boost::asio::io_context& io, FileDescriptor socket, PacketReceiver& to)
        : local(local_address(socket.get())), send(socket.get(), local.ip.v6), receiver(to),
          descriptor(io, socket.get())
    {
        static_cast<void>(socket.release());
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
        for (int round = 0; round < kRounds && descriptor.is_open(); ++round) {
            const auto packets = batch.receive(descriptor.native_handle(), stats);
            for (UdpReceiveBatch::Packet& packet : packets) {
                if (!descriptor.is_open()) return;
                receiver.on_packet(packet.source, packet.packet);
            }
            if (!packets.empty()) receiver.on_packet_batch_end();
            if (packets.size() < UdpReceiveBatch::kBatch) return;
        }
    }

    Endpoint local;
    UdpSendBatch send;
    UdpReceiveBatch batch;
    UdpStats stats;
    PacketReceiver& receiver;
    boost::asio::posix::stream_descriptor descriptor;
};

UdpEndpoint::UdpEndpoint(boost::asio::io_context& io, FileDescriptor socket, PacketReceiver& receiver)
    : loop_(std::make_shared<Loop>(io, std::move(socket), receiver))
{
}

UdpEndpoint::~UdpEndpoint()
{
    close();
}

void UdpEndpoint::start()
{
    loop_->wait();
}

void UdpEndpoint::close()
{
    ErrorCode ignored;
    loop_->descriptor.close(ignored);
}

void UdpEndpoint::queue(const Endpoint& to, ByteSpan packet, CircuitId circuit)
{
    loop_->send.queue(to, packet, circuit.value, loop_->stats);
}

void UdpEndpoint::flush()
{
    if (loop_->descriptor.is_open()) loop_->send.flush(loop_->stats);
}

void UdpEndpoint::send_now(const Endpoint& to, ByteSpan packet)
{
    if (loop_->descriptor.is_open()) loop_->send.send_now(to, packet, loop_->stats);
}

Endpoint UdpEndpoint::local() const
{
    return loop_->local;
}
const UdpStats& UdpEndpoint::stats() const noexcept
{
    return loop_->stats;
}

} // namespace cepa::tunnel
