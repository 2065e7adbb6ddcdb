#include "base/address.hpp"
#include "main/commands/packet_capture.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

namespace cepa::main {
namespace {

/// An IPv4 packet with a UDP header and `payload`.
Bytes ip_packet(const char* from, const char* to, const Bytes& payload, std::uint8_t protocol = 17)
{
    Bytes out(28, 0);
    out[0] = 0x45;
    out[9] = protocol;
    Writer addresses(MutableByteSpan(out).subspan(12, 8));
    addresses.u32(IpAddress::parse(from)->to_v4());
    addresses.u32(IpAddress::parse(to)->to_v4());
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

constexpr PacketCapture::Overlay kCapturedOverlay{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};

std::optional<SentPacket> parse_captured(ByteSpan packet)
{
    return parse_sent_packet(packet, kCapturedOverlay);
}

Bytes overlay_packet(std::uint8_t message, std::uint8_t overlay = 7)
{
    Bytes out(60, overlay);
    out[0] = 0;
    out[1] = 2;
    out[22] = message;
    return out;
}

TEST(PacketCaptureTest, CellsAreToldFromOtherPackets)
{
    const auto cell = parse_captured(ip_packet("127.1.2.3", "127.4.5.6", overlay_packet(0)));
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->source, "127.1.2.3");
    EXPECT_EQ(cell->destination, "127.4.5.6");
    EXPECT_TRUE(cell->cell);
    EXPECT_FALSE(parse_captured(ip_packet("127.1.2.3", "127.4.5.6", overlay_packet(246)))->cell);
    EXPECT_FALSE(parse_captured(ip_packet("127.1.2.3", "127.4.5.6", {}))->cell);
    EXPECT_FALSE(parse_captured(ip_packet("127.1.2.3", "127.4.5.6", overlay_packet(0, 8)))->cell) << "another overlay";
}

TEST(PacketCaptureTest, TheTalkOfAnyTwoNodesIsToldFromWhatASwarmCauses)
{
    const auto talk = [](const Bytes& payload) {
        return parse_captured(ip_packet("127.1.2.3", "127.4.5.6", payload))->talk;
    };
    for (const int message : {8, 245, 246, 249, 250, 233, 234})
        EXPECT_TRUE(talk(overlay_packet(static_cast<std::uint8_t>(message)))) << message;
    for (const int message : {0, 10, 13, 14, 17, 18})
        EXPECT_FALSE(talk(overlay_packet(static_cast<std::uint8_t>(message)))) << message;
    EXPECT_FALSE(talk(overlay_packet(246, 8))) << "a swarm's own overlay";
}

TEST(PacketCaptureTest, WhatIsNoUdpCountsAndWhatIsCutOffIsNothing)
{
    const Bytes whole = ip_packet("127.1.2.3", "127.4.5.6", overlay_packet(0));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto packet = parse_captured(ByteSpan(whole).first(size));
        EXPECT_EQ(packet.has_value(), size >= 20) << size;
        EXPECT_FALSE(packet && packet->cell && size < 57) << size;
    }
    const auto tcp = parse_captured(ip_packet("127.1.2.3", "127.4.5.6", overlay_packet(0), 6));
    ASSERT_TRUE(tcp);
    EXPECT_FALSE(tcp->cell);
    Bytes long_header = whole;
    long_header[0] = 0x4f;
    EXPECT_FALSE(parse_captured(long_header)->cell);
}

TEST(PacketCaptureTest, SeesWhatComesFromOrGoesToItsAddressesAndNothingElse)
{
    auto capture = PacketCapture::open({"127.91.0.1", "127.91.0.2"}, kCapturedOverlay);
    if (!capture) {
        EXPECT_EQ(capture.error(), boost::system::errc::operation_not_permitted);
        GTEST_SKIP() << "needs CAP_NET_RAW";
    }
    const auto send_from = [](const char* from, const Bytes& payload, const char* to = "127.91.0.9:9") {
        const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_storage address{};
        socklen_t size = Endpoint{*IpAddress::parse(from), 0}.to_sockaddr(address);
        ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        size = Endpoint::parse(to)->to_sockaddr(address);
        ASSERT_EQ(
            ::sendto(socket.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&address), size),
            static_cast<ssize_t>(payload.size()));
    };
    send_from("127.91.0.1", overlay_packet(0));
    send_from("127.91.0.1", overlay_packet(246));
    send_from("127.91.0.2", overlay_packet(0));
    send_from("127.91.0.3", overlay_packet(0));
    send_from("127.91.0.3", overlay_packet(0), "127.91.0.2:9");
    capture->drain(); // loopback delivers within the send
    EXPECT_EQ(capture->sent(), (SentCounts{{{"127.91.0.1", "127.91.0.9"}, {2, 1, 1}},
                                           {{"127.91.0.2", "127.91.0.9"}, {1, 1, 0}},
                                           {{"127.91.0.3", "127.91.0.2"}, {1, 1, 0}}}));
    EXPECT_EQ(capture->lost(), 0U);
}

} // namespace
} // namespace cepa::main
