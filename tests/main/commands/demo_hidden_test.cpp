#include "main/commands/demo_hidden.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(DemoHiddenTest, CountsWhatWentAroundTheCircuits)
{
    const std::map<std::string, std::set<std::string>> first_hops{{"S", {"r1"}}, {"D", {"r2"}}};
    const std::set<std::string> relays{"r1", "r2"};
    SentCounts sent{{{"S", "r1"}, {10, 9, 1}},
                    {{"D", "r2"}, {10, 9, 1}},
                    {{"S", "r2"}, {3, 0, 3}},
                    {{"r1", "S"}, {9, 9, 0}},
                    {{"S", "S"}, {256, 256, 0}}};
    const auto counts = [&] { return hidden_counts(sent, "S", "D", first_hops, relays); };
    EXPECT_EQ(counts().direct_packets, 0U);
    EXPECT_EQ(counts().beyond_first_hop, 0U) << "talk is no cell";
    EXPECT_EQ(counts().other_packets, 0U);
    sent[{"S", "r2"}].cells = 2;
    sent[{"S", "r2"}].talk = 1;
    EXPECT_EQ(counts().beyond_first_hop, 2U);
    sent[{"S", "r1"}].packets = 14;
    EXPECT_EQ(counts().other_packets, 4U);
    EXPECT_EQ(hidden_counts(sent, "S", "D", {}, relays).beyond_first_hop, 20U)
        << "of whom nothing is known all is beyond";
}

TEST(DemoHiddenTest, APacketBetweenTheTwoCountsFromWhateverAddressItCame)
{
    const std::set<std::string> relays{"r"};
    for (const auto& [from, to] :
         {std::pair{"S", "D"}, {"D", "S"}, {"elsewhere", "D"}, {"elsewhere", "S"}, {"S", "elsewhere"}}) {
        const SentCounts sent{{{from, to}, {5, 0, 2}}};
        EXPECT_EQ(hidden_counts(sent, "S", "D", {}, relays).direct_packets, 5U) << from << " to " << to;
    }
}

} // namespace
} // namespace cepa::main
