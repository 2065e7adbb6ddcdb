// Keeps each wanted route supplied with circuits: k of them (default two per worker), tried again with a growing,
// jittered pause when a path cannot be built, rebuilt at once when one dies. Says which circuit serves which route to a
// listener (the flow router). No timer of its own: the owner calls tick().
// A token bucket per route bounds what a circuit that dies as soon as it is ready can make us do.
// Process: main, io thread.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "main/route_status.hpp"
#include "proto/tunnel_service.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace cepa::main {

struct CircuitGroupsOptions {
    std::uint32_t circuits_per_worker = 2;   ///< per route; more spread the load and show the user to more relays
    std::chrono::milliseconds stagger{1000}; ///< the second and later circuits of a worker start within about this time
    std::chrono::milliseconds first_pause{
        250}; ///< after a failure; doubles with each up to max_pause, half of it random
    std::chrono::milliseconds max_pause{10'000};
    std::chrono::milliseconds linger{10'000}; ///< a route that nobody wants keeps its circuits for so long
    std::chrono::milliseconds settle{2000};   ///< how long a route with its first circuit waits for those of the others
    std::uint64_t jitter_seed = 0;
};

struct CircuitGroupsHooks {
    std::function<void(const Route&, CircuitId, WorkerId)> on_ready = {};
    std::function<void(CircuitId)> on_gone = {};
    std::function<void(CircuitId, WorkerId)> on_worker_known = {};
    /// It ends within minutes and its successor is on the way: nothing new should be put on it.
    std::function<void(CircuitId)> on_retiring = {};
    /// A route got its first circuit (usable), or lost its last one.
    std::function<void(const Route&, bool usable)> on_usable = {};
    /// Once after on_usable(true): every worker has a circuit of it, or `settle` has passed. New connections spread
    /// best from here on.
    std::function<void(const Route&)> on_settled = {};
    /// tick() is wanted soon, but not from inside the present call.
    std::function<void()> wake = {};
};

class CircuitGroups {
public:
    /// `service` and `clock` must outlive it. Asks the service for circuits only from tick().
    CircuitGroups(proto::TunnelService& service, const Clock& clock, CircuitGroupsOptions options,
                  CircuitGroupsHooks hooks);
    ~CircuitGroups();
    CircuitGroups(const CircuitGroups&) = delete;
    CircuitGroups& operator=(const CircuitGroups&) = delete;

    /// The route is needed by one more; release() takes that back. Its circuits are closed after `linger`.
    void want(const Route& route);
    void release(const Route& route);

    /// See proto::TunnelObserver.
    void on_circuit_dead(CircuitId circuit, const std::string& reason);
    /// The snapshot changed: learns who carries what, and how many workers there are.
    void on_sync();
    /// To be called about every 100 ms and when the wake hook asks: starts what is due, closes what is not wanted.
    void tick();

    /// In route order; wanted and lingering ones.
    [[nodiscard]] std::vector<RouteStatus> status() const;
    /// Circuits that a route should have now.
    [[nodiscard]] std::uint32_t circuits_per_route() const;
    static constexpr WorkerId kUnknownWorker{0xffff};

private:
    struct Circuit {
        CircuitId id;
        WorkerId worker;
        bool retiring = false;
    };
    struct Group;

    void maintain(Group& group, TimePoint now);
    void start_attempts(Group& group, TimePoint now);
    [[nodiscard]] TimePoint next_turn(TimePoint now, std::size_t missing);
    void start_one(Group& group);
    void on_attempt_done(const Route& route, std::uint64_t generation, Result<CircuitId> result);
    void on_built(Group& group, CircuitId circuit);
    void on_failed(Group& group, const ErrorCode& error, TimePoint now);
    void check_settled(Group& group, TimePoint now);
    void close_all(Group& group);
    void note_retiring(Group& group);
    [[nodiscard]] WorkerId worker_of(CircuitId circuit) const;
    [[nodiscard]] std::uint32_t workers() const;
    [[nodiscard]] Duration jitter(Duration below);
    void wake() const;

    proto::TunnelService& service_;
    const Clock& clock_;
    CircuitGroupsOptions options_;
    CircuitGroupsHooks hooks_;
    std::mt19937_64 random_; // timing only, never keys
    std::map<Route, std::unique_ptr<Group>> groups_;
    std::uint64_t next_generation_ = 1;
    int candidates_ = 0;                   ///< relays and exits known at the last sync
    std::shared_ptr<CircuitGroups*> self_; // an answer of the service may come after the end
};

} // namespace cepa::main
