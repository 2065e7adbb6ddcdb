// Which circuit a cell's id belongs to: our own circuit, one that we relay, one that ends here, an extend that waits
// for its answer, or one that is gone and lingers. One flat hash table, one probe for nearly every cell.
// It owns nothing: whoever owns the target removes the route first. Process: worker, io thread.
// Spec: docs/protocol.md, sections 8 and 11.
#pragma once

#include "tunnel/environment.hpp"

#include "base/clock.hpp"
#include "base/ids.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace cepa::tunnel {

class Circuit;
struct Relay;
struct JoinedCircuit;
struct Splice;

enum class RouteKind : std::uint8_t {
    none,
    own,            ///< target: Circuit
    relay_forward,  ///< the id of the previous link; target: Relay
    relay_backward, ///< the id of the next link; target: Relay
    joined,         ///< ends here; target: JoinedCircuit
    spliced,        ///< joined with another circuit at a rendezvous; target: Splice
    pending,        ///< the next link of an extend that waits for created; target: JoinedCircuit
    lingering,      ///< gone a moment ago: its late cells are nobody's, and the id stays taken
};

struct Route {
    RouteKind kind = RouteKind::none;
    void* target = nullptr;

    [[nodiscard]] Circuit& own() const noexcept { return *static_cast<Circuit*>(target); }
    [[nodiscard]] Relay& relay() const noexcept { return *static_cast<Relay*>(target); }
    [[nodiscard]] Splice& splice() const noexcept { return *static_cast<Splice*>(target); }
    [[nodiscard]] JoinedCircuit& joined() const noexcept { return *static_cast<JoinedCircuit*>(target); }
};

class RoutingTable {
public:
    /// The hash is keyed: ids come from strangers, who could else fill one chain.
    explicit RoutingTable(RandomSource& random);

    /// Kind none when the id is unknown.
    [[nodiscard]] Route find(CircuitId id) const noexcept
    {
        for (std::size_t i = home(id);; i = (i + 1) & mask_) {
            const Slot& slot = slots_[i];
            if (slot.route.kind == RouteKind::none) return {};
            if (slot.id == id) return slot.route;
        }
    }
    [[nodiscard]] bool contains(CircuitId id) const noexcept { return find(id).kind != RouteKind::none; }

    /// Adds a route or replaces the one of that id.
    void set(CircuitId id, Route route);
    void erase(CircuitId id) noexcept;
    /// Turns the route of `id` into a lingering one, which expire() erases after `until`.
    void linger(CircuitId id, TimePoint until);
    /// Erases what has lingered long enough.
    void expire(TimePoint now) noexcept;

    /// A random id that is not in use and that `ids` owns; nullopt when no such id turned up in many draws.
    [[nodiscard]] std::optional<CircuitId> draw_id(RandomSource& random, const CircuitIdOwner& ids) const;

    [[nodiscard]] std::size_t size() const noexcept { return used_; }

private:
    struct Slot {
        CircuitId id;
        Route route;
    };
    struct Farewell {
        CircuitId id;
        TimePoint until;
    };

    [[nodiscard]] std::size_t home(CircuitId id) const noexcept
    {
        return static_cast<std::size_t>(((id.value ^ seed_) * multiplier_) >> shift_);
    }
    void grow();
    void place(CircuitId id, Route route) noexcept;

    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
    unsigned shift_ = 0;
    std::size_t used_ = 0;
    std::uint64_t seed_ = 0;
    std::uint64_t multiplier_ = 1;
    std::deque<Farewell> farewells_; ///< in no strict order of time; small
};

} // namespace cepa::tunnel
