#include "main/circuit_groups.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace cepa::main {
namespace {

/// Attempts a route may make in a burst, per circuit wanted; as many come back each second and circuit.
constexpr double kBurst = 4;

} // namespace

struct CircuitGroups::Group {
    /// Circuits that stay, and those under way.
    [[nodiscard]] std::size_t lasting() const noexcept
    {
        return building + static_cast<std::size_t>(std::ranges::count(ready, false, &Circuit::retiring));
    }

    Route route;
    std::uint64_t generation = 0; ///< an answer to an older group of the same route is not for this one
    std::uint32_t users = 0;
    TimePoint released;
    std::vector<Circuit> ready;
    std::uint32_t building = 0;
    std::uint32_t at_once = 0;  ///< attempts that need not wait for their turn: replacements, one per worker at first
    TimePoint next_turn;        ///< of those that must
    std::uint32_t failures = 0; ///< in a row
    TimePoint paused_until;
    double tokens = 0;
    TimePoint tokens_at;
    std::uint64_t built = 0;
    std::uint64_t failed = 0;
    std::string last_error;
    TimePoint state_since;
    bool settled = false;
};

CircuitGroups::CircuitGroups(proto::TunnelService& service, const Clock& clock, CircuitGroupsOptions options,
                             CircuitGroupsHooks hooks)
    : service_(service), clock_(clock), options_(options), hooks_(std::move(hooks)), random_(options.jitter_seed),
      self_(std::make_shared<CircuitGroups*>(this))
{
}

CircuitGroups::~CircuitGroups() = default;

std::uint32_t CircuitGroups::workers() const
{
    return std::max<std::uint32_t>(1, service_.info().workers);
}

std::uint32_t CircuitGroups::circuits_per_route() const
{
    return std::max<std::uint32_t>(1, options_.circuits_per_worker * workers());
}

Duration CircuitGroups::jitter(Duration below)
{
    if (below <= Duration::zero()) return Duration::zero();
    return Duration(std::uniform_int_distribution<Duration::rep>(0, below.count() - 1)(random_));
}

void CircuitGroups::wake() const
{
    if (hooks_.wake) hooks_.wake();
}

WorkerId CircuitGroups::worker_of(CircuitId circuit) const
{
    const auto& circuits = service_.snapshot().circuits;
    const auto found = circuits.find(circuit.value);
    if (found == circuits.end() || !found->second.has_worker_id()) return kUnknownWorker;
    return WorkerId(static_cast<std::uint16_t>(found->second.worker_id()));
}

void CircuitGroups::want(const Route& route)
{
    auto& group = groups_[route];
    if (!group) {
        const TimePoint now = clock_.now();
        group = std::make_unique<Group>();
        group->route = route;
        group->generation = next_generation_++;
        group->at_once = workers();
        group->tokens = kBurst * circuits_per_route();
        group->paused_until = group->tokens_at = group->state_since = now;
        group->next_turn = next_turn(now, circuits_per_route() - std::min(circuits_per_route(), group->at_once));
    }
    ++group->users;
    wake();
}

void CircuitGroups::release(const Route& route)
{
    const auto found = groups_.find(route);
    if (found == groups_.end() || found->second->users == 0) return;
    if (--found->second->users == 0) found->second->released = clock_.now();
}

void CircuitGroups::tick()
{
    const TimePoint now = clock_.now();
    for (auto it = groups_.begin(); it != groups_.end();) {
        Group& group = *it->second;
        if (group.users == 0 && now - group.released >= options_.linger) {
            close_all(group);
            it = groups_.erase(it);
            continue;
        }
        if (group.users > 0) maintain(group, now);
        ++it;
    }
}

void CircuitGroups::maintain(Group& group, TimePoint now)
{
    const double full = kBurst * circuits_per_route();
    group.tokens = std::min(full, group.tokens + in_seconds(now - group.tokens_at) * circuits_per_route());
    group.tokens_at = now;
    start_attempts(group, now);
    check_settled(group, now);
}

/// What is missing, as far as the pause after failures, the tokens and the turns of the staggered ones allow.
void CircuitGroups::start_attempts(Group& group, TimePoint now)
{
    if (now < group.paused_until) return;
    const std::size_t wanted = circuits_per_route();
    while (group.lasting() < wanted) {
        if (group.tokens < 1) return;
        const std::size_t missing = wanted - group.lasting();
        if (group.at_once > 0)
            --group.at_once;
        else if (now < group.next_turn)
            return;
        else
            group.next_turn = next_turn(now, missing);
        group.tokens -= 1;
        start_one(group);
    }
    group.at_once = 0; // nothing is missing: what comes later takes its turn
}

/// Of `missing` attempts that take turns, so that all of them start in about `stagger`.
TimePoint CircuitGroups::next_turn(TimePoint now, std::size_t missing)
{
    return now + jitter(options_.stagger * 2 / std::max<std::size_t>(1, missing));
}

void CircuitGroups::start_one(Group& group)
{
    ++group.building;
    service_.create_circuit(
        {group.route.hops, group.route.group},
        [self = std::weak_ptr(self_), route = group.route, generation = group.generation](Result<CircuitId> result) {
            if (const auto groups = self.lock()) (*groups)->on_attempt_done(route, generation, result);
        });
}

