#include "socks5/udp_relay.hpp"

#include <algorithm>
#include <limits>

namespace cepa::socks5 {
namespace {

/// Batches read before other work of the loop gets its turn.
constexpr int kBatchesPerWake = 4;

} // namespace

RelayStats& RelayStats::operator+=(const RelayStats& other) noexcept
{
    from_client += other.from_client;
    to_client += other.to_client;
    bytes_from_client += other.bytes_from_client;
    bytes_to_client += other.bytes_to_client;
    held_back += other.held_back;
    fragments += other.fragments;
    malformed += other.malformed;
    strangers += other.strangers;
    before_client += other.before_client;
    no_room += other.no_room;
    backlog_full += other.backlog_full;
    send_failed += other.send_failed;
    return *this;
}

UdpRelay::UdpRelay(boost::asio::io_context& io, FileDescriptor socket, AssociationId id, ExpectedClient expected,
                   DatagramSink& sink, UdpReceiveBatch& batch, const MakePacer& make_pacer)
    : self_(std::make_shared<UdpRelay*>(this)), socket_(io, socket.release()), retry_(io), id_(id), expected_(expected),
      sink_(sink), batch_(batch), make_pacer_(make_pacer), send_(socket_.native_handle(), false)
{
}

UdpRelay::~UdpRelay() = default;

void UdpRelay::start()
{
    // A client that announced its port hears what comes for it before it has sent anything.
    if (expected_.port != 0) lock_client({expected_.ip, expected_.port});
    wait_readable();
}

void UdpRelay::wait_readable()
{
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = std::weak_ptr(self_)](const ErrorCode& error) {
                           if (const auto relay = self.lock(); relay && !error) (*relay)->on_readable();
                       });
}

void UdpRelay::on_readable()
{
    for (int i = 0; i < kBatchesPerWake; ++i)
        if (!receive_batch()) break;
    wait_readable();
}

bool UdpRelay::receive_batch()
{
    const std::uint64_t truncated = udp_stats_.truncated;
    const auto packets = batch_.receive(socket_.native_handle(), udp_stats_);
    stats_.malformed += udp_stats_.truncated - truncated;
    if (packets.empty()) return udp_stats_.truncated != truncated;
    for (UdpReceiveBatch::Packet& received : packets) on_packet(received.source, received.packet);
    sink_.on_batch_end();
    return true;
}

void UdpRelay::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    if (!is_client(source)) {
        ++stats_.strangers;
        return;
    }
    if (parse_datagram_header(packet.bytes(), header_) != Parse::complete) {
        ++stats_.malformed;
        return;
    }
    if (header_.fragment != 0) {
        ++stats_.fragments; // RFC 1928: reassembly is optional, and whoever has none must drop
        return;
    }
    if (!client_) lock_client(source);
    packet.strip_front(header_.size);
    ++stats_.from_client;
    stats_.bytes_from_client += packet.size();
    sink_.on_datagram(id_, header_.address, packet);
}

bool UdpRelay::is_client(const Endpoint& source)
{
    if (client_) return source == *client_;
    return source.ip == expected_.ip && (expected_.port == 0 || source.port == expected_.port);
}

void UdpRelay::lock_client(const Endpoint& source)
{
    client_ = source;
    if (make_pacer_) pacer_ = make_pacer_(source, socket_.native_handle());
}

void UdpRelay::send_to_client(const Address& origin, PacketBuffer& payload)
{
    if (!client_) {
        ++stats_.before_client;
        return;
    }
    if (!prepend_datagram_header(payload, origin)) {
        ++stats_.no_room;
        return;
    }
    queued_.push_back(payload.bytes());
}

/// In order: first what waits already, then what is new, for as long as the client has room; the rest is kept.
void UdpRelay::flush()
{
    if (!client_ || (queued_.empty() && backlog_.empty())) return;
    std::size_t sent = 0; // of queued_
    while (!backlog_.empty() || sent < queued_.size()) {
        const std::size_t room = pacer_ ? pacer_->room() : std::numeric_limits<std::size_t>::max();
        if (room == 0) break;
        sent += send_some(*client_, room, sent);
    }
    hold_back(sent);
    queued_.clear();
    stats_.to_client = udp_stats_.packets_out;
    stats_.bytes_to_client = udp_stats_.bytes_out;
    stats_.send_failed = udp_stats_.dropped_full + udp_stats_.send_errors;
    if (!backlog_.empty()) retry_later();
}

/// Sends up to `room` datagrams, those of queued_ from `from` on; returns how many of these went.
std::size_t UdpRelay::send_some(const Endpoint& client, std::size_t room, std::size_t from)
{
    const std::size_t waited = std::min(room, backlog_.size());
    const std::size_t at_once = std::min(room - waited, queued_.size() - from); // room is left once nothing waits
    for (std::size_t i = 0; i < waited; ++i) send_.queue(client, backlog_.at(i), 0, udp_stats_);
    for (std::size_t i = 0; i < at_once; ++i) send_.queue(client, queued_[from + i], 0, udp_stats_);
    send_.flush(udp_stats_);
    backlog_.pop(waited);
    return at_once;
}

void UdpRelay::hold_back(std::size_t from)
{
    for (std::size_t i = from; i < queued_.size(); ++i) {
        if (backlog_.push(queued_[i])) ++stats_.held_back;
        else ++stats_.backlog_full;
    }
}

void UdpRelay::retry_later()
{
    if (retrying_) return;
    retrying_ = true;
    retry_.expires_after(kPacerRetry);
    retry_.async_wait([self = std::weak_ptr(self_)](const ErrorCode& error) {
        const auto relay = self.lock();
        if (!relay || error) return;
        (*relay)->retrying_ = false;
        (*relay)->flush();
    });
}

} // namespace cepa::socks5
