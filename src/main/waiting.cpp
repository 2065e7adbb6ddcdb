#include "main/waiting.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

std::string building_text(const RouteStatus& route)
{
    std::string out = fmt::format("building a circuit of {} hop{}", route.route.hops, route.route.hops == 1 ? "" : "s");
    if (route.failed > 0) out += fmt::format(", {} attempt{} failed", route.failed, route.failed == 1 ? "" : "s");
    if (!route.last_error.empty()) out += fmt::format(" (last: {})", route.last_error);
    return out;
}

} // namespace

std::string waiting_text(const RouteStatus& route, const proto::DiscoveryInfo& discovery)
{
    if (route.usable()) return {};
    std::string out;
    if (discovery.peers() == 0)
        out = discovery.bootstrapping() ? "no node of the network known yet: asking the bootstrap servers"
                                        : "no node of the network reachable: waiting for an answer of the named peers";
    else if (discovery.exits() == 0)
        out = fmt::format("no exits known ({} nodes, {} relays)", discovery.peers(), discovery.relays());
    else if (route.route.hops > 1 && discovery.relays() + discovery.exits() < route.route.hops)
        out = fmt::format("too few nodes for {} hops: {} relays and {} exits known", route.route.hops, discovery.relays(), discovery.exits());
    else
        out = building_text(route);
    return fmt::format("{}, for {}", out, format_duration(route.in_state));
}

std::string network_text(const proto::DiscoveryInfo& discovery)
{
    if (discovery.peers() == 0) return "no nodes known: only plain torrents (--hops 0) work";
    if (discovery.exits() == 0) return "no exits known: anonymous torrents wait; plain torrents (--hops 0) and relaying for others work";
    return fmt::format("{} relays and {} exits known, in {} networks (/16)", discovery.relays(), discovery.exits(), discovery.distinct_prefixes());
}

} // namespace cepa::main
