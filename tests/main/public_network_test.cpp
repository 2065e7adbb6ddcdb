// Only the user's explicit choice reaches the public network: the addresses stand in one file, nobody else knows them,
// and asking for them without the choice ends the process.
#include "main/public_network.hpp"

#include <gtest/gtest.h>

using namespace cepa;
using namespace cepa::main;

TEST(PublicNetwork, TheChoiceGivesTheServers)
{
    const auto servers = public_bootstrap_servers(Join::public_network);
    EXPECT_EQ(servers.size(), 13u);
    EXPECT_EQ(servers.front().to_string(), "130.161.119.206:6421");
    EXPECT_EQ(servers.back().to_string(), "130.161.119.201:6528");
    for (const Endpoint& server : servers)
        EXPECT_TRUE(server.ip.is_global_unicast()) << server.to_string();
}

TEST(PublicNetworkDeathTest, WithoutTheChoiceTheProcessEnds)
{
    EXPECT_DEATH((void)public_bootstrap_servers(Join::private_network), "");
    EXPECT_DEATH((void)public_bootstrap_servers(Settings{}.join), "");
}