void CircuitGroups::on_attempt_done(const Route& route, std::uint64_t generation, Result<CircuitId> result)
{
    const auto found = groups_.find(route);
    if (found == groups_.end() || found->second->generation != generation) {
        if (result) service_.close_circuit(*result); // nobody wants it any more
        return;
    }
    Group& group = *found->second;
    --group.building;
    if (result)
        on_built(group, *result);
    else
        on_failed(group, result.error(), clock_.now());
}

void CircuitGroups::on_built(Group& group, CircuitId circuit)
{
    const TimePoint now = clock_.now();
    const WorkerId worker = worker_of(circuit);
    ++group.built;
    group.failures = 0;
    group.ready.push_back({circuit, worker});
    const bool first = group.ready.size() == 1;
    if (first) group.state_since = now;
    const Route route = group.route; // hooks may let go of the group
    if (hooks_.on_ready) hooks_.on_ready(route, circuit, worker);
    if (first && hooks_.on_usable) hooks_.on_usable(route, true);
    wake();
}

/// Attempts that were under way together fail together: only the first of them lengthens the pause.
void CircuitGroups::on_failed(Group& group, const ErrorCode& error, TimePoint now)
{
    ++group.failed;
    group.last_error = error.message();
    log::debug("circuit not built", {log::field("hops", group.route.hops), log::field("group", group.route.group.value),
                                     log::field("error", group.last_error)});
    if (now < group.paused_until) return;
    Duration pause = options_.first_pause;
    for (std::uint32_t i = 0; i < group.failures && pause < options_.max_pause; ++i)
        pause *= 2;
    pause = std::min<Duration>(pause, options_.max_pause);
    group.paused_until = now + pause / 2 + jitter(pause / 2);
    ++group.failures;
}

void CircuitGroups::on_circuit_dead(CircuitId circuit, const std::string& reason)
{
    for (auto& [key, owner] : groups_) {
        Group& group = *owner;
        if (std::erase_if(group.ready, [circuit](const Circuit& c) { return c.id == circuit; }) == 0) continue;
        ++group.at_once;
        group.last_error = reason;
        const Route route = key;
        const bool last = group.ready.empty();
        if (last) {
            group.state_since = clock_.now();
            group.settled = false;
        }
        if (hooks_.on_gone) hooks_.on_gone(circuit);
        if (last && hooks_.on_usable) hooks_.on_usable(route, false);
        wake();
        return;
    }
}

void CircuitGroups::on_sync()
{
    const auto candidates = service_.snapshot().share.candidates_size();
    const bool more = candidates > std::exchange(candidates_, candidates);
    for (auto& [route, group] : groups_) {
        if (more) {
            group->paused_until = clock_.now(); // what failed for want of relays may succeed now
            group->failures = 0;
        }
        note_retiring(*group);
        for (Circuit& circuit : group->ready) {
            if (circuit.worker != kUnknownWorker) continue;
            circuit.worker = worker_of(circuit.id);
            if (circuit.worker != kUnknownWorker && hooks_.on_worker_known)
                hooks_.on_worker_known(circuit.id, circuit.worker);
        }
    }
    wake();
}

/// The successor takes its turn like any other: those of one worker did not begin together, and need not end so.
void CircuitGroups::note_retiring(Group& group)
{
    const auto& circuits = service_.snapshot().circuits;
    for (Circuit& circuit : group.ready) {
        const auto found = circuits.find(circuit.id.value);
        if (circuit.retiring || found == circuits.end() || found->second.state() != proto::CIRCUIT_CLOSING) continue;
        circuit.retiring = true;
        if (hooks_.on_retiring) hooks_.on_retiring(circuit.id);
    }
}

void CircuitGroups::check_settled(Group& group, TimePoint now)
{
    if (group.settled || group.ready.empty()) return;
    std::set<WorkerId> carriers;
    for (const Circuit& circuit : group.ready)
        if (circuit.worker != kUnknownWorker) carriers.insert(circuit.worker);
    const bool complete = group.ready.size() >= circuits_per_route() || carriers.size() >= workers();
    if (!complete && now - group.state_since < options_.settle) return;
    group.settled = true;
    if (hooks_.on_settled) hooks_.on_settled(group.route);
}

void CircuitGroups::close_all(Group& group)
{
    for (const Circuit& circuit : std::exchange(group.ready, {})) {
        if (hooks_.on_gone) hooks_.on_gone(circuit.id);
        service_.close_circuit(circuit.id);
    }
}

std::vector<RouteStatus> CircuitGroups::status() const
{
    std::vector<RouteStatus> out;
    for (const auto& [route, group] : groups_) {
        RouteStatus& status = out.emplace_back();
        status.route = route;
        status.wanted = group->users > 0 ? circuits_per_route() : 0;
        status.ready = static_cast<std::uint32_t>(group->ready.size());
        status.building = group->building;
        status.built = group->built;
        status.failed = group->failed;
        status.last_error = group->last_error;
        status.in_state = clock_.now() - group->state_since;
    }
    return out;
}

} // namespace cepa::main
