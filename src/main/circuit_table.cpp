#include "main/circuit_table.hpp"

#include <algorithm>

namespace cepa::main {

bool CircuitTable::add(CircuitId circuit, WorkerId worker, bool hidden)
{
    const bool added = owners_.emplace(circuit, worker).second;
    if (added) ++counts_[worker];
    if (added && hidden) hidden_.insert(circuit);
    return added;
}

std::optional<WorkerId> CircuitTable::remove(CircuitId circuit)
{
    const auto found = owners_.extract(circuit);
    if (found.empty()) return std::nullopt;
    hidden_.erase(circuit);
    --counts_[found.mapped()];
    return found.mapped();
}

std::vector<CircuitId> CircuitTable::remove_all(WorkerId worker)
{
    std::vector<CircuitId> out;
    for (const auto& [circuit, owner] : owners_)
        if (owner == worker) out.push_back(circuit);
    for (const CircuitId circuit : out) {
        owners_.erase(circuit);
        hidden_.erase(circuit);
    }
    counts_.erase(worker);
    pending_.erase(worker);
    return out;
}

std::optional<WorkerId> CircuitTable::owner(CircuitId circuit) const
{
    const auto found = owners_.find(circuit);
    return found == owners_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t CircuitTable::count(WorkerId worker) const
{
    const auto found = counts_.find(worker);
    return found == counts_.end() ? 0 : found->second;
}

std::size_t CircuitTable::hidden_count(WorkerId worker) const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(hidden_, [&](CircuitId circuit) { return owner(circuit) == worker; }));
}

void CircuitTable::end_pending(WorkerId worker)
{
    const auto found = pending_.find(worker);
    if (found != pending_.end() && found->second > 0) --found->second;
}

std::size_t CircuitTable::load(WorkerId worker) const
{
    const auto found = pending_.find(worker);
    return count(worker) + (found == pending_.end() ? 0 : found->second);
}

std::optional<WorkerId> CircuitTable::least_loaded(std::span<const WorkerId> usable) const
{
    const auto best = std::ranges::min_element(usable, {}, [this](WorkerId worker) { return load(worker); });
    return best == usable.end() ? std::nullopt : std::optional(*best);
}

} // namespace cepa::main
