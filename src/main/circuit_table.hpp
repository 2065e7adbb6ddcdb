// Which worker carries which of our circuits, and how many each has. Pure. Process: main.
#pragma once

#include "base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cepa::main {

class CircuitTable {
public:
    /// False, and nothing is changed, when the id is taken already. `hidden`: it leads to the other end of a hidden
    /// swarm.
    [[nodiscard]] bool add(CircuitId circuit, WorkerId worker, bool hidden = false);
    /// The worker it was on; nullopt when it is not there.
    std::optional<WorkerId> remove(CircuitId circuit);
    /// Removes all circuits of a worker and returns them; those that were being made on it are forgotten.
    std::vector<CircuitId> remove_all(WorkerId worker);

    [[nodiscard]] std::optional<WorkerId> owner(CircuitId circuit) const;
    [[nodiscard]] bool owns(WorkerId worker, CircuitId circuit) const { return owner(circuit) == worker; }
    [[nodiscard]] std::size_t count(WorkerId worker) const;
    [[nodiscard]] bool is_hidden(CircuitId circuit) const { return hidden_.contains(circuit); }
    [[nodiscard]] std::size_t hidden_count(WorkerId worker) const;

    /// A circuit that is being made on `worker` counts until end_pending().
    void begin_pending(WorkerId worker) { ++pending_[worker]; }
    void end_pending(WorkerId worker);
    /// The one of `usable` with the fewest circuits, made and pending; the first of equals. nullopt when there is none.
    [[nodiscard]] std::optional<WorkerId> least_loaded(std::span<const WorkerId> usable) const;

private:
    [[nodiscard]] std::size_t load(WorkerId worker) const;

    std::unordered_map<CircuitId, WorkerId> owners_;
    std::unordered_set<CircuitId> hidden_; ///< of owners_
    std::unordered_map<WorkerId, std::size_t> counts_;
    std::unordered_map<WorkerId, std::size_t> pending_;
};

} // namespace cepa::main
