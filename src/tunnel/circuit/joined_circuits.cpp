#include "tunnel/circuit/joined_circuits.hpp"

#include "tunnel/circuit/keepalive.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

/// A create for the same id within this time is ignored, also when the circuit is gone (section 11.2).
constexpr Duration kCreateOnce = std::chrono::seconds(60);

bool is_spent(const JoinedCircuit& circuit) noexcept
{
    return circuit.bytes_in + circuit.bytes_out >= kMostTraffic;
}

bool is_over(const JoinedCircuit& circuit, TimePoint now) noexcept
{
    const Duration most_age = circuit.role == JoinedRole::introduction ? kMostIntroductionAge : kMostAge;
    return now - circuit.last_activity >= kInactivity || now - circuit.created >= most_age || is_spent(circuit);
}

} // namespace

JoinedCircuit& JoinedCircuits::add(std::unique_ptr<JoinedCircuit> circuit)
{
    JoinedCircuit& added = *circuit;
    routes_.set(added.id, {RouteKind::joined, &added});
    circuits_[added.id] = std::move(circuit);
    return added;
}

void JoinedCircuits::forget_pending(JoinedCircuit& circuit, TimePoint now)
{
    for (const PendingExtend& extend : circuit.pending)
        routes_.linger(extend.next, now + kLinger);
    circuit.pending.clear();
}

void JoinedCircuits::remove(CircuitId id, TimePoint now)
{
    const auto found = circuits_.find(id);
    if (found == circuits_.end()) return;
    const std::unique_ptr<JoinedCircuit> circuit = std::move(found->second);
    circuits_.erase(found);
    forget_pending(*circuit, now);
    routes_.linger(id, std::max(now + kLinger, circuit->created + kCreateOnce));
    if (circuit->exit) circuit->exit->socket->flush();
    if (circuit->role != JoinedRole::none && on_gone_) on_gone_(*circuit);
}

std::unique_ptr<JoinedCircuit> JoinedCircuits::release(CircuitId id, TimePoint now)
{
    const auto found = circuits_.find(id);
    if (found == circuits_.end()) return nullptr;
    std::unique_ptr<JoinedCircuit> circuit = std::move(found->second);
    circuits_.erase(found);
    forget_pending(*circuit, now);
    routes_.erase(id);
    if (circuit->exit) circuit->exit->socket->flush();
    circuit->exit.reset();
    return circuit;
}

void JoinedCircuits::expect(JoinedCircuit& circuit, const PendingExtend& extend)
{
    routes_.set(extend.next, {RouteKind::pending, &circuit});
    circuit.pending.push_back(extend);
}

std::size_t JoinedCircuits::sweep(TimePoint now, const std::function<void(const JoinedCircuit&)>& on_spent)
{
    std::size_t unanswered = 0;
    std::vector<CircuitId> over;
    for (auto& [id, circuit] : circuits_) {
        unanswered += std::erase_if(circuit->pending, [&](const PendingExtend& extend) {
            if (extend.deadline > now) return false;
            routes_.linger(extend.next, now + kLinger);
            return true;
        });
        if (!is_over(*circuit, now)) continue;
        if (is_spent(*circuit)) on_spent(*circuit);
        over.push_back(id);
    }
    for (const CircuitId id : over)
        remove(id, now);
    return unanswered;
}

void JoinedCircuits::for_each(const std::function<void(JoinedCircuit&)>& visit)
{
    for (auto& [id, circuit] : circuits_)
        visit(*circuit);
}

} // namespace cepa::tunnel
