#include "main/circuit_groups.hpp"
#include "main/fake_tunnel_service.hpp"
#include "support/fake_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace cepa::main {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Route kRoute{3, GroupId(1)};
const Route kOther{1, GroupId(2)};

class CircuitGroupsTest : public testing::Test {
protected:
    void SetUp() override { make({}); }
    void make(CircuitGroupsOptions options)
    {
        groups = std::make_unique<CircuitGroups>(
            service, clock, options,
            CircuitGroupsHooks{
                .on_ready = [this](const Route& r, CircuitId c, WorkerId w) { ready[c] = {r, w}; },
                .on_gone = [this](CircuitId c) { gone.insert(c); },
                .on_worker_known = [this](CircuitId c, WorkerId w) { named[c] = w; },
                .on_retiring = [this](CircuitId c) { retiring.push_back(c); },
                .on_usable = [this](const Route& r, bool usable) { usable_said.emplace_back(r, usable); },
                .on_settled = [this](const Route& r) { settled.push_back(r); },
                .wake = [this] { ++wakes; },
            });
    }
    /// Ticks every 100 ms, as the owner would.
    void run(Duration time)
    {
        for (Duration passed{}; passed < time; passed += milliseconds(100)) {
            clock.advance(milliseconds(100));
            groups->tick();
        }
    }
    void build_all(std::uint32_t worker = 0)
    {
        for (int i = 0; i < 100 && groups->status().at(0).ready < groups->circuits_per_route(); ++i) {
            while (!service.attempts.empty())
                service.succeed(worker++ % std::max(1U, service.workers));
            run(milliseconds(100));
        }
    }
    RouteStatus status() { return groups->status().at(0); }

    cepa::test::FakeClock clock;
    test::FakeTunnelService service;
    std::map<CircuitId, std::pair<Route, WorkerId>> ready;
    std::map<CircuitId, WorkerId> named;
    std::set<CircuitId> gone;
    std::vector<CircuitId> retiring;
    std::vector<std::pair<Route, bool>> usable_said;
    std::vector<Route> settled;
    std::size_t wakes = 0;
    std::unique_ptr<CircuitGroups> groups;
};

TEST_F(CircuitGroupsTest, NothingIsBuiltUntilARouteIsWanted)
{
    run(seconds(5));
    EXPECT_EQ(service.attempts_made, 0U);
    groups->want(kRoute);
    EXPECT_EQ(wakes, 1U);
    EXPECT_EQ(service.attempts_made, 0U) << "not from inside the call";
    groups->tick();
    ASSERT_EQ(service.attempts.size(), 1U);
    EXPECT_EQ(service.attempts[0].request.hops, 3);
    EXPECT_EQ(service.attempts[0].request.group, GroupId(1));
}

TEST_F(CircuitGroupsTest, TwoCircuitsInProcessTheSecondWithinAboutASecond)
{
    groups->want(kRoute);
    groups->tick();
    EXPECT_EQ(service.attempts.size(), 1U);
    run(seconds(3));
    EXPECT_EQ(service.attempts.size(), 2U) << "and no more while these are under way";
    service.succeed(0);
    service.succeed(0);
    run(seconds(60));
    EXPECT_EQ(service.attempts_made, 2U);
    EXPECT_EQ(status().ready, 2U);
    EXPECT_EQ(status().wanted, 2U);
    EXPECT_TRUE(status().usable());
}

TEST_F(CircuitGroupsTest, OnePerWorkerStartsAtOnceAndTwoPerWorkerInTheEnd)
{
    service.workers = 4;
    groups->want(kRoute);
    groups->tick();
    EXPECT_EQ(service.attempts.size(), 4U);
    build_all();
    EXPECT_EQ(status().ready, 8U);
    std::map<WorkerId, int> per_worker;
    for (const auto& [circuit, where] : ready)
        ++per_worker[where.second];
    EXPECT_EQ(per_worker.size(), 4U);
}

TEST_F(CircuitGroupsTest, ARetiringCircuitHasItsSuccessorBeforeItEnds)
{
    groups->want(kRoute);
    groups->tick();
    build_all();
    ASSERT_EQ(status().ready, 2U);
    const std::size_t made = service.attempts_made;
    const CircuitId old = ready.begin()->first;
    service.state.circuits[old.value].set_state(proto::CIRCUIT_CLOSING);
    groups->on_sync();
    groups->on_sync();
    EXPECT_EQ(retiring, std::vector{old});
    run(seconds(3));
    EXPECT_EQ(service.attempts_made, made + 1);
    EXPECT_TRUE(gone.empty());
    service.succeed(0);
    run(seconds(60));
    EXPECT_EQ(status().ready, 3U);
    groups->on_circuit_dead(old, "aged");
    EXPECT_TRUE(gone.contains(old));
    run(seconds(60));
    EXPECT_EQ(service.attempts_made, made + 1);
    EXPECT_EQ(status().ready, 2U);
}

