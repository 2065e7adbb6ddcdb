#include "tunnel/hidden_services/seeder_table.hpp"

#include <algorithm>
#include <tuple>

namespace cepa::tunnel {

namespace {

unsigned failures_of(const Seeder& seeder) noexcept
{
    return seeder.useful() ? 0 : seeder.retry.failures() + seeder.useless;
}

} // namespace

const IntroductionPoint& Seeder::take_point(TimePoint now)
{
    const auto next = std::ranges::min_element(
        points, {}, [](const IntroductionPoint& p) { return std::pair(p.asked, TimePoint{} - p.seen); });
    next->asked = now;
    return *next;
}

bool Seeder::has_new_point() const noexcept
{
    return std::ranges::find(points, TimePoint{}, &IntroductionPoint::asked) != points.end();
}

void Seeder::keep_points(TimePoint now, Duration least) noexcept
{
    for (IntroductionPoint& point : points)
        point.seen = std::max(point.seen, now - SeederTable::kPointKept + least);
}

// Who failed us most, or held a link and brought nothing, makes room, and among those who never did, nobody: liars
// cannot push out who was not yet tried.
bool SeederTable::make_room()
{
    if (seeders_.size() < kMost) return true;
    auto worst = seeders_.end();
    for (auto it = seeders_.begin(); it != seeders_.end(); ++it) {
        const Seeder& seeder = it->second;
        if (seeder.busy() || failures_of(seeder) == 0) continue;
        if (worst == seeders_.end() || failures_of(seeder) > failures_of(worst->second)) worst = it;
    }
    if (worst == seeders_.end()) return false;
    seeders_.erase(worst);
    return true;
}

std::vector<std::pair<const PublicKey, Seeder>*> SeederTable::in_turn()
{
    std::vector<std::pair<const PublicKey, Seeder>*> out;
    for (auto& entry : seeders_)
        out.push_back(&entry);
    std::ranges::stable_sort(out, {}, [](const auto* entry) {
        const Seeder& seeder = entry->second;
        return std::tuple(!seeder.useful(), std::max(seeder.known, seeder.asked), seeder.place);
    });
    return out;
}

Seeder* SeederTable::least_useful()
{
    Seeder* least = nullptr;
    for (auto& [key, seeder] : seeders_) {
        if (!seeder.link || !seeder.worth.per_s() || seeder.useful()) continue;
        if (least == nullptr || seeder.worth.per_s() < least->worth.per_s()) least = &seeder;
    }
    return least;
}

bool SeederTable::learn(const PublicKey& swarm_key, const IntroductionPoint& point, TimePoint now, std::uint32_t place)
{
    auto found = seeders_.find(swarm_key);
    if (found == seeders_.end()) {
        if (!make_room()) return false;
        found = seeders_.try_emplace(swarm_key).first;
        found->second.known = now;
        found->second.place = place;
    }
    std::vector<IntroductionPoint>& points = found->second.points;
    const auto known = std::ranges::find(points, point.address, &IntroductionPoint::address);
    if (known != points.end()) {
        known->seen = now;
        known->key = point.key;
        return true;
    }
    if (points.size() >= Seeder::kMostPoints) { // one that was tried makes room: nobody pushes out the untried
        const auto tried =
            std::ranges::find_if(points, [](const IntroductionPoint& p) { return p.asked != TimePoint{}; });
        if (tried == points.end()) return true;
        points.erase(tried);
    }
    points.push_back({point.address, point.key, now, {}});
    return true;
}

void SeederTable::note(const PublicKey& swarm_key, TimePoint now)
{
    const auto known = noted_.find(swarm_key);
    if (known != noted_.end())
        known->second = now;
    else if (noted_.size() < kMost)
        noted_.emplace(swarm_key, now);
}

void SeederTable::expire(TimePoint now)
{
    std::erase_if(noted_, [&](const auto& entry) { return now - entry.second >= kPointKept; });
    for (auto& [key, seeder] : seeders_) {
        const auto stale = [&](const IntroductionPoint& p) { return now - p.seen >= kPointKept; };
        if (seeder.link && std::ranges::all_of(seeder.points, stale)) continue; // better than none when it ends
        std::erase_if(seeder.points, stale);
    }
    std::erase_if(seeders_, [](const auto& entry) { return entry.second.points.empty() && !entry.second.busy(); });
}

void SeederTable::forget_point(const PublicKey& swarm_key, const Endpoint& address)
{
    if (Seeder* seeder = find(swarm_key))
        std::erase_if(seeder->points, [&](const IntroductionPoint& p) { return p.address == address; });
}

Seeder* SeederTable::find(const PublicKey& swarm_key)
{
    const auto found = seeders_.find(swarm_key);
    return found == seeders_.end() ? nullptr : &found->second;
}

Seeder* SeederTable::find_link(CircuitId circuit)
{
    for (auto& [key, seeder] : seeders_)
        if ((seeder.linking && seeder.linking->race.contains(circuit)) || seeder.link == circuit ||
            seeder.stalled == circuit)
            return &seeder;
    return nullptr;
}

std::vector<IntroductionPoint> SeederTable::points() const
{
    std::vector<IntroductionPoint> out;
    for (const auto& [key, seeder] : seeders_)
        for (const IntroductionPoint& point : seeder.points)
            if (std::ranges::find(out, point.address, &IntroductionPoint::address) == out.end()) out.push_back(point);
    return out;
}

} // namespace cepa::tunnel
