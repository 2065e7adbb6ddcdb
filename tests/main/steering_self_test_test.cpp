#include "main/steering_self_test.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

struct SteeringSelfTest : testing::Test {
    OverlayPrefix prefix = overlay_prefix(as_bytes("0123456789abcdefghij"));
    PortGroup group = std::move(*PortGroup::open(*Endpoint::parse("127.0.0.1:0"), 4, prefix));
};

TEST_F(SteeringSelfTest, PassesWhereTheKernelSteers) { EXPECT_EQ(steering_fault(group), ""); }

TEST_F(SteeringSelfTest, PassesWhenBoundToAllAddresses)
{
    auto all = PortGroup::open(*Endpoint::parse("0.0.0.0:0"), 2, prefix);
    ASSERT_TRUE(all);
    EXPECT_EQ(steering_fault(*all), "");
}

TEST_F(SteeringSelfTest, SeesAProgramThatIsNotTheTables)
{
    ASSERT_TRUE(group.steer(proto::SlotTable::make(1, 3, 4)));
    const std::string fault = steering_fault(group, proto::SlotTable::make(5, 7, 4));
    EXPECT_NE(fault.find("did not arrive"), std::string::npos) << fault;
}

} // namespace
} // namespace cepa::main
