#include "main/commands/packet_capture.hpp"

#include "base/address.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace cepa::main {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kUdpHeader = 8;
/// 00 02, the overlay's 20 bytes, the message's id (docs/protocol.md, sections 1, 5 and 8).
constexpr std::size_t kMessageId = 22;
constexpr std::uint8_t kCell = 0;
constexpr std::uint8_t kDestroy = 8;
constexpr std::uint8_t kFirstIntroduction = 231; ///< from here on requests, answers and punctures
constexpr PacketCapture::Overlay kDiscovery{0x7e, 0x31, 0x36, 0x85, 0xc1, 0x91, 0x2a, 0x14, 0x12, 0x79,
                                            0xf8, 0x24, 0x8f, 0xc8, 0xdb, 0x58, 0x99, 0xc5, 0xdf, 0x5a};
constexpr std::size_t kSmallestCell = 29;
constexpr std::size_t kHeadOfPacket = 128; ///< what is looked at
constexpr int kBuffer = 128 << 20;

ErrorCode capture_error()
{
    return {errno, boost::system::system_category()};
}

/// Passes only IPv4 from or to one of the addresses, and of it only the head: the rest is not ours to copy.
bool attach_filter(int socket, const std::vector<std::string>& addresses)
{
    constexpr std::uint32_t kSourceOffset = 12;
    constexpr std::uint32_t kDestinationOffset = 16;
    std::vector<sock_filter> code;
    std::size_t after = 2 * (addresses.size() + 1); // instructions from here to the refusal
    for (const std::uint32_t offset : {kSourceOffset, kDestinationOffset}) {
        code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
        --after;
        for (const std::string& address : addresses) {
            const auto ip = IpAddress::parse(address);
            const auto to_accept = static_cast<std::uint8_t>(after--); // over the rest and the refusal
            code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip ? ip->to_v4() : 0, to_accept, 0));
        }
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, kHeadOfPacket));
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

void classify(SentPacket& packet, ByteSpan payload, const PacketCapture::Overlay& overlay)
{
    if (payload.size() <= kMessageId || payload[0] != 0 || payload[1] != 2) return;
    const ByteSpan id = payload.subspan(2, overlay.size());
    const std::uint8_t message = payload[kMessageId];
    const bool tunnels = std::ranges::equal(id, overlay);
    packet.cell = tunnels && message == kCell && payload.size() >= kSmallestCell;
    packet.talk =
        std::ranges::equal(id, kDiscovery) || (tunnels && (message >= kFirstIntroduction || message == kDestroy));
}

} // namespace

std::optional<SentPacket> parse_sent_packet(ByteSpan packet, const PacketCapture::Overlay& overlay)
{
    if (packet.size() < kIpHeader || packet[0] >> 4U != 4 || packet[9] == kIcmp) return std::nullopt;
    Reader addresses(packet.subspan(12));
    SentPacket out;
    out.source = IpAddress::v4(addresses.u32()).to_string();
    out.destination = IpAddress::v4(addresses.u32()).to_string();
    const std::size_t header = std::size_t{4} * (packet[0] & 0x0fU);
    if (packet[9] == kUdp && header >= kIpHeader && packet.size() >= header + kUdpHeader)
        classify(out, packet.subspan(header + kUdpHeader), overlay);
    return out;
}

Result<PacketCapture> PacketCapture::open(const std::vector<std::string>& addresses, const Overlay& overlay)
{
    // Protocol 0: it hears nothing before the filter stands.
    FileDescriptor socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid() || !attach_filter(socket.get(), addresses)) return fail(capture_error());
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
        (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
    sockaddr_ll loopback{};
    loopback.sll_family = AF_PACKET;
    loopback.sll_protocol = htons(ETH_P_ALL); // only so are packets seen as they leave
    loopback.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) != 0)
        return fail(capture_error());
    return PacketCapture(std::move(socket), addresses, overlay);
}

void PacketCapture::drain()
{
    std::array<std::uint8_t, kHeadOfPacket> head{};
    sockaddr_ll from{};
    for (;;) {
        socklen_t size = sizeof from;
        const ssize_t got = ::recvfrom(socket_.get(), head.data(), head.size(), MSG_DONTWAIT,
                                       reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 0) return;
        if (from.sll_pkttype != PACKET_OUTGOING) continue; // on loopback each one comes back, too
        const auto packet = parse_sent_packet(ByteSpan(head).first(static_cast<std::size_t>(got)), overlay_);
        const auto is_ours = [this](const std::string& a) { return std::ranges::count(addresses_, a) != 0; };
        if (!packet || (!is_ours(packet->source) && !is_ours(packet->destination))) continue;
        SentCount& count = sent_[{packet->source, packet->destination}];
        ++count.packets;
        count.cells += packet->cell ? 1 : 0;
        count.talk += packet->talk ? 1 : 0;
    }
}

std::uint64_t PacketCapture::lost()
{
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    // The kernel forgets what it has told.
    if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) lost_ += stats.tp_drops;
    return lost_;
}

} // namespace cepa::main
