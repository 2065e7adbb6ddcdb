#include "main/traffic_meter.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(TrafficMeter, SumsTheWorkersTotalsAcrossDeaths)
{
    TrafficMeter meter;
    meter.on_total(WorkerId(0), 100);
    meter.on_total(WorkerId(1), 50);
    meter.on_total(WorkerId(0), 130);
    EXPECT_EQ(meter.total(), 180U);
    meter.on_worker_end(WorkerId(0));
    meter.on_total(WorkerId(0), 10);
    EXPECT_EQ(meter.total(), 190U);
}

TEST(TrafficMeter, ATotalThatShrinksIsIgnored)
{
    TrafficMeter meter;
    meter.on_total(WorkerId(0), 100);
    meter.on_total(WorkerId(0), 10);
    meter.on_total(WorkerId(0), 101);
    EXPECT_EQ(meter.total(), 101U);
}

} // namespace
} // namespace cepa::main
