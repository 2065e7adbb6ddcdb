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

TEST_F(PoolControlTest, OnlyWorkerZeroMayShareAndNameGuards)
{
    start_and_wait({"share@1"});
    ASSERT_TRUE(wait([&] { return report(1, "descriptors") != 0; }));
    (void)good_circuit(); // the notices came before this answer
    (void)good_circuit();
    EXPECT_EQ(pool->snapshot().share.candidates_size(), 0);
    EXPECT_TRUE(observer.notices.empty());
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
