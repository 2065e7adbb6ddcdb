#include "tunnel/exit/exit_policy.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

ExitPolicy policy(bool allow_loopback = false, bool public_network = false)
{
    TunnelSettings settings;
    settings.exit_bittorrent = true;
    settings.allow_loopback = allow_loopback;
    settings.public_network = public_network;
    return {settings, make_prefix(settings.overlay)};
}

Endpoint endpoint_of(std::string_view ip, std::uint16_t port = 6881)
{
    return {IpAddress::parse(ip).value(), port};
}

TEST(ExitPolicy, GlobalUnicastOnly)
{
    const ExitPolicy exit = policy();
    for (const char* good : {"8.8.8.8", "130.161.119.206", "2001:4860:4860::8888", "::ffff:8.8.8.8"})
        EXPECT_TRUE(exit.allows(endpoint_of(good))) << good;
    for (const char* bad : {"0.0.0.0",
                            "0.1.2.3",
                            "10.1.2.3",
                            "100.64.0.1",
                            "127.0.0.1",
                            "169.254.169.254",
                            "172.16.0.1",
                            "172.31.255.255",
                            "192.0.0.1",
                            "192.0.2.1",
                            "192.88.99.1",
                            "192.168.1.1",
                            "198.18.0.1",
                            "198.51.100.1",
                            "203.0.113.1",
                            "224.0.0.1",
                            "239.255.255.250",
                            "240.0.0.1",
                            "255.255.255.255",
                            "::",
                            "::1",
                            "fe80::1",
                            "fc00::1",
                            "fd12::1",
                            "ff02::1",
                            "2001:db8::1",
                            "2001::1",
                            "2002:7f00:1::",
                            "64:ff9b::7f00:1",
                            "::ffff:127.0.0.1",
                            "::ffff:10.0.0.1",
                            "::ffff:192.168.1.1",
                            "::127.0.0.1"})
        EXPECT_FALSE(exit.allows(endpoint_of(bad))) << bad;
}

TEST(ExitPolicy, EdgesOfBlocks)
{
    const ExitPolicy exit = policy();
    for (const char* good :
         {"9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
          "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "223.255.255.255"})
        EXPECT_TRUE(exit.allows(endpoint_of(good))) << good;
}

TEST(ExitPolicy, LoopbackOnlyWhereThePrivateOverlayAllowsIt)
{
    EXPECT_TRUE(policy(true).allows(endpoint_of("127.0.0.9")));
    EXPECT_TRUE(policy(true).allows(endpoint_of("::1")));
    EXPECT_TRUE(policy(true).allows(endpoint_of("::ffff:127.0.0.9")));
    EXPECT_FALSE(policy(true).allows(endpoint_of("10.0.0.1")));
    EXPECT_FALSE(policy(true).allows(endpoint_of("0.0.0.0")));
    EXPECT_FALSE(policy(true, true).allows(endpoint_of("127.0.0.9")));
}

TEST(ExitPolicy, RefusedPorts)
{
    ExitPolicy exit = policy();
    for (const std::uint16_t port : std::to_array<std::uint16_t>({0, 25, 53}))
        EXPECT_FALSE(exit.allows(endpoint_of("8.8.8.8", port))) << port;
    for (const std::uint16_t port : std::to_array<std::uint16_t>({1, 80, 65535}))
        EXPECT_TRUE(exit.allows(endpoint_of("8.8.8.8", port))) << port;
    exit.set_refused_ports({80});
    EXPECT_FALSE(exit.allows(endpoint_of("8.8.8.8", 80)));
    EXPECT_TRUE(exit.allows(endpoint_of("8.8.8.8", 53)));
}

TEST(ExitPolicy, NeverOurselves)
{
    ExitPolicy exit = policy(true);
    exit.set_own_addresses(
        {endpoint_of("8.8.8.8", 8090), endpoint_of("127.0.0.5", 8090), endpoint_of("2001:4860::1", 8090)});
    EXPECT_FALSE(exit.allows(endpoint_of("8.8.8.8", 6881)));
    EXPECT_FALSE(exit.allows(endpoint_of("::ffff:8.8.8.8", 6881)));
    EXPECT_FALSE(exit.allows(endpoint_of("2001:4860::1", 1)));
    EXPECT_TRUE(exit.allows(endpoint_of("8.8.8.9", 8090)));
    // On loopback a torrent client and a node may share an address, but not a port.
    EXPECT_FALSE(exit.allows(endpoint_of("127.0.0.5", 8090)));
    EXPECT_TRUE(exit.allows(endpoint_of("127.0.0.5", 6881)));
}

TEST(ExitPolicy, OnlyWhatDownloadersAndIntroductionPointsSayReachesOurOwnPort)
{
    ExitPolicy exit = policy();
    const Endpoint own = endpoint_of("8.8.4.4", 8090);
    exit.set_own_addresses({own});
    exit.set_host_addresses({own.ip});
    const Prefix prefix = make_prefix({});
    for (unsigned id = 0; id <= 255; ++id) {
        Bytes packet(prefix.begin(), prefix.end());
        packet.push_back(static_cast<std::uint8_t>(id));
        packet.resize(60);
        const bool may = id == 13 || id == 14 || id == 17 || id == 18;
        EXPECT_EQ(exit.allows(packet, own), may) << id;
        EXPECT_FALSE(exit.allows(packet, endpoint_of("8.8.4.4", 8091))) << id;
        EXPECT_TRUE(exit.allows(packet, endpoint_of("8.8.8.8", 8090))) << id;
        packet[2] ^= 1; // of another overlay
        EXPECT_FALSE(exit.allows(packet, own)) << id;
    }
    EXPECT_FALSE(exit.allows(as_bytes("d1:ade"), own));
    exit.set_own_addresses({endpoint_of("192.168.1.5", 8090)}); // what nobody outside could mean
    Bytes packet(prefix.begin(), prefix.end());
    packet.resize(60, 13);
    EXPECT_FALSE(exit.allows(packet, endpoint_of("192.168.1.5", 8090)));
}

TEST(ExitPolicy, NeverThisMachine)
{
    ExitPolicy exit = policy(true);
    exit.set_host_addresses({IpAddress::parse("8.8.8.8").value(), IpAddress::parse("2001:4860::1").value(),
                             IpAddress::parse("127.0.0.1").value(), IpAddress::parse("::1").value()});
    for (const char* bad : {"8.8.8.8", "::ffff:8.8.8.8", "2001:4860::1"})
        EXPECT_FALSE(exit.allows(endpoint_of(bad))) << bad;
    EXPECT_TRUE(exit.allows(endpoint_of("8.8.8.9")));
    EXPECT_TRUE(exit.allows(endpoint_of("127.0.0.1"))) << "a private overlay of one machine";
    exit.set_host_addresses({});
    EXPECT_TRUE(exit.allows(endpoint_of("8.8.8.8")));
}

TEST(ExitPolicy, EmptyAndShortDatagrams)
{
    const ExitPolicy exit = policy();
    EXPECT_FALSE(exit.allows(ByteSpan{}));
    for (std::size_t size = 1; size < 8; ++size)
        EXPECT_FALSE(exit.allows(Bytes(size)));
    EXPECT_TRUE(exit.allows(Bytes(8))); // a tracker's action 0: the rule is loose, and the same at every exit
}

} // namespace
} // namespace cepa::tunnel
