#include "main/route_flows.hpp"

#include <algorithm>
#include <tuple>

namespace cepa::main {

std::uint32_t RouteFlows::worker_flows(const RouteCircuit& of) const noexcept
{
    if (of.worker == kUnknownWorker) return of.flows;
    std::uint32_t sum = 0;
    for (const RouteCircuit& c : circuits)
        if (c.alive && c.worker == of.worker) sum += c.flows;
    return sum;
}

CircuitIndex RouteFlows::pick(std::optional<WorkerId> not_on) const noexcept
{
    CircuitIndex best = kNoCircuit;
    std::tuple<bool, bool, std::uint32_t, std::uint32_t> least;
    for (std::size_t i = 0; i < circuits.size(); ++i) {
        const RouteCircuit& c = circuits[i];
        if (!c.alive) continue;
        const std::tuple load{c.retiring, not_on && c.worker == *not_on, worker_flows(c), c.flows};
        if (best != kNoCircuit && least <= load) continue;
        best = static_cast<CircuitIndex>(i);
        least = load;
    }
    return best;
}

void RouteFlows::detach(const Flow& flow) noexcept
{
    if (is_alive(flow.circuit)) --circuits[flow.circuit].flows;
}

void RouteFlows::attach(Flow& flow, CircuitIndex index) noexcept
{
    detach(flow);
    flow.circuit = index;
    if (index != kNoCircuit) ++circuits[index].flows;
}

CircuitIndex RouteFlows::add(CircuitId id, WorkerId worker)
{
    auto place = std::ranges::find(circuits, false, &RouteCircuit::alive);
    if (place == circuits.end()) place = circuits.insert(place, RouteCircuit{});
    *place = {id, worker, 0, {}, true, false};
    return static_cast<CircuitIndex>(place - circuits.begin());
}

bool RouteFlows::unused() const noexcept
{
    return associations == 0 && hidden == 0 && flows.size() == 0 &&
           std::ranges::none_of(circuits, &RouteCircuit::alive);
}

} // namespace cepa::main
