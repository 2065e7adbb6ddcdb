#include "main/hidden_waiting.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

class HiddenWaitingTest : public testing::Test {
protected:
    HiddenWaitingTest()
    {
        discovery.set_peers(5);
        discovery.set_distinct_prefixes(5);
    }
    HiddenOutlook outlook(unsigned hops, bool can_search = true) const
    {
        return {swarm, discovery, hops, false, can_search, false};
    }
    proto::SwarmInfo swarm;
    proto::DiscoveryInfo discovery;
};

TEST_F(HiddenWaitingTest, ASearchThatNeverLeftIsNotSaidToBeUnanswered)
{
    EXPECT_EQ(download_wait(outlook(2, false)), "a circuit of 2 hops to search for hidden seeders");
    EXPECT_EQ(download_wait(outlook(1, false)), "a circuit of 1 hop to search for hidden seeders");
    EXPECT_EQ(download_wait(outlook(2)), "hidden seeders: the first search was not answered yet");
    discovery.set_peers(3);
    EXPECT_EQ(download_wait(outlook(4)), "more nodes: a search for hidden seeders needs 4 nodes in a row, 3 known");
    discovery.set_peers(0);
    EXPECT_EQ(download_wait(outlook(2)), "an answer of any node of the network: none was reachable so far");
}

TEST_F(HiddenWaitingTest, ANetworkInOnePrefixIsNamedUnlessThatIsAllowed)
{
    discovery.set_distinct_prefixes(1);
    EXPECT_NE(download_wait(outlook(2)).find("network.allow_equal_prefixes"), std::string::npos);
    EXPECT_NE(findable_wait(outlook(1)).find("network.allow_equal_prefixes"), std::string::npos);
    EXPECT_EQ(download_wait({swarm, discovery, 2, true, true, false}),
              "hidden seeders: the first search was not answered yet");
}

TEST_F(HiddenWaitingTest, WhatALinkNeeds)
{
    swarm.set_looked_up_ms(3000);
    EXPECT_EQ(download_wait(outlook(2)), "a hidden seeder: none found yet (last search 3.0s ago)");
    swarm.set_seeders_found(1);
    EXPECT_EQ(download_wait(outlook(2)), "a link with 1 hidden seeder");
    swarm.set_linking(2);
    EXPECT_EQ(download_wait(outlook(2)), "a link with 1 hidden seeder (2 under way)");
    discovery.set_peers(3);
    EXPECT_EQ(download_wait(outlook(3)), "a link with 1 hidden seeder: it needs 4 nodes in a row, 3 known");
    swarm.set_links(2);
    EXPECT_EQ(download_wait(outlook(3)), "an answer of 2 hidden seeders, linked");
}

TEST_F(HiddenWaitingTest, WhatASeedNeedsToBeFound)
{
    EXPECT_EQ(findable_wait(outlook(2)), "an introduction point: nobody finds it without one");
    discovery.set_peers(3);
    EXPECT_EQ(findable_wait(outlook(3)), "more nodes: introduction points need 4 nodes in a row, 3 known");
    discovery.set_peers(0);
    EXPECT_NE(findable_wait({swarm, discovery, 2, false, true, true}).find("any more"), std::string::npos);
    swarm.set_introduction_points(1);
    EXPECT_EQ(findable_wait(outlook(3)), "");
}

TEST_F(HiddenWaitingTest, WhatStandsInBracketsIsTheSameWait)
{
    EXPECT_TRUE(same_wait("a seeder: none (last search 3.0s ago)", "a seeder: none (last search 0.5s ago)"));
    EXPECT_FALSE(same_wait("a seeder: none (last search 3.0s ago)", "a link (last search 3.0s ago)"));
    EXPECT_FALSE(same_wait("a (b) c", "a (b) d"));
    EXPECT_TRUE(same_wait("", ""));
}

} // namespace
} // namespace cepa::main