TEST_F(CircuitGroupsTest, FirstCircuitMakesTheRouteUsable)
{
    groups->want(kRoute);
    groups->tick();
    const TimePoint since = clock.now();
    const CircuitId first = service.succeed(0);
    ASSERT_EQ(usable_said.size(), 1U);
    EXPECT_EQ(usable_said[0], (std::pair{kRoute, true}));
    EXPECT_EQ(ready.at(first).second, WorkerId(0));
    build_all();
    EXPECT_EQ(usable_said.size(), 1U) << "said once";
    clock.advance(seconds(5));
    EXPECT_EQ(status().in_state, clock.now() - since);
}

TEST_F(CircuitGroupsTest, SettledOnceEveryWorkerHasOne)
{
    service.workers = 2;
    groups->want(kRoute);
    groups->tick();
    service.succeed(0);
    groups->tick();
    EXPECT_TRUE(settled.empty());
    service.succeed(1);
    groups->tick();
    EXPECT_EQ(settled, std::vector{kRoute});
    build_all();
    EXPECT_EQ(settled.size(), 1U);
}

TEST_F(CircuitGroupsTest, SettledAfterAWhileWithFewer)
{
    service.workers = 2;
    groups->want(kRoute);
    groups->tick();
    service.succeed(0);
    run(milliseconds(1900));
    EXPECT_TRUE(settled.empty());
    run(milliseconds(200));
    EXPECT_EQ(settled, std::vector{kRoute});
}

TEST_F(CircuitGroupsTest, DeadCircuitIsReplacedAtOnce)
{
    service.workers = 2;
    groups->want(kRoute);
    build_all();
    std::vector<CircuitId> of_worker_1;
    for (const auto& [circuit, where] : ready)
        if (where.second == WorkerId(1)) of_worker_1.push_back(circuit);
    ASSERT_EQ(of_worker_1.size(), 2U);
    const std::size_t before = service.attempts_made;
    for (const CircuitId circuit : of_worker_1)
        groups->on_circuit_dead(circuit, "worker died");
    EXPECT_EQ(gone, (std::set(of_worker_1.begin(), of_worker_1.end())));
    EXPECT_EQ(service.attempts_made, before) << "the service is in the middle of telling";
    groups->tick();
    EXPECT_EQ(service.attempts_made, before + 2) << "both in one tick, without stagger";
    EXPECT_EQ(status().last_error, "worker died");
    EXPECT_EQ(usable_said.size(), 1U) << "it was usable all the time";
}

TEST_F(CircuitGroupsTest, LastCircuitsDeathIsSaid)
{
    groups->want(kRoute);
    groups->tick();
    const CircuitId only = service.succeed(0);
    run(seconds(7));
    groups->on_circuit_dead(only, "destroyed");
    ASSERT_EQ(usable_said.size(), 2U);
    EXPECT_FALSE(usable_said[1].second);
    EXPECT_FALSE(status().usable());
    clock.advance(seconds(3));
    EXPECT_EQ(status().in_state, seconds(3));
    groups->on_circuit_dead(only, "again");
    groups->on_circuit_dead(CircuitId(4711), "never ours");
    EXPECT_EQ(usable_said.size(), 2U);
}

TEST_F(CircuitGroupsTest, FailuresAreTriedAgainWithAGrowingPause)
{
    groups->want(kRoute);
    std::vector<std::size_t> made;
    for (int second = 0; second < 120; ++second) {
        for (int tick = 0; tick < 10; ++tick) {
            run(milliseconds(100));
            while (!service.attempts.empty())
                service.fail_oldest();
        }
        made.push_back(service.attempts_made);
    }
    EXPECT_GE(made[4], 3U) << "soon at first";
    const std::size_t last_minute = made[119] - made[59];
    EXPECT_GE(last_minute, 6U) << "it never gives up: at most 10 s between attempts, two at a time";
    EXPECT_LE(last_minute, 26U) << "at least 5 s between attempts";
    EXPECT_EQ(status().failed, service.attempts_made);
    EXPECT_FALSE(status().last_error.empty());
}

TEST_F(CircuitGroupsTest, SuccessEndsThePauses)
{
    groups->want(kRoute);
    for (int i = 0; i < 300; ++i) {
        run(milliseconds(100));
        while (!service.attempts.empty())
            service.fail_oldest();
    }
    while (service.attempts.empty())
        run(milliseconds(100));
    const CircuitId built = service.succeed(0);
    while (!service.attempts.empty())
        service.succeed(0);
    run(seconds(3));
    while (!service.attempts.empty())
        service.succeed(0);
    groups->on_circuit_dead(built, "destroyed");
    const std::size_t before = service.attempts_made;
    groups->tick();
    EXPECT_EQ(service.attempts_made, before + 1);
}

