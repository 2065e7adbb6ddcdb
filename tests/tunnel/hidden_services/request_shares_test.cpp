#include "tunnel/hidden_services/request_shares.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

IpAddress network(std::uint32_t n, std::uint32_t host = 1)
{
    return IpAddress::v4(0x14000000 + (n << 16) + host);
}

class RequestSharesTest : public ::testing::Test {
protected:
    bool pass(const IpAddress& source) { return shares_.pass(key_, source, now_); }
    /// Of `networks` attackers, `each` requests of all their hosts in every 100 ms, for that long.
    std::size_t flood(std::uint32_t networks, Duration time, std::uint32_t each = 1)
    {
        std::size_t passed = 0;
        for (Duration at{}; at < time; at += 100ms) {
            now_ += 100ms;
            for (std::uint32_t i = 0; i < networks * each; ++i)
                passed += pass(network(i % networks, ++host_ % 60'000)) ? 1 : 0;
        }
        return passed;
    }

    static PublicKey key_of(std::uint8_t n)
    {
        PublicKey out;
        out.ed25519[0] = n;
        return out;
    }
    RequestShares shares_{false};
    PublicKey key_ = key_of(1);
    TimePoint now_ = TimePoint{} + 1h;
    std::uint32_t host_ = 0;
};

TEST_F(RequestSharesTest, OneNetworkGetsLittleHoweverManyAddressesItHas)
{
    EXPECT_LE(flood(1, 10s, 5), 3U + 2U);
    EXPECT_LE(flood(1, 100s, 5), 20U);
}

TEST_F(RequestSharesTest, AFewThatFloodNeverTakeTheWayOfOneThatIsNew)
{
    flood(20, 30s); // at first they are new themselves
    for (std::uint32_t i = 0; i < 60; ++i) {
        flood(20, 3s); // paced: what a seeder's share gains is gone at once
        EXPECT_TRUE(pass(network(100 + i % 40))) << i;
    }
}

TEST_F(RequestSharesTest, AllTogetherGetNoMoreThanASeederTakes)
{
    std::size_t passed = 0;
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        if (i % 100 == 0) now_ += 100ms;
        passed += pass(network(i % 200)) ? 1 : 0;
    }
    EXPECT_LE(passed, 12U + 150U);
    EXPECT_GE(passed, 120U);
}

TEST_F(RequestSharesTest, WhoAsksAgainHasAShareToo)
{
    EXPECT_TRUE(pass(network(1)));
    EXPECT_TRUE(pass(network(1)));
    EXPECT_TRUE(pass(network(1)));
    EXPECT_FALSE(pass(network(1)));
    now_ += 5s;
    EXPECT_TRUE(pass(network(1)));
}

TEST_F(RequestSharesTest, SeedersDoNotShare)
{
    flood(200, 10s);
    EXPECT_FALSE(pass(network(201)));
    key_ = key_of(2);
    EXPECT_TRUE(pass(network(1)));
}

TEST_F(RequestSharesTest, SeedersThatNobodyAsksForAreForgottenFirst)
{
    key_ = key_of(0);
    while (pass(network(1))) {
    }
    for (std::uint32_t i = 0; i < 5 * RequestShares::kMostSeeders; ++i) {
        PublicKey other = key_of(1);
        other.ed25519[1] = static_cast<std::uint8_t>(i);
        other.ed25519[2] = static_cast<std::uint8_t>(i >> 8);
        now_ += 1ms;
        EXPECT_TRUE(shares_.pass(other, network(1), now_));
        EXPECT_FALSE(pass(network(1))); // asked for all the time, it keeps its counts
    }
}

TEST_F(RequestSharesTest, WhereAllShareOneNetworkTheyShareEverything)
{
    RequestShares shares(true);
    std::size_t passed = 0;
    for (int i = 0; i < 100; ++i)
        passed += shares.pass(key_, network(1), now_) ? 1 : 0;
    EXPECT_EQ(passed, 16U);
}

} // namespace
} // namespace cepa::tunnel
