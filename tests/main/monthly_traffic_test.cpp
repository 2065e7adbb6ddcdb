#include "main/monthly_traffic.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;

namespace {

std::map<std::uint32_t, proto::WorkerInfo> workers(std::initializer_list<std::pair<std::uint32_t, std::uint64_t>> bytes)
{
    std::map<std::uint32_t, proto::WorkerInfo> out;
    for (const auto& [id, count] : bytes) {
        out[id].set_relayed_bytes(count / 2);
        out[id].set_exited_bytes(count - count / 2);
    }
    return out;
}

} // namespace

TEST(MonthlyTraffic, SumsWhatCameSinceTheLastCall)
{
    MonthlyTraffic traffic("2026-11", 1000);
    traffic.update(workers({{0, 10}, {1, 20}}), "2026-11");
    EXPECT_EQ(traffic.bytes(), 1030u);
    traffic.update(workers({{0, 15}, {1, 20}}), "2026-11");
    EXPECT_EQ(traffic.bytes(), 1035u);
}

TEST(MonthlyTraffic, ACounterThatFellBelongsToANewProcess)
{
    MonthlyTraffic traffic("2026-11", 0);
    traffic.update(workers({{0, 100}}), "2026-11");
    traffic.update(workers({{0, 7}}), "2026-11");
    EXPECT_EQ(traffic.bytes(), 107u);
}

TEST(MonthlyTraffic, ANewMonthBeginsAnew)
{
    MonthlyTraffic traffic("2026-11", 5000);
    traffic.update(workers({{0, 100}}), "2026-11");
    EXPECT_TRUE(traffic.update(workers({{0, 130}}), "2026-12")) << "said once";
    EXPECT_FALSE(traffic.update(workers({{0, 130}}), "2026-12"));
    EXPECT_EQ(traffic.bytes(), 30u);
    EXPECT_EQ(traffic.month(), "2026-12");
}

TEST(MonthlyTraffic, TheMonthIsAYearAndAMonth)
{
    const std::string month = current_month();
    ASSERT_EQ(month.size(), 7u);
    EXPECT_EQ(month[4], '-');
}