TEST_F(CircuitGroupsTest, NewCandidatesEndThePause)
{
    groups->want(kRoute);
    for (int i = 0; i < 300; ++i) {
        run(milliseconds(100));
        while (!service.attempts.empty())
            service.fail_oldest();
    }
    const std::size_t before = service.attempts_made;
    groups->on_sync();
    run(milliseconds(100));
    const std::size_t without_news = service.attempts_made;
    EXPECT_LE(without_news, before + 1);
    while (!service.attempts.empty())
        service.fail_oldest();
    service.state.share.add_candidates();
    groups->on_sync();
    groups->tick();
    run(milliseconds(1500)); // those that take turns
    EXPECT_GT(service.attempts_made, without_news);
}

TEST_F(CircuitGroupsTest, CircuitsThatDieAtOnceDoNotMakeUsBuildWithoutEnd)
{
    groups->want(kRoute);
    for (int i = 0; i < 100; ++i) { // ten seconds
        run(milliseconds(100));
        while (!service.attempts.empty())
            groups->on_circuit_dead(service.succeed(0), "destroyed");
        for (int burst = 0; burst < 20; ++burst) {
            groups->tick();
            while (!service.attempts.empty())
                groups->on_circuit_dead(service.succeed(0), "destroyed");
        }
    }
    EXPECT_LE(service.attempts_made, 8U + 2U * 10U) << "the burst and two a second";
    EXPECT_GE(service.attempts_made, 20U);
}

TEST_F(CircuitGroupsTest, ReleasedRouteLingersThenIsClosed)
{
    groups->want(kRoute);
    groups->want(kRoute);
    build_all();
    groups->release(kRoute);
    run(seconds(60));
    EXPECT_TRUE(service.closed.empty()) << "one user is left";
    groups->release(kRoute);
    run(seconds(9));
    EXPECT_TRUE(service.closed.empty());
    EXPECT_EQ(status().wanted, 0U);
    run(seconds(2));
    EXPECT_EQ(service.closed.size(), 2U);
    EXPECT_EQ(gone.size(), 2U);
    EXPECT_TRUE(groups->status().empty());
    groups->release(kRoute); // one too many is no harm
}

TEST_F(CircuitGroupsTest, WantedAgainInTimeKeepsItsCircuits)
{
    groups->want(kRoute);
    build_all();
    groups->release(kRoute);
    run(seconds(5));
    groups->want(kRoute);
    run(seconds(30));
    EXPECT_TRUE(service.closed.empty());
    EXPECT_EQ(service.attempts_made, 2U);
}

TEST_F(CircuitGroupsTest, CircuitThatComesTooLateIsClosed)
{
    groups->want(kRoute);
    groups->tick();
    groups->release(kRoute);
    run(seconds(11));
    groups->want(kRoute); // another life of the same route
    const CircuitId late = service.succeed(0);
    EXPECT_EQ(service.closed, std::vector{late});
    EXPECT_TRUE(ready.empty());
}

TEST_F(CircuitGroupsTest, RoutesAreIndependent)
{
    groups->want(kRoute);
    groups->want(kOther);
    groups->tick();
    ASSERT_EQ(service.attempts.size(), 2U);
    EXPECT_EQ(service.attempts[0].request.hops, 1) << "in route order";
    const CircuitId of_other = service.succeed(0);
    EXPECT_EQ(ready.at(of_other).first, kOther);
    EXPECT_EQ(groups->status().at(0).ready, 1U);
    EXPECT_EQ(groups->status().at(1).ready, 0U);
}

TEST_F(CircuitGroupsTest, LearnsTheWorkerFromALaterSnapshot)
{
    groups->want(kRoute);
    groups->tick();
    const CircuitId id(500);
    service.take().done(id);
    EXPECT_EQ(ready.at(id).second, CircuitGroups::kUnknownWorker);
    service.name_worker(id, 3);
    groups->on_sync();
    EXPECT_EQ(named.at(id), WorkerId(3));
}

TEST_F(CircuitGroupsTest, MoreWorkersGetMoreCircuits)
{
    service.workers = 1;
    groups->want(kRoute);
    build_all();
    EXPECT_EQ(status().ready, 2U);
    service.workers = 3;
    groups->on_sync();
    build_all();
    EXPECT_EQ(status().ready, 6U);
}

TEST_F(CircuitGroupsTest, AnswerAfterTheEndIsHarmless)
{
    groups->want(kRoute);
    groups->tick();
    groups.reset();
    service.succeed(0);
    EXPECT_TRUE(ready.empty());
}

} // namespace
} // namespace cepa::main
