// What one route carries: its circuits, and which of them each destination has. Tables and the choice of a circuit;
// when flows move is FlowRouter's matter. Process: main, io thread; no call but add() allocates.
#pragma once

#include "base/ids.hpp"
#include "main/flow_table.hpp"
#include "main/route_status.hpp"
#include "socks5/datagram_sink.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace cepa::main {

/// Nobody has said yet who carries a circuit.
inline constexpr WorkerId kUnknownWorker{0xffff};

struct RouteCircuit {
    CircuitId id;
    WorkerId worker = kUnknownWorker;
    std::uint32_t flows = 0;
    socks5::AssociationId last_sender;
    bool alive = false;
    bool retiring = false;
};

struct RouteFlows {
    /// Answers to announces are told apart by their origin only where several programs share a route.
    static constexpr std::size_t kMaxAnnounces = 2048;

    RouteFlows(const Route& r, std::size_t max_flows, std::uint64_t hash_seed)
        : route(r), flows(max_flows, hash_seed), announces(kMaxAnnounces, hash_seed)
    {
    }

    [[nodiscard]] bool is_alive(CircuitIndex index) const noexcept
    {
        return index < circuits.size() && circuits[index].alive;
    }
    /// Of the worker of `of` here; a circuit whose worker nobody has named yet counts as a worker of its own.
    [[nodiscard]] std::uint32_t worker_flows(const RouteCircuit& of) const noexcept;
    /// The least loaded circuit, first by worker; a retiring one or one of `not_on` only when there is no other.
    /// kNoCircuit: none is up.
    [[nodiscard]] CircuitIndex pick(std::optional<WorkerId> not_on) const noexcept;

    void detach(const Flow& flow) noexcept;
    void attach(Flow& flow, CircuitIndex index) noexcept;
    CircuitIndex add(CircuitId id, WorkerId worker);
    [[nodiscard]] bool unused() const noexcept;

    Route route;
    std::vector<RouteCircuit> circuits; // a dead one's place is used again, so that indices stay
    FlowTable flows;
    FlowTable announces;
    CircuitIndex announce = kNoCircuit;
    std::uint32_t associations = 0;
    std::uint32_t hidden = 0; // circuits
};

} // namespace cepa::main
