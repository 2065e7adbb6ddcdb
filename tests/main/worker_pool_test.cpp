#include "base/file_descriptor.hpp"
#include "main/pool_error.hpp"
#include "main/worker_pool.hpp"
#include "proto/descriptors.hpp"
#include "support/pool_fixture.hpp"

#include <gtest/gtest.h>

#include <set>
#include <signal.h>

namespace cepa::main {
namespace {

using namespace std::chrono_literals;
using WorkerPoolTest = test::PoolFixture;

std::uint64_t descriptors_up_to(int last)
{
    return (std::uint64_t{2} << static_cast<unsigned>(last)) - 1;
}

TEST_F(WorkerPoolTest, StartsItsWorkersEachAProcessOfItsOwn)
{
    start_and_wait();
    EXPECT_NE(pid(0), pid(1));
    EXPECT_EQ(report(0, "own_group"), 1U);
    const auto info = pool->info();
    EXPECT_EQ(info.workers, 2U);
    EXPECT_EQ(info.steering, "reuseport");
    EXPECT_NE(info.listen.port, 0);
    EXPECT_EQ(info.restarts, 0U);
}

TEST_F(WorkerPoolTest, AWorkerHasTheListedDescriptorsAndNoOther)
{
    const FileDescriptor inheritable(::dup(2)); // as libtorrent's are: not close-on-exec
    start_and_wait();
    for (std::uint16_t worker = 0; worker < 2; ++worker)
        EXPECT_EQ(report(worker, "descriptors"), descriptors_up_to(proto::last_descriptor(4)));
}

TEST_F(WorkerPoolTest, APureClientsKeyGoesToWorkerZeroOnly)
{
    start_and_wait();
    EXPECT_EQ(report(0, "key_bytes"), 74U);
    EXPECT_EQ(report(1, "key_bytes"), 0U);
}

TEST_F(WorkerPoolTest, ARelaysKeyGoesToAll)
{
    config.settings.set_relay(true);
    start_and_wait();
    EXPECT_EQ(report(1, "key_bytes"), 74U);
}

TEST_F(WorkerPoolTest, AKilledWorkerIsReplacedAndItsCircuitsAreReported)
{
    start_and_wait();
    std::set<CircuitId> circuits;
    for (int i = 0; i < 4; ++i)
        circuits.insert(good_circuit());
    const auto old_pid = pid(1);
    const auto other = pid(0);
    const auto killed = std::chrono::steady_clock::now();
    std::chrono::steady_clock::duration reported{};
    observer.when_dead = [&] { reported = std::chrono::steady_clock::now() - killed; };
    ASSERT_EQ(::kill(static_cast<pid_t>(old_pid), SIGKILL), 0);
    ASSERT_TRUE(wait([&] { return observer.dead.size() == 2; }));
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid; }));
    const auto back = std::chrono::steady_clock::now() - killed;
    const auto ms = [](auto t) { return std::chrono::duration<double, std::milli>(t).count(); };
    std::printf("circuits reported dead after %.2f ms, replacement's first SYNC after %.2f ms\n", ms(reported),
                ms(back));
    EXPECT_EQ(pid(0), other);
    EXPECT_EQ(pool->info().restarts, 1U);
    EXPECT_EQ(report(1, "descriptors"), descriptors_up_to(proto::last_descriptor(4)));
    for (const auto& [circuit, reason] : observer.dead)
        EXPECT_TRUE(circuits.contains(circuit)) << reason;
    EXPECT_NE(good_circuit(), CircuitId());
}

TEST_F(WorkerPoolTest, WorkerZeroIsReplacedLikeAnyOther)
{
    start_and_wait();
    const auto old_pid = pid(0);
    ASSERT_EQ(::kill(static_cast<pid_t>(old_pid), SIGKILL), 0);
    ASSERT_TRUE(wait([&] { return pid(0) != 0 && pid(0) != old_pid; }));
    EXPECT_EQ(report(0, "key_bytes"), 74U);
}

