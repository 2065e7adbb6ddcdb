#include "tunnel/hidden_services/names.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

TEST(HiddenNames, OnlyFakeAddressesNameCircuits)
{
    EXPECT_EQ(circuit_of_fake_address(fake_address(CircuitId(0x01020304))), CircuitId(0x01020304));
    EXPECT_FALSE(circuit_of_fake_address({IpAddress::v4(0x01020304), 1025}));
    EXPECT_FALSE(circuit_of_fake_address({*IpAddress::parse("::1"), kFakeAddressPort}));
}

TEST(HiddenNames, PexOverlayCarries)
{
    LookupHash hash{};
    hash.fill(0xff);
    EXPECT_EQ(pex_overlay(hash), OverlayId{}); // modulo 2^160; deployed nodes fail on this one
    hash[0] = 0;
    OverlayId expected{1};
    EXPECT_EQ(pex_overlay(hash), expected);
}

TEST(HiddenNames, LookupHashesDiffer)
{
    EXPECT_NE(lookup_hash(InfoHash{}), lookup_hash(InfoHash{1}));
}

} // namespace
} // namespace cepa::tunnel
