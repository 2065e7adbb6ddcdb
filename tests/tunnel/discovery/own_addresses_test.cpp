#include "tunnel/discovery/own_addresses.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

Endpoint address_at(const std::string& text)
{
    return *Endpoint::parse(text);
}
const TimePoint kStart{1h};

TunnelSettings listening(const std::string& listen)
{
    TunnelSettings settings;
    settings.listen = address_at(listen);
    return settings;
}

TEST(OwnAddresses, StartsWithTheAddressItListensOn)
{
    const OwnAddresses own(listening("10.0.0.1:7000"));
    EXPECT_EQ(own.lan(), address_at("10.0.0.1:7000"));
    EXPECT_EQ(own.wan(), address_at("10.0.0.1:7000"));
    EXPECT_TRUE(own.is_own(address_at("10.0.0.1:7000")));
    EXPECT_TRUE(OwnAddresses(listening("0.0.0.0:7000")).wan().is_null());
}

TEST(OwnAddresses, OnLoopbackAnOpenListenerIsKnownAsLocalhost)
{
    TunnelSettings settings = listening("0.0.0.0:7000");
    settings.allow_loopback = true;
    EXPECT_EQ(OwnAddresses(settings).lan(), address_at("127.0.0.1:7000"));
    settings.public_network = true;
    EXPECT_TRUE(OwnAddresses(settings).lan().is_null());
}

TEST(OwnAddresses, OneResponderDecidesNothing)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    for (int i = 0; i < 5; ++i)
        EXPECT_FALSE(own.on_seen(address_at("20.1.0.1:1"), address_at("5.5.5.5:55"), kStart));
    // Two of one /16 are one voice.
    EXPECT_FALSE(own.on_seen(address_at("20.1.9.9:1"), address_at("5.5.5.5:55"), kStart));
    EXPECT_EQ(own.wan(), address_at("10.0.0.1:7000"));
    EXPECT_TRUE(own.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:55"), kStart));
    EXPECT_EQ(own.wan(), address_at("5.5.5.5:55"));
    EXPECT_EQ(own.lan(), address_at("10.0.0.1:7000"));
}

TEST(OwnAddresses, TellsWhatATranslatorMakesOfIt)
{
    OwnAddresses open(listening("0.0.0.0:7000"));
    OwnAddresses home(listening("0.0.0.0:7000"));
    OwnAddresses office(listening("0.0.0.0:7000"));
    open.set_host_addresses({IpAddress::v4(0x7f000001), address_at("5.5.5.5:1").ip});
    home.set_host_addresses({address_at("192.168.1.2:1").ip});
    office.set_host_addresses({address_at("192.168.1.2:1").ip});
    for (OwnAddresses* own : {&open, &home, &office}) {
        EXPECT_EQ(own->translation(), Translation::unknown);
        own->on_seen(address_at("20.1.0.1:1"), address_at("5.5.5.5:55"), kStart);
        EXPECT_EQ(own->translation(), Translation::unknown); // one voice decides nothing
    }
    open.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:55"), kStart);
    home.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:55"), kStart);
    office.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:56"), kStart);
    office.on_seen(address_at("20.3.0.1:1"), address_at("5.5.5.5:57"), kStart);
    EXPECT_EQ(open.translation(), Translation::none);
    EXPECT_EQ(home.translation(), Translation::endpoint_independent);
    EXPECT_EQ(office.translation(), Translation::address_dependent);
}

TEST(OwnAddresses, ALiarDoesNotMoveTheEstimate)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    for (const char* honest : {"20.1.0.1:1", "20.2.0.1:1", "20.3.0.1:1"})
        own.on_seen(address_at(honest), address_at("5.5.5.5:55"), kStart);
    for (const char* liar : {"66.6.0.1:1", "66.6.0.2:1", "66.6.0.3:1", "66.6.0.4:1"})
        EXPECT_FALSE(own.on_seen(address_at(liar), address_at("6.6.6.6:66"), kStart));
    EXPECT_EQ(own.wan(), address_at("5.5.5.5:55"));
    // Two liars of different networks are still fewer than three.
    EXPECT_FALSE(own.on_seen(address_at("67.6.0.1:1"), address_at("6.6.6.6:66"), kStart));
    EXPECT_EQ(own.wan(), address_at("5.5.5.5:55"));
}

