#include "support/fake_clock.hpp"
#include "support/test_random.hpp"
#include "tunnel/circuit/join_limits.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using Verdict = JoinLimits::Verdict;

Endpoint source(std::uint32_t n)
{
    return {IpAddress::v4(0x33000000 + n * 0x10000 + 1), 8090};
}

class JoinLimitsTest : public ::testing::Test {
protected:
    int admitted(JoinLimits& limits, std::uint32_t from, int tries)
    {
        int out = 0;
        for (int i = 0; i < tries; ++i)
            out += limits.admit(source(from), {}, clock_.now()) == Verdict::admitted ? 1 : 0;
        return out;
    }
    test::FakeClock clock_;
};

TEST_F(JoinLimitsTest, AllPlacesTaken)
{
    JoinLimits limits(100, false);
    EXPECT_EQ(limits.admit(source(1), {100, 0, 0}, clock_.now()), Verdict::full);
    EXPECT_EQ(limits.admit(source(1), {99, 0, 0}, clock_.now()), Verdict::admitted);
    EXPECT_EQ(limits.admit(source(1), {50, 31, 31}, clock_.now()), Verdict::admitted);
    EXPECT_EQ(limits.admit(source(1), {50, 32, 32}, clock_.now()), Verdict::full); // its address has its share
    EXPECT_EQ(limits.admit(source(1), {60, 0, 50}, clock_.now()), Verdict::full);  // so has its /16
    EXPECT_EQ(limits.glance(100, clock_.now()), Verdict::full);
    EXPECT_EQ(limits.glance(99, clock_.now()), Verdict::admitted);
    JoinLimits crowded(100, true);
    EXPECT_EQ(crowded.admit(source(1), {99, 99, 99}, clock_.now()), Verdict::admitted);
}

TEST_F(JoinLimitsTest, AnHonestNeighbourFindsPlacesInEveryWorker)
{
    // Sixteen circuits of one client, each two places, whose ids fall on the workers at random.
    test::TestRandom random(5);
    for (const std::uint32_t workers : {1U, 2U, 4U, 16U}) {
        int refused = 0;
        for (int client = 0; client < 100; ++client) {
            clock_.advance(1h);
            std::vector<JoinLimits> limits(workers, JoinLimits(workers < 4 ? 100 / workers : 32, false, workers));
            std::vector<std::uint32_t> places(workers);
            for (int circuit = 0; circuit < 16; ++circuit) {
                const std::uint32_t at = random.below(workers);
                const bool in = limits[at].admit(source(1), {places[at], places[at], places[at]}, clock_.now()) ==
                                Verdict::admitted;
                if (in)
                    places[at] += 2;
                else
                    ++refused;
            }
        }
        EXPECT_LE(refused, 16) << workers; // of 1600
    }
}

TEST_F(JoinLimitsTest, AFloodIsSeenAtAGlance)
{
    JoinLimits limits(100, false);
    for (std::uint32_t n = 0; n < 200; ++n)
        static_cast<void>(admitted(limits, n, 1));
    EXPECT_EQ(limits.glance(0, clock_.now()), Verdict::flood);
    // Who is refused for its share counts as well: it may not make us look for ever.
    JoinLimits other(100, false);
    for (int i = 0; i < 100; ++i)
        static_cast<void>(other.admit(source(1), {50, 50, 50}, clock_.now()));
    EXPECT_EQ(other.admit(source(1), {50, 50, 50}, clock_.now()), Verdict::flood);
}

TEST_F(JoinLimitsTest, OneSourceCannotUseUpEverybodysRate)
{
    JoinLimits limits(100, false);
    EXPECT_EQ(admitted(limits, 1, 1000), 25);
    EXPECT_EQ(admitted(limits, 2, 1000), 25);
    clock_.advance(1s);
    EXPECT_EQ(admitted(limits, 1, 1000), 2);
    clock_.advance(1h);
    EXPECT_EQ(admitted(limits, 1, 1000), 25);
}

TEST_F(JoinLimitsTest, ManySourcesShareOneRate)
{
    JoinLimits limits(100, false);
    int all = 0;
    for (std::uint32_t n = 0; n < 200; ++n)
        all += admitted(limits, n, 1);
    EXPECT_EQ(all, 100);
    EXPECT_TRUE(limits.busy(clock_.now()));
    clock_.advance(2s + 100ms);
    EXPECT_FALSE(limits.busy(clock_.now()));
    // Over a minute of flood: 25 a second, and no more.
    all = 0;
    for (int i = 0; i < 600; ++i) {
        clock_.advance(100ms);
        for (std::uint32_t n = 0; n < 20; ++n)
            all += admitted(limits, 1000 + static_cast<std::uint32_t>(i) * 20 + n, 1);
    }
    EXPECT_LE(all, 25 * 60 + 100);
    EXPECT_GE(all, 25 * 60 - 10);
}

TEST_F(JoinLimitsTest, ManyAddressesAreForgottenAndMemoryIsBounded)
{
    JoinLimits limits(100, false);
    for (std::uint32_t n = 0; n < 20'000; ++n) {
        clock_.advance(50ms);
        const Endpoint from{IpAddress::v4(0x33000000 + n), 1};
        EXPECT_EQ(limits.admit(from, {}, clock_.now()), Verdict::admitted) << n;
        limits.prove(from.ip, clock_.now());
    }
    EXPECT_TRUE(limits.proven(IpAddress::v4(0x33000000 + 19'999)));
    std::size_t remembered = 0;
    for (std::uint32_t n = 0; n < 20'000; ++n)
        remembered += limits.proven(IpAddress::v4(0x33000000 + n)) ? 1U : 0U;
    EXPECT_LE(remembered, 4096U);
}

TEST_F(JoinLimitsTest, ProofIsOfOneAddress)
{
    JoinLimits limits(100, false);
    EXPECT_FALSE(limits.proven(source(1).ip));
    limits.prove(source(1).ip, clock_.now());
    EXPECT_TRUE(limits.proven(source(1).ip));
    EXPECT_FALSE(limits.proven(source(2).ip));
}

} // namespace
} // namespace cepa::tunnel
