#include "main/waiting.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

std::string building_text(const RouteStatus& route)
{
    std::string out = fmt::format("a circuit of {} hop{}", route.route.hops, route.route.hops == 1 ? "" : "s");
    if (!route.last_error.empty()) out += fmt::format(" (the last attempt: {})", route.last_error);
    return out;
}

} // namespace

std::string waiting_text(const RouteStatus& route, const proto::DiscoveryInfo& discovery, bool equal_prefixes)
{
    if (route.usable()) return {};
    if (discovery.peers() == 0) return "an answer of any node of the network: none was reachable so far";
    if (discovery.exits() == 0)
        return fmt::format("an exit: no exits known ({} nodes, {} relays)", discovery.peers(), discovery.relays());
    if (discovery.peers() < route.route.hops)
        return fmt::format("more nodes: {} hops need as many, {} known", route.route.hops, discovery.peers());
    if (!equal_prefixes && discovery.distinct_prefixes() < route.route.hops)
        return fmt::format(
            "nodes in more networks: no two of {} hops may share a /16, and all known are in {} (in a private "
            "network: network.allow_equal_prefixes)",
            route.route.hops, discovery.distinct_prefixes());
    return building_text(route);
}

std::string network_text(const proto::DiscoveryInfo& discovery)
{
    if (discovery.peers() == 0) return "no nodes known: only plain torrents (--hops 0) work";
    if (discovery.exits() == 0)
        return "no exits known: anonymous torrents reach hidden peers only; plain torrents (--hops 0) and relaying for "
               "others work";
    return {};
}

std::string reach_text(const proto::DiscoveryInfo& discovery, bool serves)
{
    if (discovery.translation() == proto::TRANSLATION_ADDRESS_DEPENDENT)
        return serves ? "behind an address translator that shows every node another port: only nodes that this one "
                        "spoke to first can use it; forward its UDP port on the router, or it will serve few"
                      : "behind an address translator that shows every node another port: downloads and hidden seeding "
                        "work, relaying would not";
    if (serves && discovery.translation() == proto::TRANSLATION_ENDPOINT_INDEPENDENT && !discovery.strangers_get_in())
        return "behind an address translator: others reach it by introductions; forwarding its UDP port on the router "
               "would make it easier";
    return {};
}

} // namespace cepa::main