TEST_F(WorkerPoolTest, CallsUnderWayFailWhenTheirWorkerDies)
{
    config.workers = 1;
    start_and_wait({"slow"});
    std::optional<Result<CircuitId>> made;
    pool->create_circuit({1, GroupId(0)}, [&](Result<CircuitId> result) { made = result; });
    ASSERT_TRUE(wait([&] { return report(0, "circuit_calls") == 1; }));
    EXPECT_FALSE(made);
    ::kill(static_cast<pid_t>(pid(0)), SIGKILL);
    ASSERT_TRUE(wait([&] { return made.has_value(); }));
    EXPECT_FALSE(*made);
}

TEST_F(WorkerPoolTest, MoreAndFewerWorkersWhileItRuns)
{
    start_and_wait();
    ASSERT_TRUE(pool->set_workers(4));
    ASSERT_TRUE(wait([&] { return pool->snapshot().workers.size() == 4; }));
    ASSERT_TRUE(wait([&] { return report(0, "steer_version") == 2; })) << "the old ones hear of the new table";
    for (int i = 0; i < 4; ++i)
        (void)good_circuit();
    ASSERT_TRUE(pool->set_workers(1));
    EXPECT_EQ(pool->info().workers, 1U);
    for (int i = 0; i < 4; ++i)
        EXPECT_TRUE(circuit()) << "new circuits are worker 0's alone";
    EXPECT_TRUE(observer.dead.empty()) << "the others drain";
    EXPECT_EQ(pool->snapshot().workers.size(), 4U);
}

TEST_F(WorkerPoolTest, StoppedWorkersEndAtTheLatestAtTheDrainLimit)
{
    config.drain_limit = 0s;
    start_and_wait();
    const CircuitId kept = good_circuit();
    const CircuitId lost = good_circuit();
    ASSERT_TRUE(pool->set_workers(1));
    ASSERT_TRUE(wait([&] { return observer.dead.contains(lost); }));
    EXPECT_FALSE(observer.dead.contains(kept));
    ASSERT_TRUE(wait([&] { return pool->snapshot().workers.size() == 1; }));
    ASSERT_TRUE(wait([&] { return report(0, "steer_version") == 2; }));
    EXPECT_EQ(pool->info().restarts, 0U) << "it ended because it was asked to";
    ASSERT_TRUE(pool->set_workers(2));
    ASSERT_TRUE(wait([&] { return pid(1) != 0; })) << "and it can come back";
}

TEST_F(WorkerPoolTest, ADrainedWorkerLeavesWhenItsLastCircuitCloses)
{
    config.drain_limit = 1h;
    start_and_wait();
    (void)good_circuit();
    const CircuitId second = good_circuit();
    ASSERT_TRUE(pool->set_workers(1));
    for (int i = 0; i < 3; ++i)
        (void)good_circuit();
    EXPECT_EQ(pool->snapshot().workers.size(), 2U);
    pool->close_circuit(second);
    ASSERT_TRUE(wait([&] { return pool->snapshot().workers.size() == 1; }));
}

TEST_F(WorkerPoolTest, ImpossibleNumbersAreRefused)
{
    start_and_wait();
    EXPECT_FALSE(pool->set_workers(0));
    EXPECT_FALSE(pool->set_workers(5));
    for (const auto& [workers, slots] : {std::pair{0U, 1U}, std::pair{3U, 2U}, std::pair{1U, proto::kMaxWorkers + 1}}) {
        WorkerPoolConfig bad = config;
        bad.workers = workers;
        bad.max_workers = slots;
        WorkerPool other(io, clock, bad);
        EXPECT_FALSE(other.start(observer)) << workers << " of " << slots;
    }
}

