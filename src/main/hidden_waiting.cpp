#include "main/hidden_waiting.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

namespace cepa::main {
namespace {

std::string hidden_seeders(std::uint32_t n)
{
    return fmt::format("{} hidden seeder{}", n, n == 1 ? "" : "s");
}

/// Why there can be no circuit of so many nodes; empty: nothing that is known is against it.
std::string too_few_nodes(const HiddenOutlook& outlook, unsigned in_a_row)
{
    const proto::DiscoveryInfo& known = outlook.discovery;
    if (known.peers() < in_a_row) return fmt::format("{} nodes in a row, {} known", in_a_row, known.peers());
    if (outlook.equal_prefixes || known.distinct_prefixes() >= in_a_row) return {};
    return fmt::format("{} nodes in a row with no two in one /16, and all known are in {} (in a private network: "
                       "network.allow_equal_prefixes)",
                       in_a_row, known.distinct_prefixes());
}

/// Outside of brackets, which are not nested.
std::string outside_brackets(const std::string& text)
{
    std::string out;
    bool inside = false;
    for (const char c : text) {
        if (c == '(') inside = true;
        if (!inside) out += c;
        if (c == ')') inside = false;
    }
    return out;
}

} // namespace

std::string download_wait(const HiddenOutlook& outlook)
{
    const proto::SwarmInfo& swarm = outlook.swarm;
    if (outlook.discovery.peers() == 0) return "an answer of any node of the network: none was reachable so far";
    if (swarm.links() > 0) return fmt::format("an answer of {}, linked", hidden_seeders(swarm.links()));
    if (const std::string few = too_few_nodes(outlook, outlook.hops); !few.empty())
        return "more nodes: a search for hidden seeders needs " + few;
    if (swarm.seeders_found() > 0) {
        if (const std::string few = too_few_nodes(outlook, outlook.hops + 1); !few.empty())
            return fmt::format("a link with {}: it needs {}", hidden_seeders(swarm.seeders_found()), few);
        const std::string made = swarm.linking() > 0 ? fmt::format(" ({} under way)", swarm.linking()) : "";
        return fmt::format("a link with {}{}", hidden_seeders(swarm.seeders_found()), made);
    }
    if (swarm.has_looked_up_ms())
        return fmt::format("a hidden seeder: none found yet (last search {} ago)",
                           format_duration(static_cast<double>(swarm.looked_up_ms()) / 1e3));
    if (!outlook.can_search)
        return fmt::format("a circuit of {} hop{} to search for hidden seeders", outlook.hops,
                           outlook.hops == 1 ? "" : "s");
    return "hidden seeders: the first search was not answered yet";
}

std::string findable_wait(const HiddenOutlook& outlook)
{
    if (outlook.swarm.introduction_points() > 0) return {};
    if (outlook.discovery.peers() == 0)
        return outlook.was_findable ? "an answer of any node of the network: none is reachable any more"
                                    : "an answer of any node of the network: none was reachable so far";
    if (const std::string few = too_few_nodes(outlook, outlook.hops + 1); !few.empty())
        return "more nodes: introduction points need " + few;
    return "an introduction point: nobody finds it without one";
}

bool same_wait(const std::string& a, const std::string& b)
{
    return outside_brackets(a) == outside_brackets(b);
}

} // namespace cepa::main
