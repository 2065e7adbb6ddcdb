#include "main/route_flows.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

const WorkerId kFirst{0};
const WorkerId kSecond{1};

struct RouteFlowsTest : testing::Test {
    RouteFlows route{Route{3, GroupId(1)}, 16, 1};
};

TEST_F(RouteFlowsTest, PicksTheWorkerWithTheFewestFlowsAndThereTheCircuit)
{
    EXPECT_EQ(route.pick(std::nullopt), kNoCircuit);
    const CircuitIndex a = route.add(CircuitId(1), kFirst);
    const CircuitIndex b = route.add(CircuitId(2), kFirst);
    const CircuitIndex c = route.add(CircuitId(3), kSecond);
    route.circuits[a].flows = 1;
    route.circuits[c].flows = 2;
    EXPECT_EQ(route.pick(std::nullopt), b);
    route.circuits[b].flows = 3;
    EXPECT_EQ(route.pick(std::nullopt), c);
    EXPECT_EQ(route.pick(kSecond), a) << "not on the second";
}

TEST_F(RouteFlowsTest, ARetiringOneIsTheLastChoice)
{
    const CircuitIndex a = route.add(CircuitId(1), kFirst);
    const CircuitIndex b = route.add(CircuitId(2), kSecond);
    route.circuits[b].flows = 9;
    route.circuits[a].retiring = true;
    EXPECT_EQ(route.pick(std::nullopt), b);
    EXPECT_EQ(route.pick(kSecond), b);
    route.circuits[b].alive = false;
    EXPECT_EQ(route.pick(std::nullopt), a);
}

TEST_F(RouteFlowsTest, CircuitsOfUnknownWorkersCountAlone)
{
    const CircuitIndex a = route.add(CircuitId(1), kUnknownWorker);
    const CircuitIndex b = route.add(CircuitId(2), kUnknownWorker);
    route.circuits[a].flows = 4;
    route.circuits[b].flows = 2;
    EXPECT_EQ(route.worker_flows(route.circuits[a]), 4U);
    EXPECT_EQ(route.pick(std::nullopt), b);
}

TEST_F(RouteFlowsTest, APlaceIsUsedAgainAndFlowsAreCounted)
{
    const CircuitIndex a = route.add(CircuitId(1), kFirst);
    const CircuitIndex b = route.add(CircuitId(2), kSecond);
    Flow flow;
    route.attach(flow, a);
    route.attach(flow, b);
    EXPECT_EQ(route.circuits[a].flows, 0U);
    EXPECT_EQ(route.circuits[b].flows, 1U);
    EXPECT_FALSE(route.unused());
    route.circuits[a].alive = false;
    EXPECT_EQ(route.add(CircuitId(3), kFirst), a);
    route.circuits[a].alive = route.circuits[b].alive = false;
    route.detach(flow); // of a dead one nothing is counted
    EXPECT_TRUE(route.unused());
}

} // namespace
} // namespace cepa::main
