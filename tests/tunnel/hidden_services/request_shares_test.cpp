#include "support/test_random.hpp"
#include "tunnel/hidden_services/request_shares.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

Endpoint in_network(std::uint32_t n, std::uint32_t host = 1)
{
    return {IpAddress::v4(0x14000000 + (n << 16) + host), 9};
}

class RequestSharesTest : public ::testing::Test {
protected:
    void ask(const Endpoint& source, bool proven = false, bool honest = false)
    {
        KeyBytes x{};
        Writer(x).u32(++asked_);
        if (honest) honest_.insert(x);
        ++came_;
        if (shares_.pass(key_, now_))
            note({source, proven, x, {}, now_, 0});
        else
            shares_.wait(key_, {source, proven, x, {}, now_, 0}, now_);
    }
    void note(const WaitingRequest& request)
    {
        ++passed_;
        if (honest_.contains(request.ephemeral)) ++honest_passed_;
    }
    /// `burst` comes ten times a second; those that wait are drawn every second.
    template <class Burst>
    void run(Duration time, const Burst& burst)
    {
        for (Duration at{}; at < time; at += 100ms) {
            now_ += 100ms;
            burst();
            if (++ticks_ % 10 != 0) continue;
            in_vain_ += shares_.draw(now_, [this](const PublicKey&, const WaitingRequest& request) { note(request); });
        }
    }
    /// Every 4 s the honest one asks, `times` times; of what it asked so much passed.
    template <class Burst>
    double share_of_honest(const Endpoint& source, bool proven, int times, const Burst& flood)
    {
        run(20s, flood); // until nothing is saved up
        for (int i = 0; i < times; ++i) {
            run(2300ms, flood);
            ask(source, proven, true);
            run(1700ms, flood);
        }
        run(4s, flood);
        return static_cast<double>(honest_passed_) / times;
    }

    static PublicKey key_of(std::uint8_t n)
    {
        PublicKey out;
        out.ed25519[0] = n;
        return out;
    }
    test::TestRandom random_{5};
    RequestShares shares_{random_};
    PublicKey key_ = key_of(1);
    TimePoint now_ = TimePoint{} + 1h;
    std::uint32_t asked_ = 0;
    std::set<KeyBytes> honest_;
    std::size_t came_ = 0;
    std::size_t passed_ = 0;
    std::size_t honest_passed_ = 0;
    std::size_t in_vain_ = 0;
    std::uint32_t ticks_ = 0;
    std::uint32_t host_ = 1;
};

TEST_F(RequestSharesTest, WhereFewAskAllPassAtOnce)
{
    for (int i = 0; i < 100; ++i) {
        run(1s, [] {});
        ask(in_network(1)); // all through one exit
        ask(in_network(1));
    }
    EXPECT_EQ(passed_, 200U);
}

TEST_F(RequestSharesTest, ManyHonestOnesBehindAFewExitsGetAllThatMayPass)
{
    run(100s, [&] {
        for (int i = 0; i < 2; ++i)
            ask(in_network(random_.below(10)), true);
    });
    EXPECT_GE(passed_, 200U);
    EXPECT_LE(passed_, 209U);
}

TEST_F(RequestSharesTest, AllTogetherGetNoMoreThanTwoASecond)
{
    run(100s, [&] {
        for (std::uint32_t i = 0; i < 100; ++i)
            ask(in_network(i * 7 % 200));
    });
    EXPECT_LE(passed_, 209U);
    EXPECT_GE(passed_, 200U);
    EXPECT_LE(in_vain_, 100 * 2 * RequestShares::kMostWaiting); // the others had no place to wait at
}

// Requests come out of exits, and whoever floods uses the same ones.
TEST_F(RequestSharesTest, AnHonestOneFromANetworkThatFloodsPassesOftenEnough)
{
    const double share = share_of_honest(in_network(1, 77), true, 200, [&] {
        for (int i = 0; i < 3; ++i)
            ask(in_network(1, ++host_ % 5 + 1), true);
    });
    EXPECT_GE(share, 0.3); // of six addresses, with four draws while it waits
}

TEST_F(RequestSharesTest, AnHonestOneFromAnAddressThatFloodsHasAChanceToo)
{
    const double share = share_of_honest(in_network(1), true, 400, [&] {
        ask(in_network(1), true);
        for (std::uint32_t n = 2; n < 6; ++n)
            ask(in_network(n), true);
    });
    EXPECT_GE(share, 0.02);
}

// One request of each exit and minute made every network known, and the known ones had half a request a second.
TEST_F(RequestSharesTest, WhoSpeaksThroughEveryExitShutsNobodyOut)
{
    std::uint32_t tick = 0;
    const double share = share_of_honest(in_network(3), true, 200, [&] {
        if (++tick % 5 != 0) return; // two a second, from all of 50 exits in turn
        ask(in_network(tick / 5 % 50), true);
    });
    EXPECT_GE(share, 0.8);
}

// Outside a cell a source can be invented: a network for each packet.
TEST_F(RequestSharesTest, InventedSourcesTakeNoMoreThanHalfFromThoseThatAreProven)
{
    std::uint32_t n = 0;
    const auto flood = [&] {
        for (int i = 0; i < 10; ++i)
            ask(in_network(++n % 4000));
    };
    EXPECT_GE(share_of_honest(in_network(4001), true, 200, flood), 0.85);
}

TEST_F(RequestSharesTest, FewNetworksThatFloodLeaveAPlaceToWaitAt)
{
    const double share = share_of_honest(in_network(100), false, 200, [&] {
        for (std::uint32_t i = 0; i < 30; ++i)
            ask(in_network(i % 3, ++host_ % 60'000));
    });
    EXPECT_GE(share, 0.6);
}

TEST_F(RequestSharesTest, NobodyWaitsLongAndWhoWaitsIsKnown)
{
    while (shares_.pass(key_, now_)) {
    }
    KeyBytes x{};
    x[0] = 9;
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_TRUE(shares_.wait(key_, {in_network(1), false, x, {}, now_, 0}, now_));
    EXPECT_TRUE(shares_.waits(key_, x));
    EXPECT_FALSE(shares_.waits(key_of(2), x));
    std::size_t drawn = 0;
    now_ += 2s;
    EXPECT_EQ(shares_.draw(now_, [&](const PublicKey&, const WaitingRequest&) { ++drawn; }), 6U);
    EXPECT_EQ(drawn, 4U);
    EXPECT_FALSE(shares_.waits(key_, x));
}

TEST_F(RequestSharesTest, SeedersDoNotShare)
{
    run(20s, [&] {
        for (int i = 0; i < 20; ++i)
            ask(in_network(random_.below(200)));
    });
    EXPECT_FALSE(shares_.pass(key_, now_));
    EXPECT_TRUE(shares_.pass(key_of(2), now_));
}

TEST_F(RequestSharesTest, SeedersThatNobodyAsksForAreForgottenFirst)
{
    key_ = key_of(0);
    while (shares_.pass(key_, now_)) {
    }
    for (std::uint32_t i = 0; i < 5 * RequestShares::kMostSeeders; ++i) {
        PublicKey other = key_of(1);
        other.ed25519[1] = static_cast<std::uint8_t>(i);
        other.ed25519[2] = static_cast<std::uint8_t>(i >> 8);
        now_ += 100us;
        EXPECT_TRUE(shares_.pass(other, now_));
        EXPECT_FALSE(shares_.pass(key_, now_)); // asked for all the time, it keeps its counts
    }
}

} // namespace
} // namespace cepa::tunnel