TEST_F(WorkerPoolTest, APortInUseIsSaid)
{
    start_and_wait();
    WorkerPoolConfig same = config;
    same.listen = pool->info().listen;
    for (const bool front : {false, true}) {
        same.force_front_process = front;
        WorkerPool other(io, clock, same);
        const auto started = other.start(observer);
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error(), boost::system::errc::address_in_use);
    }
}

TEST_F(WorkerPoolTest, AProgramThatIsNotThereIsSaid)
{
    config.executable = "/nonexistent/cepa";
    pool = std::make_unique<WorkerPool>(io, clock, config);
    const auto started = pool->start(observer);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), boost::system::errc::no_such_file_or_directory);
}

TEST_F(WorkerPoolTest, AWorkerThatDiesAtOnceIsNotRestartedWithoutEnd)
{
    config.workers = 1;
    start({"crash"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 3; }));
    (void)test::run_until(io, [] { return false; }, 300ms);
    EXPECT_LE(pool->info().restarts, 5U) << "0, 50, 100, 200 ms apart";
}

TEST_F(WorkerPoolTest, AWorkerOfAnotherBuildIsNotUsed)
{
    config.workers = 1;
    start({"refuse"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 2; }));
}

TEST_F(WorkerPoolTest, StopAsksAndTheChildrenEndWell)
{
    start_and_wait();
    const auto children = {pid(0), pid(1)};
    EXPECT_LT(stop(5000ms), 2000ms);
    for (const auto child : children)
        EXPECT_NE(::kill(static_cast<pid_t>(child), 0), 0) << "gone and reaped";
}

TEST_F(WorkerPoolTest, TheExitStreamWorksWhileTheControlLoopIsStuckAndItsPipeFull)
{
    start_and_wait({"stuck"});
    const std::vector<std::string> large(40000, std::string(20, 'h')); // 880 KB each: fills pipe and queue
    pool->monitor({});
    ASSERT_TRUE(wait([&] { return report(0, "stuck") == 1 && report(1, "stuck") == 1; }));
    for (int i = 0; i < 10; ++i)
        pool->monitor(large);
    testing::internal::CaptureStderr();
    EXPECT_GE(stop(100ms), 100ms) << "the exit thread answers when the grace is over";
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("control loop is stuck"), std::string::npos) << "the answer's text arrived: " << log;
}

TEST_F(WorkerPoolTest, WhoDoesNotHearTheExitStreamIsKilled)
{
    start_and_wait({"deaf"});
    const auto child = pid(0);
    EXPECT_GE(stop(100ms), 500ms);
    EXPECT_NE(::kill(static_cast<pid_t>(child), 0), 0);
}

TEST_F(WorkerPoolTest, StopEndsAPoolWhoseWorkerIsWaitingForItsRestart)
{
    config.workers = 1;
    start({"crash"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 3; }));
    EXPECT_LT(stop(1000ms), 2000ms);
}

TEST_F(WorkerPoolTest, DestructionLeavesNobodyBehind)
{
    start_and_wait();
    const auto children = {pid(0), pid(1)};
    pool.reset();
    for (const auto child : children)
        EXPECT_NE(::kill(static_cast<pid_t>(child), 0), 0);
    io.restart();
    io.poll();
}

TEST_F(WorkerPoolTest, ASilentWorkerIsReplaced)
{
    config.workers = 1;
    config.silence_limit = 600ms;
    start({"mute"});
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 1; }));
}

TEST_F(WorkerPoolTest, AWorkerMayBeSilentForThreeSyncIntervals)
{
    config.silence_limit = 0s;
    config.sync_interval = 1h;
    config.drain_limit = 0s;
    start_and_wait();
    const auto worker = pid(0);
    ASSERT_TRUE(pool->set_workers(1));
    ASSERT_TRUE(wait([&] { return pool->snapshot().workers.size() == 1; })) << "what a tick does: there was one";
    EXPECT_EQ(pool->info().restarts, 0U);
    EXPECT_EQ(pid(0), worker);
}

} // namespace
} // namespace cepa::main
