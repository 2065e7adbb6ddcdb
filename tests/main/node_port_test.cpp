#include "main/node_port.hpp"

#include "support/loop.hpp"
#include "support/loopback.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

struct NodePortTest : testing::Test {
    boost::asio::io_context io;
    NodePortPlan plan{*Endpoint::parse("127.0.0.1:0"), 3, overlay_prefix(as_bytes("0123456789abcdefghij")), false};

    Result<std::unique_ptr<NodePort>> open()
    {
        return NodePort::open(io, plan, [](WorkerId) { return nullptr; });
    }
};

TEST_F(NodePortTest, TheKernelSteersWhereItCan)
{
    const auto port = open();
    ASSERT_TRUE(port);
    EXPECT_EQ((*port)->description(), "reuseport");
    EXPECT_EQ((*port)->front(), nullptr);
    EXPECT_GE((*port)->socket(WorkerId(2)), 0);
    EXPECT_NE((*port)->endpoint().port, 0);
    EXPECT_TRUE((*port)->steer(proto::SlotTable::make(1, 1, 3)));
}

TEST_F(NodePortTest, ASettingForcesTheFrontProcess)
{
    plan.force_front_process = true;
    const auto port = open();
    ASSERT_TRUE(port);
    EXPECT_EQ((*port)->description(), "front process: forced by a setting");
    ASSERT_NE((*port)->front(), nullptr);
    EXPECT_EQ((*port)->socket(WorkerId(0)), -1);
    EXPECT_TRUE((*port)->steer(proto::SlotTable::make(1, 1, 3)));
    const test::UdpClient peer;
    peer.send((*port)->endpoint(), as_bytes("hello"));
    EXPECT_TRUE(test::run_until(io, [&] { return (*port)->front()->undeliverable() == 1; }));
}

TEST_F(NodePortTest, APortInUseIsAnErrorEitherWay)
{
    const auto first = open();
    ASSERT_TRUE(first);
    plan.listen = (*first)->endpoint();
    for (const bool front : {false, true}) {
        plan.force_front_process = front;
        const auto second = open();
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
    }
}

} // namespace
} // namespace cepa::main
