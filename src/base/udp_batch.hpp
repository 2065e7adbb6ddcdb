// Many datagrams per system call: one recvmmsg into slots with head- and tailroom, one sendmmsg in which runs of
// equal-sized packets of one flow travel as one segmented send (UDP_SEGMENT). Shared by the node's port, the exit sockets
// and the SOCKS5 relays. Never blocks. Process: all, the thread of the socket.
// What a run may hold is the kernel's rule: see udp(7), UDP_SEGMENT.
#pragma once

#include "base/address.hpp"
#include "base/packet_buffer.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cepa {

struct UdpStats {
    std::uint64_t packets_in = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t packets_out = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t truncated = 0;       ///< received, larger than kMaxPacket, dropped
    std::uint64_t receive_errors = 0;
    std::uint64_t dropped_full = 0;    ///< not sent: the socket's buffer was full, also after one retry
    std::uint64_t send_errors = 0;     ///< not sent: the system refused the packet
    std::uint64_t segmented_sends = 0; ///< packets that travelled together in one send
    std::uint64_t segment_refusals = 0; ///< segmented sends that were refused and repeated one by one
    friend bool operator==(const UdpStats&, const UdpStats&) = default;
};

/// Asks for `bytes` of receive and send buffer, past the system's limit when we may (CAP_NET_ADMIN). Best effort.
void set_socket_buffers(int fd, int bytes) noexcept;

/// The largest packet that may share a segmented send to `destination`, in bytes: what fits an Ethernet frame, because one
/// segment above the path's MTU has its whole run refused. Loopback carries any.
[[nodiscard]] std::size_t max_segment_to(const Endpoint& destination) noexcept;

/// The memory of one receive call. About 145 KiB; several sockets of one thread may share it.
class UdpReceiveBatch {
public:
    static constexpr std::size_t kBatch = 64;
    struct Packet {
        Endpoint source; ///< IPv4-mapped sources appear as IPv4
        PacketBuffer packet;
    };

    UdpReceiveBatch();
    /// One recvmmsg that does not wait. The packets are valid until the next call; empty when none was there.
    [[nodiscard]] std::span<Packet> receive(int fd, UdpStats& stats);

private:
    std::unique_ptr<std::array<std::array<std::uint8_t, kPacketSlot>, kBatch>> slots_;
    std::array<sockaddr_storage, kBatch> sources_{};
    std::array<iovec, kBatch> vectors_{};
    std::array<mmsghdr, kBatch> headers_{};
    std::array<Packet, kBatch> packets_{};
};

/// Collects packets by reference and sends them together. Packets of one (destination, flow) leave in the order in which
/// they were queued; others may overtake them.
class UdpSendBatch {
public:
    /// More are sent early.
    static constexpr std::size_t kMaxQueued = 512;

    /// `v6_socket`: the descriptor is AF_INET6 (dual), IPv4 destinations are mapped.
    UdpSendBatch(int fd, bool v6_socket);

    /// `packet` must stay as it is until flush(). Only packets of one `flow` share a segmented send.
    void queue(const Endpoint& to, ByteSpan packet, std::uint32_t flow, UdpStats& stats);
    void flush(UdpStats& stats);
    /// Sends one packet past the queue.
    void send_now(const Endpoint& to, ByteSpan packet, UdpStats& stats) const;
    /// For tests and for kernels known not to have it.
    void forbid_segments() noexcept { segments_forbidden_ = true; }

private:
    struct Queued {
        ByteSpan bytes;
        std::uint16_t next;
    };
    /// A run of packets that fits one segmented send: all of `segment` bytes, the last one perhaps shorter.
    struct Run {
        Endpoint to;
        std::uint32_t flow = 0;
        std::uint16_t first = 0;
        std::uint16_t last = 0;
        std::uint16_t count = 0;
        std::size_t segment = 0;
        std::size_t bytes = 0;
        bool open = true; ///< takes further packets
    };
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
    };

    [[nodiscard]] Run* open_run(const Endpoint& to, std::uint32_t flow) noexcept;
    [[nodiscard]] bool fits(const Run& run, std::size_t size) const noexcept;
    void lay_out();
    void send_all(UdpStats& stats);
    void send_singly(const Run& run, UdpStats& stats);
    bool segments_allowed() const noexcept { return !segments_forbidden_ && segments_off_for_ == 0; }
    socklen_t fill(const Endpoint& to, sockaddr_storage& out) const noexcept;

    int fd_;
    bool v6_socket_;
    bool segments_forbidden_ = false;
    std::uint32_t segments_off_for_ = 0; ///< packets until segments are tried again after a refusal
    std::vector<Queued> queued_;
    std::vector<Run> runs_;
    std::vector<iovec> vectors_;
    std::vector<mmsghdr> headers_;
    std::vector<sockaddr_storage> addresses_;
    std::vector<Control> controls_;
};

} // namespace cepa
