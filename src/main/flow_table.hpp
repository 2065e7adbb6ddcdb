// Destinations of one route and the circuit that each keeps: a flat hash table of fixed capacity, so that a lookup on
// the hot path neither allocates nor chases pointers. The hash is seeded: destinations come from strangers (peer
// exchange, trackers), who must not be able to choose ones that collide. Knows no circuit but as an index.
// Process: main, io thread.
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "socks5/datagram_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cepa::main {

/// Position of a circuit in its route's list; kNoCircuit while the flow has none.
using CircuitIndex = std::uint16_t;
inline constexpr CircuitIndex kNoCircuit = 0xffff;

struct Flow {
    Address destination;
    socks5::AssociationId owner; ///< who sent to it last: gets what comes back
    TimePoint placed; ///< when it got its circuit because it had to
    TimePoint last_used;
    CircuitIndex circuit = kNoCircuit;
    bool used = false; ///< this slot of the table is taken
};

class FlowTable {
public:
    /// Room for `max_flows`; the memory (twice as many slots) is taken with the first flow.
    FlowTable(std::size_t max_flows, std::uint64_t seed) noexcept;

    /// nullptr when there is none. Pointers are valid until the next insert() or erase.
    [[nodiscard]] Flow* find(const Address& destination) noexcept;
    /// Adds a flow that is not there. A full table first forgets the longest idle of a few that it looks at; that one
    /// is moved to `evicted` (its `used` tells whether there was any).
    Flow& insert(const Address& destination, TimePoint now, Flow& evicted);
    /// Calls `keep(Flow&)` for every flow, in no order, and erases those for which it returns false.
    template <class Keep>
    void retain(Keep keep)
    {
        for (std::size_t i = 0; i < slots_.size();) {
            // An erased slot may be refilled by a later flow of its chain, which has not been looked at unless the
            // chain wrapped around; looking twice is harmless.
            if (slots_[i].used && !keep(slots_[i])) erase_slot(i);
            else ++i;
        }
    }
    /// Calls `visit(Flow&)` for every flow; it may change circuit, owner and times.
    template <class Visit>
    void for_each(Visit visit)
    {
        for (Flow& flow : slots_)
            if (flow.used) visit(flow);
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t max_flows() const noexcept { return max_flows_; }

private:
    [[nodiscard]] std::size_t home(const Address& destination) const noexcept;
    void erase_slot(std::size_t slot) noexcept;
    [[nodiscard]] std::size_t pick_victim(std::size_t near) const noexcept;

    std::size_t max_flows_;
    std::uint64_t seed_;
    std::size_t size_ = 0;
    std::size_t mask_ = 0;
    std::vector<Flow> slots_;
};

} // namespace cepa::main
