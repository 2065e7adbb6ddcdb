#include "base/address.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>

#include <unordered_set>

namespace cepa {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

Bytes encoded(const Address& address)
{
    Bytes room(70000);
    Writer writer(room);
    write_address(writer, address);
    EXPECT_TRUE(writer.ok());
    room.resize(writer.size());
    return room;
}

TEST(IpAddress, ParsesLiteralsOnly)
{
    EXPECT_EQ(ip("1.2.3.4"), IpAddress::v4(0x01020304));
    EXPECT_EQ(ip("1.2.3.4").to_v4(), 0x01020304U);
    EXPECT_EQ(ip("2001:db8::1").to_string(), "2001:db8::1");
    EXPECT_EQ(ip("255.255.255.255").to_string(), "255.255.255.255");
    for (const char* bad : {"", "localhost", "1.2.3", "1.2.3.256", "1.2.3.4.5", "01.2.3.4x", "[::1]", "1.2.3.4:5", ":::", "::1%lo"})
        EXPECT_FALSE(IpAddress::parse(bad)) << bad;
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0junk", 12)));
}

TEST(IpAddress, Kinds)
{
    EXPECT_TRUE(IpAddress{}.is_unspecified());
    EXPECT_TRUE(ip("::").is_unspecified());
    for (const char* loopback : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"})
        EXPECT_TRUE(ip(loopback).is_loopback()) << loopback;
    for (const char* other : {"128.0.0.1", "::2", "::ffff:1.2.3.4", "100::1"}) EXPECT_FALSE(ip(other).is_loopback()) << other;
    for (const char* inner : {"10.0.0.1", "172.16.0.1", "172.31.0.1", "192.168.0.1", "fc00::1", "fdff::1", "::ffff:10.0.0.1"})
        EXPECT_TRUE(ip(inner).is_private()) << inner;
    for (const char* other : {"11.0.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "fe80::1", "8.8.8.8"})
        EXPECT_FALSE(ip(other).is_private()) << other;
}

TEST(IpAddress, Unmapped)
{
    EXPECT_EQ(ip("::ffff:1.2.3.4").unmapped(), ip("1.2.3.4"));
    EXPECT_EQ(ip("::1.2.3.4").unmapped(), ip("::1.2.3.4"));
    EXPECT_EQ(ip("1.2.3.4").unmapped(), ip("1.2.3.4"));
}

TEST(IpAddress, DiversityPrefix)
{
    EXPECT_EQ(ip("1.2.3.4").diversity_prefix(), ip("1.2.200.200").diversity_prefix());
    EXPECT_NE(ip("1.2.3.4").diversity_prefix(), ip("1.3.3.4").diversity_prefix());
    EXPECT_EQ(ip("2001:db8::1").diversity_prefix(), ip("2001:db8:ffff::2").diversity_prefix());
    EXPECT_NE(ip("2001:db8::1").diversity_prefix(), ip("2001:db9::1").diversity_prefix());
    EXPECT_EQ(ip("::ffff:1.2.3.4").diversity_prefix(), ip("1.2.0.0").diversity_prefix());
    EXPECT_NE(ip("::").diversity_prefix(), ip("0.0.0.0").diversity_prefix());
}

TEST(Endpoint, TextBothWays)
{
    for (const char* text : {"1.2.3.4:80", "[::1]:65535", "0.0.0.0:0"}) {
        const auto parsed = Endpoint::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->to_string(), text);
    }
    for (const char* bad : {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4: 1", "::1:80",
                            "[1.2.3.4]:80", "[::1]", "[]:80", "localhost:80", "[::1]:80x"})
        EXPECT_FALSE(Endpoint::parse(bad)) << bad;
}

TEST(Endpoint, SockaddrBothWays)
{
    for (const char* text : {"1.2.3.4:80", "[2001:db8::5]:443"}) {
        const Endpoint endpoint = Endpoint::parse(text).value();
        sockaddr_storage storage{};
        const socklen_t size = endpoint.to_sockaddr(storage);
        EXPECT_EQ(size, endpoint.ip.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
        EXPECT_EQ(Endpoint::from_sockaddr(storage), endpoint);
    }
    EXPECT_TRUE(Endpoint::from_sockaddr(sockaddr_storage{}).is_null());
}

TEST(Address, NullMeansNoAddress)
{
    EXPECT_TRUE(Address().is_null());
    EXPECT_FALSE(Address(Endpoint{ip("0.0.0.0"), 1}).is_null());
    EXPECT_FALSE(Address("host", 0).is_null());
    EXPECT_EQ(Address("tracker.example", 80).to_string(), "tracker.example:80");
}

TEST(AddressCodec, RoundTripAndTruncation)
{
    for (const Address& address : {Address(), Address(Endpoint::parse("1.2.3.4:80").value()),
                                   Address(Endpoint::parse("[2001:db8::5]:443").value()), Address("a", 1),
                                   Address(std::string(300, 'x'), 65535)}) {
        const Bytes bytes = encoded(address);
        EXPECT_EQ(bytes.size(), encoded_size(address));
        Reader reader(bytes);
        EXPECT_EQ(read_address(reader), address);
        EXPECT_TRUE(reader.complete());
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            Reader cut(ByteSpan(bytes).first(size));
            EXPECT_TRUE(read_address(cut).is_null() || !cut.ok());
            EXPECT_FALSE(cut.ok());
        }
    }
}

TEST(AddressCodec, OtherTypesAreRefused)
{
    for (unsigned type = 0; type < 256; ++type) {
        Bytes bytes(30, 1);
        bytes[0] = static_cast<std::uint8_t>(type);
        Reader endpoint(bytes);
        static_cast<void>(read_endpoint(endpoint));
        EXPECT_EQ(endpoint.ok(), type == 1 || type == 3) << type;
    }
    const Bytes no_name{2, 0, 0, 0, 80};
    Reader reader(no_name);
    static_cast<void>(read_address(reader));
    EXPECT_FALSE(reader.ok());
}

TEST(AddressCodec, UntypedIpv4)
{
    const Endpoint endpoint = Endpoint::parse("1.2.3.4:258").value();
    std::array<std::uint8_t, 6> room{};
    Writer writer(room);
    write_ipv4(writer, endpoint);
    EXPECT_EQ(room, (std::array<std::uint8_t, 6>{1, 2, 3, 4, 1, 2}));
    Reader reader(room);
    EXPECT_EQ(read_ipv4(reader), endpoint);
    Writer six(room);
    write_ipv4(six, Endpoint::parse("[::1]:258").value());
    EXPECT_EQ(room, (std::array<std::uint8_t, 6>{}));
}

TEST(Address, HashesTellAddressesApart)
{
    std::unordered_set<Address> seen;
    for (std::uint32_t i = 0; i < 100; ++i)
        for (std::uint16_t port = 1; port <= 10; ++port) seen.insert(Endpoint{IpAddress::v4(0x0a000000 + i), port});
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_TRUE(seen.contains(Endpoint{IpAddress::v4(0x0a000005), 3}));
    EXPECT_NE(std::hash<Endpoint>{}(Endpoint{IpAddress::v4(1), 2}), std::hash<Endpoint>{}(Endpoint{IpAddress::v4(1), 3}));
}

} // namespace
} // namespace cepa
