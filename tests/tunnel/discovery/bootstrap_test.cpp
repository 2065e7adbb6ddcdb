#include "tunnel/discovery/bootstrap.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

const std::vector<Endpoint> kServers{*Endpoint::parse("10.9.0.1:6421"), *Endpoint::parse("10.9.0.2:6421")};

TEST(Bootstrap, AsksAllServersAtMostEveryHalfMinute)
{
    Bootstrap bootstrap(kServers);
    const TimePoint start{1h};
    EXPECT_EQ(bootstrap.due(start, false), kServers);
    EXPECT_TRUE(bootstrap.due(start + 29s, false).empty());
    EXPECT_EQ(bootstrap.due(start + 30s, false), kServers);
}

TEST(Bootstrap, AsksNobodyWhileThereArePeers)
{
    Bootstrap bootstrap(kServers);
    EXPECT_TRUE(bootstrap.due(TimePoint{1h}, true).empty());
    EXPECT_EQ(bootstrap.due(TimePoint{1h}, false), kServers);
}

TEST(Bootstrap, KnowsItsServersAndNoOther)
{
    const Bootstrap bootstrap(kServers);
    EXPECT_TRUE(bootstrap.is_server(kServers[1]));
    EXPECT_FALSE(bootstrap.is_server(*Endpoint::parse("10.9.0.2:6422")));
    Bootstrap none({});
    EXPECT_TRUE(none.due(TimePoint{1h}, false).empty());
}

TEST(Bootstrap, HoldsABoundedList)
{
    Bootstrap bootstrap(std::vector<Endpoint>(1000, kServers[0]));
    EXPECT_EQ(bootstrap.due(TimePoint{1h}, false).size(), Bootstrap::kMaxServers);
}

} // namespace
} // namespace cepa::tunnel
