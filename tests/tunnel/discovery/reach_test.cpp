#include "tunnel/discovery/reach.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kReachStart{1h};
/// From here on it knows to whom it wrote.
constexpr TimePoint kReachReady = kReachStart + Reach::kKnownFor;

TunnelSettings on_network(bool public_network)
{
    TunnelSettings settings;
    settings.public_network = public_network;
    settings.allow_equal_prefixes = !public_network;
    return settings;
}

IpAddress ip_of(const std::string& text)
{
    return *IpAddress::parse(text);
}

TEST(Reach, StrangersOfThreeNetworksProveIt)
{
    Reach reach(on_network(true), kReachStart);
    for (const char* from : {"20.1.0.1", "20.1.7.7", "20.2.0.1", "20.2.0.1"})
        reach.on_received(ip_of(from), kReachReady);
    EXPECT_FALSE(reach.strangers_get_in(kReachReady)) << "two networks";
    reach.on_received(ip_of("20.3.0.1"), kReachReady);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady));
}

TEST(Reach, WhomWeWroteToIsNoStranger)
{
    Reach reach(on_network(true), kReachStart);
    reach.on_sent(ip_of("20.3.0.1"), kReachReady - 1s);
    reach.on_sent(ip_of("20.4.0.1"), kReachReady);
    for (const char* from : {"20.1.0.1", "20.2.0.1", "20.3.0.1", "20.4.0.1"})
        reach.on_received(ip_of(from), kReachReady + Reach::kKnownFor - 1s);
    EXPECT_FALSE(reach.strangers_get_in(kReachReady + Reach::kKnownFor));
    // After ten minutes no translator lets it in for what we once sent.
    reach.on_received(ip_of("20.3.0.1"), kReachReady + 2 * Reach::kKnownFor);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady + 2 * Reach::kKnownFor));
}

TEST(Reach, AfterAStartNobodyIsAStrangerYet)
{
    Reach reach(on_network(true), kReachStart);
    for (const char* from : {"20.1.0.1", "20.2.0.1", "20.3.0.1"})
        reach.on_received(ip_of(from), kReachReady - 1s);
    EXPECT_FALSE(reach.strangers_get_in(kReachReady)) << "a process before this one may have written to them";
}

TEST(Reach, NeighboursAreNoEvidence)
{
    Reach reach(on_network(true), kReachStart);
    for (const char* from : {"192.168.1.7", "10.0.0.2", "127.0.0.1", "172.16.0.1", "2a00::1", "2a01::1", "2a02::1"})
        reach.on_received(ip_of(from), kReachReady);
    EXPECT_FALSE(reach.strangers_get_in(kReachReady));
}

TEST(Reach, WhereNetworksAreSharedEachAddressCounts)
{
    Reach reach(on_network(false), kReachStart);
    for (const char* from : {"20.1.0.1", "20.1.0.2", "20.1.0.3"})
        reach.on_received(ip_of(from), kReachReady);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady));
}

TEST(Reach, EvidenceAges)
{
    Reach reach(on_network(true), kReachStart);
    for (const char* from : {"20.1.0.1", "20.2.0.1", "20.3.0.1"})
        reach.on_received(ip_of(from), kReachReady);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady + Reach::kEvidenceLife - 1s));
    EXPECT_FALSE(reach.strangers_get_in(kReachReady + Reach::kEvidenceLife));
    for (const char* from : {"20.5.0.1", "20.6.0.1", "20.7.0.1"})
        reach.on_received(ip_of(from), kReachReady + 2h);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady + 2h)) << "others take the places";
    reach.forget();
    EXPECT_FALSE(reach.strangers_get_in(kReachReady + 2h));
    reach.restore(kReachReady + 2h);
    EXPECT_TRUE(reach.strangers_get_in(kReachReady + 2h));
    EXPECT_FALSE(reach.strangers_get_in(kReachReady + 2h + Reach::kEvidenceLife));
}

TEST(Reach, WithTooManyToRememberNobodyIsAStranger)
{
    Reach reach(on_network(true), kReachStart);
    for (std::uint32_t i = 0; i <= Reach::kMostKnown; ++i)
        reach.on_sent(IpAddress::v4(0x1e000000 + i), kReachReady);
    for (const char* from : {"20.1.0.1", "20.2.0.1", "20.3.0.1"})
        reach.on_received(ip_of(from), kReachReady + 1s);
    EXPECT_FALSE(reach.strangers_get_in(kReachReady + 1s));
}

} // namespace
} // namespace cepa::tunnel
