#include "main/commands/demo_hidden.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(DemoHiddenTest, CountsWhatWentAroundTheCircuits)
{
    const std::map<std::string, std::set<std::string>> first_hops{{"S", {"r1"}}, {"D", {"r2"}}};
    SentCounts sent{{{"S", "r1"}, {10, 9, 0}}, {{"D", "r2"}, {10, 9, 0}}, {{"S", "r2"}, {3, 0, 3}}};
    EXPECT_EQ(hidden_counts(sent, "S", "D", first_hops).direct_packets, 0U);
    EXPECT_EQ(hidden_counts(sent, "S", "D", first_hops).beyond_first_hop, 0U) << "discovery is no cell";
    sent[{"S", "r2"}].cells = 2;
    EXPECT_EQ(hidden_counts(sent, "S", "D", first_hops).beyond_first_hop, 2U);
    sent[{"D", "S"}] = {6, 0, 2};
    sent[{"S", "D"}] = {1, 0, 0};
    EXPECT_EQ(hidden_counts(sent, "S", "D", first_hops).direct_packets, 7U);
    EXPECT_EQ(hidden_counts(sent, "S", "D", {}).beyond_first_hop, 20U) << "of whom nothing is known all is beyond";
}

} // namespace
} // namespace cepa::main
