#include "base/udp_batch.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cepa {
namespace {

/// The kernel's UDP_MAX_SEGMENTS of old, and a total below the 65507 bytes of one UDP payload.
constexpr std::size_t kMaxSegments = 64;
constexpr std::size_t kMaxRunBytes = 60000;
/// How many of the youngest runs are looked at for a packet to join.
constexpr std::size_t kOpenRuns = 16;
/// Packets sent without segments after a refusal, which may be one route's fault and temporary.
constexpr std::uint32_t kSegmentsPause = 1024;

/// What a socket or a route answers that cannot do segments (EIO: no checksum offload on the device).
bool refuses_segments(int error) noexcept
{
    return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

bool is_full(int error) noexcept
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

/// Sends one message; a full buffer gets one retry. Returns 0 or the error.
int send_one(int fd, const msghdr& message) noexcept
{
    int error = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
        error = errno;
        if (!is_full(error) && error != EINTR) break;
    }
    return error;
}

void count_sent(UdpStats& stats, int error, std::size_t bytes) noexcept
{
    if (error == 0) {
        ++stats.packets_out;
        stats.bytes_out += bytes;
    } else if (is_full(error)) {
        ++stats.dropped_full;
    } else {
        ++stats.send_errors;
    }
}

iovec vector_of(ByteSpan bytes) noexcept
{
    // sendmsg() only reads: its structure knows no const.
    return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

} // namespace

void set_socket_buffers(int fd, int bytes) noexcept
{
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
        static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
}

std::size_t max_segment_to(const Endpoint& destination) noexcept
{
    constexpr std::size_t kEthernet = 1472;
    return destination.ip.is_loopback() ? kMaxPacket : kEthernet;
}

UdpReceiveBatch::UdpReceiveBatch() : slots_(std::make_unique<std::array<std::array<std::uint8_t, kPacketSlot>, kBatch>>())
{
    for (std::size_t i = 0; i < kBatch; ++i) {
        vectors_[i] = {(*slots_)[i].data() + kPacketHeadroom, kMaxPacket};
        headers_[i].msg_hdr.msg_iov = &vectors_[i];
        headers_[i].msg_hdr.msg_iovlen = 1;
        headers_[i].msg_hdr.msg_name = &sources_[i];
    }
}

std::span<UdpReceiveBatch::Packet> UdpReceiveBatch::receive(int fd, UdpStats& stats)
{
    for (mmsghdr& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    const int count = ::recvmmsg(fd, headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        // ECONNREFUSED and its like report an earlier send's fate, which UDP does not promise.
        if (!is_full(errno) && errno != EINTR) ++stats.receive_errors;
        return {};
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        if ((headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            ++stats.truncated;
            continue;
        }
        const std::size_t size = headers_[i].msg_len;
        Packet& packet = packets_[kept++];
        packet.source = Endpoint::from_sockaddr(sources_[i]);
        packet.source.ip = packet.source.ip.unmapped();
        packet.packet = PacketBuffer((*slots_)[i], kPacketHeadroom, size);
        ++stats.packets_in;
        stats.bytes_in += size;
    }
    return std::span(packets_).first(kept);
}

UdpSendBatch::UdpSendBatch(int fd, bool v6_socket) : fd_(fd), v6_socket_(v6_socket)
{
    queued_.reserve(kMaxQueued);
    runs_.reserve(kMaxQueued);
    vectors_.reserve(kMaxQueued);
}

UdpSendBatch::Run* UdpSendBatch::open_run(const Endpoint& to, std::uint32_t flow) noexcept
{
    const std::size_t oldest = runs_.size() > kOpenRuns ? runs_.size() - kOpenRuns : 0;
    for (std::size_t i = runs_.size(); i-- > oldest;)
        if (runs_[i].flow == flow && runs_[i].to == to) return runs_[i].open ? &runs_[i] : nullptr;
    return nullptr; // the youngest run of the flow decides: joining an older one would change the order
}

bool UdpSendBatch::fits(const Run& run, std::size_t size) const noexcept
{
    return segments_allowed() && size > 0 && size <= run.segment && run.segment <= max_segment_to(run.to) &&
           run.count < kMaxSegments && run.bytes + size <= kMaxRunBytes;
}

void UdpSendBatch::queue(const Endpoint& to, ByteSpan packet, std::uint32_t flow, UdpStats& stats)
{
    if (queued_.size() == kMaxQueued) flush(stats);
    if (segments_off_for_ > 0) --segments_off_for_;
    const auto index = static_cast<std::uint16_t>(queued_.size());
    queued_.push_back({packet, index});
    Run* run = open_run(to, flow);
    if (run != nullptr && fits(*run, packet.size())) {
        queued_[run->last].next = index;
        run->last = index;
        ++run->count;
        run->bytes += packet.size();
        run->open = packet.size() == run->segment; // a shorter one can only be the last
        return;
    }
    if (run != nullptr) run->open = false;
    runs_.push_back({to, flow, index, index, 1, packet.size(), packet.size(), true});
}

socklen_t UdpSendBatch::fill(const Endpoint& to, sockaddr_storage& out) const noexcept
{
    if (!v6_socket_ || to.ip.v6) return to.to_sockaddr(out);
    Endpoint mapped{{}, to.port};
    mapped.ip.v6 = true;
    mapped.ip.bytes[10] = mapped.ip.bytes[11] = 0xff;
    std::copy_n(to.ip.bytes.begin(), 4, mapped.ip.bytes.begin() + 12);
    return mapped.to_sockaddr(out);
}

/// One message per run. The vectors are filled completely before anything points into them.
void UdpSendBatch::lay_out()
{
    vectors_.clear();
    for (const Run& run : runs_) {
        std::uint16_t index = run.first;
        for (std::uint16_t i = 0; i < run.count; ++i, index = queued_[index].next)
            vectors_.push_back(vector_of(queued_[index].bytes));
    }
    headers_.assign(runs_.size(), {});
    addresses_.resize(runs_.size());
    controls_.resize(runs_.size());
    std::size_t vector = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        msghdr& message = headers_[i].msg_hdr;
        message.msg_name = &addresses_[i];
        message.msg_namelen = fill(runs_[i].to, addresses_[i]);
        message.msg_iov = &vectors_[vector];
        message.msg_iovlen = runs_[i].count;
        vector += runs_[i].count;
        if (runs_[i].count == 1) continue;
        message.msg_control = controls_[i].bytes.data();
        message.msg_controllen = controls_[i].bytes.size();
        cmsghdr* control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto segment = static_cast<std::uint16_t>(runs_[i].segment);
        std::memcpy(CMSG_DATA(control), &segment, sizeof segment);
    }
}

void UdpSendBatch::send_singly(const Run& run, UdpStats& stats)
{
    sockaddr_storage address{};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = fill(run.to, address);
    message.msg_iovlen = 1;
    std::uint16_t index = run.first;
    for (std::uint16_t i = 0; i < run.count; ++i, index = queued_[index].next) {
        iovec vector = vector_of(queued_[index].bytes);
        message.msg_iov = &vector;
        count_sent(stats, send_one(fd_, message), vector.iov_len);
    }
}

/// Every turn of the loop gets past at least one run, except one retry per full buffer.
void UdpSendBatch::send_all(UdpStats& stats)
{
    std::size_t next = 0;
    bool retried = false;
    while (next < headers_.size()) {
        const int sent = ::sendmmsg(fd_, &headers_[next], static_cast<unsigned>(headers_.size() - next),
                                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            for (const std::size_t end = next + static_cast<std::size_t>(sent); next < end; ++next) {
                stats.packets_out += runs_[next].count;
                stats.bytes_out += runs_[next].bytes;
                if (runs_[next].count > 1) stats.segmented_sends += runs_[next].count;
            }
            retried = false;
            continue;
        }
        const int error = errno;
        if ((is_full(error) || error == EINTR) && !retried) {
            retried = true;
            continue;
        }
        if (is_full(error)) {
            for (; next < runs_.size(); ++next) stats.dropped_full += runs_[next].count;
            return;
        }
        if (runs_[next].count > 1 && refuses_segments(error)) {
            stats.segment_refusals += 1;
            segments_off_for_ = kSegmentsPause;
            send_singly(runs_[next], stats);
        } else {
            stats.send_errors += runs_[next].count;
        }
        ++next;
        retried = false;
    }
}

void UdpSendBatch::flush(UdpStats& stats)
{
    if (queued_.empty()) return;
    lay_out();
    send_all(stats);
    queued_.clear();
    runs_.clear();
}

void UdpSendBatch::send_now(const Endpoint& to, ByteSpan packet, UdpStats& stats) const
{
    sockaddr_storage address{};
    iovec vector = vector_of(packet);
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = fill(to, address);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    count_sent(stats, send_one(fd_, message), packet.size());
}

} // namespace cepa
