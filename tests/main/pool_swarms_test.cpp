// Hidden swarms through the pool: what the workers are told, and the links that they name.
#include "support/pool_fixture.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace cepa::main {
namespace {

using PoolSwarmsTest = test::PoolFixture;

const std::string kPoolHash(20, 'h');

std::vector<proto::SwarmRequest> one_seed()
{
    return {{kPoolHash, 2, GroupId(1), false, std::string(74, 's')}};
}

TEST_F(PoolSwarmsTest, EachWorkerIsToldItsPartAndItsReplacementToo)
{
    start_and_wait();
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return report(0, "swarms") == 1 && report(1, "swarms") == 1; }));
    EXPECT_EQ(report(0, "points") + report(1, "points"), 3U);
    EXPECT_EQ(report(0, "parts"), 2U);
    const auto old_pid = pid(1);
    ::kill(static_cast<pid_t>(old_pid), SIGKILL);
    ASSERT_TRUE(wait([&] { return pid(1) != 0 && pid(1) != old_pid && report(1, "parts") == 2; })) << "by CREATE";
    pool->set_swarms({});
    ASSERT_TRUE(wait([&] { return report(0, "swarms") == 0 && report(1, "swarms") == 0; }));
}

TEST_F(PoolSwarmsTest, AnotherNumberOfWorkersSplitsAnew)
{
    start_and_wait();
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return report(1, "parts") == 2; }));
    ASSERT_TRUE(pool->set_workers(3));
    ASSERT_TRUE(wait([&] { return report(0, "parts") == 3 && report(1, "parts") == 3 && report(2, "parts") == 3; }));
    EXPECT_EQ(report(0, "points") + report(1, "points") + report(2, "points"), 3U);
}

TEST_F(PoolSwarmsTest, ALinkReachesTheObserverWithItsDataAndItsSwarm)
{
    start_and_wait({"links@1"});
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return observer.links.size() == 1; }));
    const CircuitId circuit = observer.links.begin()->first;
    EXPECT_EQ(observer.links.begin()->second.lookup_hash(), kPoolHash);
    ASSERT_TRUE(wait([&] { return pool->snapshot().swarms.contains(kPoolHash); }));
    EXPECT_EQ(pool->snapshot().swarms.at(kPoolHash).links(), 1U);

    pool->set_payloads({{circuit, 12345}, {CircuitId(circuit.value + 1), 99}}); // of which the latter is nobody's
    ASSERT_TRUE(wait([&] { return report(1, "payload") == 12345; }));
    EXPECT_EQ(report(1, "payload_link"), circuit.value);

    send_to(circuit, Address(), "through"); // the fake worker's echo has the null address as origin then
    ASSERT_TRUE(wait([&] { return observer.datagrams.size() == 1; }));
    EXPECT_TRUE(observer.datagrams[0].origin.is_null());

    ::kill(static_cast<pid_t>(pid(1)), SIGKILL);
    ASSERT_TRUE(wait([&] { return observer.dead.contains(circuit); })) << "the link ends with its worker";
    EXPECT_TRUE(pool->snapshot().swarms.empty());
}

TEST_F(PoolSwarmsTest, TheNullOriginOnACommonCircuitIsDropped)
{
    start_and_wait();
    const CircuitId circuit = good_circuit();
    send_to(circuit, Address(), "null");
    send(circuit, "after");
    ASSERT_TRUE(wait([&] { return !observer.datagrams.empty(); }));
    EXPECT_EQ(observer.datagrams[0].payload, "after");
}

TEST_F(PoolSwarmsTest, ALinkUnderAnothersCircuitIdEndsTheWorker)
{
    start_and_wait({"links@1", "steal@1"});
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 1; }));
    EXPECT_TRUE(observer.links.empty());
}

TEST_F(PoolSwarmsTest, AMalformedLinkEndsTheWorker)
{
    start_and_wait({"links@1", "badguard@1"});
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return pool->info().restarts >= 1; }));
    EXPECT_TRUE(observer.links.empty());
}

TEST_F(PoolSwarmsTest, ALinkOfASwarmThatIsNotOursReachesNobody)
{
    start_and_wait({"links@1", "others@1"});
    pool->set_swarms(one_seed());
    ASSERT_TRUE(wait([&] { return pool->snapshot().swarms.contains(kPoolHash); })) << "said after the link";
    EXPECT_TRUE(observer.links.empty());
    EXPECT_EQ(pool->info().restarts, 0U);
}

} // namespace
} // namespace cepa::main
