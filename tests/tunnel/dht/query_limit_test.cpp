#include "support/dht_net.hpp"
#include "tunnel/dht/query_limit.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(DhtQueryLimit, CountsEachNodeForItself)
{
    DhtQueryLimit limit(3);
    const TimePoint start{1h};
    const Endpoint a = test::dht::address_number(1);
    const Endpoint b = test::dht::address_number(2);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(limit.admit(a, start));
    EXPECT_FALSE(limit.admit(a, start + 4s));
    EXPECT_TRUE(limit.admit(b, start + 4s));
    EXPECT_TRUE(limit.admit(a, start + 5s));
}

TEST(DhtQueryLimit, ManyNodesDoNotMakeItGrow)
{
    DhtQueryLimit limit(3);
    for (std::uint32_t i = 0; i < 10'000; ++i)
        EXPECT_TRUE(limit.admit({IpAddress::v4(i + 1), 1}, TimePoint{1h})); // who is not counted is not shut out
    EXPECT_EQ(limit.size(), DhtQueryLimit::kMostNodes);
    EXPECT_TRUE(limit.admit({IpAddress::v4(77'777), 1}, TimePoint{1h} + 5s));
    EXPECT_EQ(limit.size(), 1U);
}

} // namespace
} // namespace cepa::tunnel
