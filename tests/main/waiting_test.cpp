#include "main/waiting.hpp"

#include <gmock/gmock.h>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

RouteStatus waiting_route(std::uint8_t hops)
{
    RouteStatus route;
    route.route.hops = hops;
    route.in_state = std::chrono::seconds(12);
    return route;
}

proto::DiscoveryInfo known(std::uint32_t peers, std::uint32_t relays, std::uint32_t exits)
{
    proto::DiscoveryInfo out;
    out.set_peers(peers);
    out.set_relays(relays);
    out.set_exits(exits);
    out.set_distinct_prefixes(1);
    return out;
}

} // namespace

TEST(Waiting, ARouteThatCarriesTrafficWaitsForNothing)
{
    RouteStatus route = waiting_route(3);
    route.ready = 1;
    EXPECT_EQ(waiting_text(route, known(0, 0, 0), true), "");
}

TEST(Waiting, EachStepIsNamed)
{
    EXPECT_EQ(waiting_text(waiting_route(3), known(0, 0, 0), true),
              "an answer of any node of the network: none was reachable so far");
    EXPECT_EQ(waiting_text(waiting_route(3), known(4, 4, 0), true), "an exit: no exits known (4 nodes, 4 relays)");
    EXPECT_EQ(waiting_text(waiting_route(3), known(2, 2, 1), true), "more nodes: 3 hops need as many, 2 known");
    RouteStatus building = waiting_route(2);
    EXPECT_EQ(waiting_text(building, known(5, 4, 1), true), "a circuit of 2 hops");
    building.last_error = "timed out";
    EXPECT_EQ(waiting_text(building, known(5, 4, 1), true), "a circuit of 2 hops (the last attempt: timed out)");
    EXPECT_EQ(waiting_text(waiting_route(1), known(1, 0, 1), true), "a circuit of 1 hop");
}

TEST(Waiting, TheTextStaysWhileTheTimePasses)
{
    RouteStatus route = waiting_route(3);
    const std::string first = waiting_text(route, known(0, 0, 0), true);
    route.in_state += std::chrono::seconds(5);
    ++route.failed;
    EXPECT_EQ(waiting_text(route, known(0, 0, 0), true), first);
}

TEST(Waiting, StatusSaysWhatWorksWithout)
{
    EXPECT_THAT(network_text(known(0, 0, 0)), HasSubstr("only plain torrents"));
    EXPECT_THAT(network_text(known(3, 3, 0)), HasSubstr("no exits known"));
    EXPECT_THAT(network_text(known(3, 3, 0)), HasSubstr("plain torrents"));
    EXPECT_THAT(network_text(known(3, 3, 0)), HasSubstr("hidden peers only"));
    EXPECT_EQ(network_text(known(3, 2, 1)), "");
}

TEST(Waiting, SaysWhatATranslatorKeepsOthersFrom)
{
    proto::DiscoveryInfo info = known(3, 2, 1);
    EXPECT_EQ(reach_text(info, true), "");
    info.set_translation(proto::TRANSLATION_ENDPOINT_INDEPENDENT);
    EXPECT_EQ(reach_text(info, false), "");
    EXPECT_THAT(reach_text(info, true), HasSubstr("by introductions"));
    info.set_strangers_get_in(true);
    EXPECT_EQ(reach_text(info, true), "") << "a forwarded port";
    info.set_translation(proto::TRANSLATION_ADDRESS_DEPENDENT);
    EXPECT_THAT(reach_text(info, true), HasSubstr("serve few"));
    EXPECT_THAT(reach_text(info, false), HasSubstr("downloads and hidden seeding work"));
}

TEST(Waiting, HopsInOneNetworkAreNamed)
{
    EXPECT_THAT(waiting_text(waiting_route(2), known(5, 4, 1), false), HasSubstr("network.allow_equal_prefixes"));
    EXPECT_THAT(waiting_text(waiting_route(1), known(5, 4, 1), false), HasSubstr("a circuit of 1 hop"));
}
