#include "tunnel/hidden_services/path_race.hpp"

namespace cepa::tunnel {

void PathRace::tick(const OwnCircuits& circuits, TimePoint now, const Begin& begin)
{
    if (begun_ >= kMost) return;
    const Duration patience = kPatience * (1U << (begun_ - 1));
    if (std::ranges::any_of(circuits_, [&](CircuitId id) { return circuits.stuck(id, now) < patience; })) return;
    ++begun_;
    std::vector<PublicKey> beside;
    for (const CircuitId id : circuits_) {
        const std::vector<PublicKey> kept = circuits.planned_first_two(id);
        beside.insert(beside.end(), kept.begin(), kept.end());
    }
    if (const Result<CircuitId> id = begin(std::move(beside))) circuits_.push_back(*id);
}

std::vector<CircuitId> PathRace::take(CircuitId ready)
{
    std::vector<CircuitId> others = std::exchange(circuits_, {ready});
    std::erase(others, ready);
    begun_ = kMost;
    return others;
}

} // namespace cepa::tunnel
