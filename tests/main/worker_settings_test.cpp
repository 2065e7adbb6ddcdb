#include "main/worker_settings.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(WorkerSettings, LimitsOfTheNodeAreSplit)
{
    proto::NodeSettings node;
    node.set_relay_rate_bytes_per_s(1000);
    node.set_exit_rate_bytes_per_s(3);
    node.set_max_joined_circuits(400);
    node.set_exit_destination_rate_bytes_per_s(4 << 20);
    node.set_exit_fan_out_per_min(600);
    const auto one = settings_of_one(node, 4, 0);
    EXPECT_EQ(one.relay_rate_bytes_per_s(), 250U);
    EXPECT_EQ(one.exit_rate_bytes_per_s(), 1U) << "0 would lift the limit";
    EXPECT_EQ(one.max_joined_circuits(), 100U);
    EXPECT_EQ(one.exit_destination_rate_bytes_per_s(), 1U << 20);
    EXPECT_EQ(one.workers(), 4U);
    EXPECT_EQ(one.exit_fan_out_per_min(), 600U) << "of one circuit";
}

TEST(WorkerSettings, ManyWorkersHaveRoomForAnHonestNeighbourEach)
{
    proto::NodeSettings node;
    node.set_max_joined_circuits(100);
    node.set_exit_destination_rate_bytes_per_s(4 << 20);
    EXPECT_EQ(settings_of_one(node, 16, 0).max_joined_circuits(), 32U);
    EXPECT_EQ(settings_of_one(node, 16, 0).exit_destination_rate_bytes_per_s(), 512U * 1024);
    node.set_max_joined_circuits(10);
    node.set_exit_destination_rate_bytes_per_s(1000);
    EXPECT_EQ(settings_of_one(node, 16, 0).max_joined_circuits(), 10U) << "never more than the node's";
    EXPECT_EQ(settings_of_one(node, 16, 0).exit_destination_rate_bytes_per_s(), 1000U);
}

TEST(WorkerSettings, NoLimitStaysNone)
{
    const auto one = settings_of_one({}, 4, 12345);
    EXPECT_EQ(one.relay_rate_bytes_per_s(), 0U);
    EXPECT_EQ(one.exit_rate_bytes_per_s(), 0U);
    EXPECT_EQ(one.month_bytes(), 0U);
}

TEST(WorkerSettings, WhatIsLeftOfTheMonthIsSplit)
{
    proto::NodeSettings node;
    node.set_month_bytes(1000);
    node.set_month_bytes_used(200);
    const auto one = settings_of_one(node, 4, 400);
    EXPECT_EQ(one.month_bytes() - one.month_bytes_used(), 100U);
    const auto none = settings_of_one(node, 4, 100000);
    EXPECT_EQ(none.month_bytes(), none.month_bytes_used());
    EXPECT_NE(none.month_bytes(), 0U) << "a cap that is reached stays a cap";
}

TEST(WorkerSettings, RolesThatServeOthers)
{
    proto::NodeSettings node;
    EXPECT_FALSE(serves_others(node));
    node.set_exit_ipv8(true);
    EXPECT_TRUE(serves_others(node));
    node.Clear();
    node.set_relay(true);
    EXPECT_TRUE(serves_others(node));
}

TEST(LimitsOfOne, AreThoseOfItsSettings)
{
    proto::NodeSettings node;
    node.set_relay_rate_bytes_per_s(1000);
    node.set_exit_rate_bytes_per_s(500);
    node.set_max_joined_circuits(400);
    EXPECT_FALSE(limits_of_one(node, 4, 0).has_month_bytes_left()) << "no cap is not a cap of nothing";
    node.set_month_bytes(10'000);
    node.set_month_bytes_used(1000);
    const proto::Limits limits = limits_of_one(node, 4, 1000);
    EXPECT_EQ(limits.relay_rate_bytes_per_s(), 250U);
    EXPECT_EQ(limits.exit_rate_bytes_per_s(), 125U);
    EXPECT_EQ(limits.max_joined_circuits(), 100U);
    EXPECT_EQ(limits.month_bytes_left(), 2000U);
    EXPECT_EQ(limits_of_one(node, 4, 1'000'000).month_bytes_left(), 0U);
    EXPECT_TRUE(limits_of_one(node, 4, 1'000'000).has_month_bytes_left());
}

} // namespace
} // namespace cepa::main
