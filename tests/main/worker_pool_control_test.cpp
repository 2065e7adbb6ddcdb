// What the workers say over control and are told: shared facts, guards, monitored swarms, names.
#include "main/worker_pool_impl.hpp"
#include "support/pool_fixture.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace cepa::main {
namespace {

using PoolControlTest = test::PoolFixture;

TEST_F(PoolControlTest, WorkerZerosFactsReachTheOthersAndAReplacement)
{
    start_and_wait({"share@0"});
    ASSERT_TRUE(wait([&] { return report(1, "candidates") == 1; }));
    EXPECT_EQ(report(1, "share_version"), 1U);
    EXPECT_EQ(pool->snapshot().share.candidates_size(), 1);
    const auto old_pid = pid(1);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    EXPECT_EQ(report(1, "candidates"), 1U) << "told by CREATE";
}

TEST_F(PoolControlTest, AReplacedWorkerZeroHasItsCandidatesAndGuardsBack)
{
    start_and_wait({"share@0"});
    ASSERT_TRUE(wait([&] { return observer.notices.size() == 1; }));
    EXPECT_EQ(report(0, "guards"), 0U);
    const auto old_pid = pid(0);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(0) != 0 && pid(0) != old_pid; }));
    ASSERT_TRUE(wait([&] { return report(0, "descriptors") != 0; }));
    EXPECT_EQ(report(0, "candidates"), 1U);
    EXPECT_EQ(report(0, "guards"), 1U);
    ASSERT_TRUE(wait([&] { return report(1, "share_version") == 2; })) << "versions go on where they were";
}

TEST_F(PoolControlTest, AReplacedWorkerZeroGetsWhatItsPredecessorKept)
{
    start_and_wait({"dht@0"});
    EXPECT_EQ(report(0, "dht_values"), 0U);
    const auto old_pid = pid(0);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(0) != 0 && pid(0) != old_pid; }));
    ASSERT_TRUE(wait([&] { return report(0, "dht_values") == 3; }));
    EXPECT_EQ(report(1, "dht_values"), 0U); // nobody else needs it
}

TEST_F(PoolControlTest, WhatIsTooLargeOrComesFromAnotherIsNotKept)
{
    start_and_wait({"hugedht@0", "dht@1"});
    const auto old_pid = pid(0);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(0) != 0 && pid(0) != old_pid; }));
    ASSERT_TRUE(wait([&] { return report(0, "descriptors") != 0; }));
    EXPECT_EQ(report(0, "dht_values"), 0U);
}

TEST_F(PoolControlTest, OnlyWorkerZeroMayShareAndNameGuards)
{
    start_and_wait({"share@1"});
    ASSERT_TRUE(wait([&] { return report(1, "descriptors") != 0; }));
    (void)good_circuit(); // the notices came before this answer
    (void)good_circuit();
    EXPECT_EQ(pool->snapshot().share.candidates_size(), 0);
    EXPECT_TRUE(observer.notices.empty());
}

TEST_F(PoolControlTest, AMalformedGuardEndsTheWorkerAndReachesNobody)
{
    config.workers = 1;
    start({"share", "badguard"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 2; }));
    EXPECT_TRUE(observer.notices.empty());
    EXPECT_EQ(report(0, "guards"), 0U);
}

TEST_F(PoolControlTest, AChangeFrameOutOfBoundsEndsTheWorker)
{
    start_and_wait({"endless@1"});
    (void)good_circuit();
    const auto old_pid = pid(1);
    (void)circuit(); // on worker 1, answered or not before its end
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    EXPECT_EQ(report(1, std::string(65, 'x')), 0U);
}

TEST_F(PoolControlTest, MonitoredSwarmsAreTheReplacementsToo)
{
    start_and_wait();
    pool->monitor({std::string(20, 'a'), std::string(20, 'b'), "not a hash"});
    ASSERT_TRUE(wait([&] { return report(0, "monitored") == 2 && report(1, "monitored") == 2; }));
    const auto old_pid = pid(1);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    EXPECT_EQ(report(1, "monitored"), 2U);
}

TEST_F(PoolControlTest, AnExitsNamesAreResolved)
{
    config.settings.set_resolve_names(true);
    config.settings.set_exit_bittorrent(true);
    start_and_wait({"resolve"});
    ASSERT_TRUE(wait([&] { return report(0, "resolved") == 1 && report(1, "resolved") == 1; }));
}

TEST_F(PoolControlTest, WhoIsNoExitResolvesNothing)
{
    config.settings.set_resolve_names(true);
    start_and_wait({"resolve"});
    ASSERT_TRUE(wait([&] { return report(0, "unresolved") == 1; }));
}

/// Two workers of a relay with caps, each of which carries 100 bytes in every life.
struct PoolLimitsTest : PoolControlTest {
    void start_relays()
    {
        config.settings.set_relay(true);
        config.settings.set_relay_rate_bytes_per_s(1200);
        config.settings.set_month_bytes(10'000);
        config.settings.set_month_bytes_used(1000);
        start_and_wait({"carries"});
        ASSERT_TRUE(wait([&] { return told(2, 600, 4500); }));
    }
    /// Whether the first `workers` have these limits.
    bool told(std::uint16_t workers, std::uint64_t rate, std::uint64_t left) const
    {
        for (std::uint16_t i = 0; i < workers; ++i)
            if (report(i, "relay_rate") != rate || report(i, "month_left") != left) return false;
        return true;
    }
};

TEST_F(PoolLimitsTest, AnotherNumberOfWorkersSplitsThemAnew)
{
    config.drain_limit = std::chrono::seconds(0);
    start_relays();
    ASSERT_TRUE(pool->set_workers(4));
    // 9000 were left and 200 are gone.
    ASSERT_TRUE(wait([&] { return told(4, 300, 2200); })) << report(0, "month_left");
    ASSERT_TRUE(pool->set_workers(1));
    ASSERT_TRUE(wait([&] { return told(1, 1200, 8600); })) << report(0, "month_left");
}

TEST_F(PoolLimitsTest, AReplacementGetsItsPartOfWhatIsLeftAndTheOthersToo)
{
    start_relays();
    const auto old_pid = pid(1);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    ASSERT_TRUE(wait([&] { return told(2, 600, 4400); })) << report(0, "month_left") << ' ' << report(1, "month_left");
    EXPECT_EQ(report(0, "limits_told"), 1U);
}

TEST_F(PoolLimitsTest, ANewMonthBeginsWithAllOfIt)
{
    start_relays();
    pool->new_month();
    ASSERT_TRUE(wait([&] { return told(2, 600, 5000); })) << report(0, "month_left");
    const auto old_pid = pid(1);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    ASSERT_TRUE(wait([&] { return told(2, 600, 5000); })) << "what was carried before it does not count";
}

TEST_F(PoolControlTest, WorkersLogThroughMain)
{
    testing::internal::CaptureStderr();
    start_and_wait({"chatty"});
    (void)good_circuit();
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("worker1 event worker=1"), std::string::npos) << log;
}

} // namespace
} // namespace cepa::main
