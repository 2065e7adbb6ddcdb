#include "tunnel/discovery/address_rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa::tunnel {
namespace {

Endpoint endpoint_at(const std::string& text)
{
    return *Endpoint::parse(text);
}

TEST(AddressRules, ThePublicNetworkIsWhatTheInternetRoutes)
{
    TunnelSettings settings;
    settings.public_network = true;
    settings.allow_loopback = true; // has no say on the public network
    EXPECT_TRUE(may_contact(settings, endpoint_at("8.8.4.4:7000")));
    for (const char* bad : {"10.1.2.3:7000", "192.168.0.1:7000", "127.0.0.1:7000", "169.254.1.1:7000",
                            "100.64.0.1:7000", "224.0.0.1:7000", "255.255.255.255:7000", "0.0.0.0:7000", "0.1.2.3:7000",
                            "240.0.0.1:9", "8.8.4.4:0", "[2001:db8::1]:7000", "[2606:4700::1]:7000"})
        EXPECT_FALSE(may_contact(settings, endpoint_at(bad))) << bad;
}

TEST(AddressRules, OurOwnLanIsReachableOnThePublicNetworkToo)
{
    TunnelSettings settings;
    settings.public_network = true;
    EXPECT_TRUE(may_contact_in_lan(settings, endpoint_at("192.168.0.1:7000")));
    EXPECT_FALSE(may_contact_in_lan(settings, endpoint_at("127.0.0.1:7000")));
    EXPECT_FALSE(may_contact_in_lan(settings, endpoint_at("239.1.1.1:7000")));
}

TEST(AddressRules, APrivateNetworkMayUsePrivateRangesAndLoopbackWhenTold)
{
    TunnelSettings settings;
    EXPECT_TRUE(may_contact(settings, endpoint_at("10.1.2.3:7000")));
    EXPECT_FALSE(may_contact(settings, endpoint_at("127.0.0.1:7000")));
    settings.allow_loopback = true;
    EXPECT_TRUE(may_contact(settings, endpoint_at("127.0.0.1:7000")));
    EXPECT_FALSE(may_contact(settings, endpoint_at("0.0.0.0:7000")));
}

} // namespace
} // namespace cepa::tunnel