TEST(OwnAddresses, FollowsARealMove)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    for (const char* peer : {"20.1.0.1:1", "20.2.0.1:1", "20.3.0.1:1"})
        own.on_seen(address_at(peer), address_at("5.5.5.5:55"), kStart);
    bool changed = false;
    for (const char* peer : {"20.1.0.1:1", "20.2.0.1:1"})
        changed = own.on_seen(address_at(peer), address_at("7.7.7.7:77"), kStart + 1min);
    EXPECT_TRUE(changed);
    EXPECT_EQ(own.wan(), address_at("7.7.7.7:77"));
}

TEST(OwnAddresses, ForgetsOldWords)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    EXPECT_FALSE(own.on_seen(address_at("20.1.0.1:1"), address_at("5.5.5.5:55"), kStart));
    EXPECT_FALSE(own.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:55"), kStart + 11min));
    EXPECT_EQ(own.wan(), address_at("10.0.0.1:7000"));
}

TEST(OwnAddresses, BehindASymmetricNatTheIpIsAgreedOn)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    own.on_seen(address_at("20.1.0.1:1"), address_at("5.5.5.5:51"), kStart);
    EXPECT_TRUE(own.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:52"), kStart));
    EXPECT_EQ(own.wan().ip, address_at("5.5.5.5:1").ip);
}

TEST(OwnAddresses, OnLoopbackNothingOthersSayCounts)
{
    TunnelSettings settings = listening("127.0.1.1:7000");
    settings.allow_loopback = settings.allow_equal_prefixes = true;
    OwnAddresses own(settings);
    EXPECT_FALSE(own.on_seen(address_at("127.0.2.1:1"), address_at("127.9.9.9:9"), kStart));
    EXPECT_FALSE(own.on_seen(address_at("127.0.3.1:1"), address_at("127.9.9.9:9"), kStart));
    EXPECT_EQ(own.wan(), address_at("127.0.1.1:7000"));
}

TEST(OwnAddresses, AnotherPortOfOurPublicAddressIsOursUnlessPrefixesMayBeEqual)
{
    OwnAddresses own(listening("10.0.0.1:7000"));
    own.on_seen(address_at("20.1.0.1:1"), address_at("5.5.5.5:55"), kStart);
    own.on_seen(address_at("20.2.0.1:1"), address_at("5.5.5.5:55"), kStart);
    EXPECT_TRUE(own.is_own(address_at("5.5.5.5:56")));
    EXPECT_FALSE(own.is_own(address_at("5.5.5.6:55")));
    EXPECT_FALSE(own.is_own(address_at("10.0.0.1:7001"))); // a private address says nothing about who it is
    TunnelSettings equal = listening("5.5.5.5:55");
    equal.allow_equal_prefixes = true;
    EXPECT_TRUE(OwnAddresses(equal).is_own(address_at("5.5.5.5:55")));
    EXPECT_FALSE(OwnAddresses(equal).is_own(address_at("5.5.5.5:56")));
}

TEST(OwnAddresses, SharedAddressesAndReflectionsAreOurs)
{
    OwnAddresses own(listening("0.0.0.0:7000"));
    own.share({address_at("5.5.5.5:55"), address_at("192.168.1.2:7000")});
    EXPECT_EQ(own.wan(), address_at("5.5.5.5:55"));
    EXPECT_TRUE(own.is_own(address_at("192.168.1.2:7000")));
    own.add_self(address_at("8.8.8.8:1"));
    EXPECT_TRUE(own.is_own(address_at("8.8.8.8:1")));
    EXPECT_EQ(own.all(), (std::vector<Endpoint>{address_at("5.5.5.5:55"), address_at("192.168.1.2:7000"),
                                                address_at("8.8.8.8:1")}));
    own.share({});
    EXPECT_FALSE(own.is_own(address_at("192.168.1.2:7000")));
    for (std::uint16_t port = 1; port < 1000; ++port)
        own.add_self({address_at("9.9.9.9:1").ip, port});
    EXPECT_LE(own.all().size(), 20U);
}

} // namespace
} // namespace cepa::tunnel
