#include "tunnel/circuit/guards.hpp"

#include <algorithm>
#include <array>

namespace cepa::tunnel {

namespace {

bool is_for(const Guard& guard, GuardUse use) noexcept { return guard.for_exits == (use == GuardUse::single_hop); }

} // namespace

Guards::Guards(std::vector<Guard> kept, Fit fit, bool spread_prefixes)
    : guards_(std::move(kept)), fit_(std::move(fit)), spread_prefixes_(spread_prefixes)
{
}

const Guard* Guards::find(const PublicKey& key, GuardUse use) const noexcept
{
    const auto found = std::ranges::find_if(guards_, [&](const Guard& g) { return g.key == key && is_for(g, use); });
    return found == guards_.end() ? nullptr : &*found;
}

std::vector<Candidate> Guards::present(GuardUse use, const std::vector<Candidate>& candidates) const
{
    std::vector<Candidate> out;
    for (const Candidate& candidate : candidates) {
        if (find(candidate.key, use) != nullptr && fit_(candidate, use)) out.push_back(candidate);
    }
    return out;
}

void Guards::make_room(GuardUse use, const std::vector<Candidate>& candidates)
{
    const auto count = std::ranges::count_if(guards_, [&](const Guard& g) { return is_for(g, use); });
    if (static_cast<std::size_t>(count) < kMost) return;
    const auto absent = std::ranges::find_if(guards_, [&](const Guard& g) {
        return is_for(g, use) && std::ranges::none_of(candidates, [&](const Candidate& c) { return c.key == g.key; });
    });
    if (absent != guards_.end()) guards_.erase(absent); // the oldest: new ones are added at the end
}

std::optional<Candidate> Guards::adopt(GuardUse use, const std::vector<Candidate>& candidates,
                                       const std::function<bool(const Candidate&)>& suits, std::int64_t now_unix_s,
                                       RandomSource& random)
{
    make_room(use, candidates);
    if (static_cast<std::size_t>(std::ranges::count_if(guards_, [&](const Guard& g) { return is_for(g, use); })) >= kMost)
        return std::nullopt;
    const std::vector<Candidate> held = present(use, candidates);
    // Preferred are relays that are no exits, which others need more, in networks where we have no guard yet.
    std::array<std::vector<Candidate>, 3> ranks;
    for (const Candidate& candidate : candidates) {
        if (find(candidate.key, use) != nullptr || !fit_(candidate, use) || !suits(candidate)) continue;
        const bool near_another = spread_prefixes_ && std::ranges::any_of(held, [&](const Candidate& other) {
            return other.address.ip.diversity_prefix() == candidate.address.ip.diversity_prefix();
        });
        const bool scarce = use == GuardUse::first_hop && has(candidate.flags, PeerFlag::exit_bittorrent);
        ranks[near_another ? 2U : scarce ? 1U : 0U].push_back(candidate);
    }
    const auto best = std::ranges::find_if(ranks, [](const auto& rank) { return !rank.empty(); });
    if (best == ranks.end()) return std::nullopt;
    const Candidate chosen = (*best)[random.below(static_cast<std::uint32_t>(best->size()))];
    guards_.push_back({chosen.key, chosen.address, now_unix_s, use == GuardUse::single_hop});
    changed_ = true;
    return chosen;
}

void Guards::maintain(const std::vector<Candidate>& candidates, std::int64_t now_unix_s, RandomSource& random)
{
    if (std::erase_if(guards_, [&](const Guard& g) { return now_unix_s - g.chosen_unix_s > kKeptSeconds; }) > 0)
        changed_ = true;
    for (Guard& guard : guards_) {
        const auto now_at = std::ranges::find_if(candidates, [&](const Candidate& c) { return c.key == guard.key; });
        if (now_at == candidates.end() || now_at->address == guard.address) continue;
        guard.address = now_at->address;
        changed_ = true;
    }
    for (const GuardUse use : {GuardUse::first_hop, GuardUse::single_hop}) {
        for (std::size_t have = present(use, candidates).size(); have < kWanted; ++have) {
            if (!adopt(use, candidates, [](const Candidate&) { return true; }, now_unix_s, random)) break;
        }
    }
}

std::optional<Candidate> Guards::choose(GuardUse use, const std::vector<Candidate>& candidates, const Load& load,
                                        const std::function<bool(const Candidate&)>& suits, std::int64_t now_unix_s,
                                        RandomSource& random)
{
    std::vector<Candidate> least;
    std::uint32_t lowest = UINT32_MAX;
    for (const Candidate& guard : present(use, candidates)) {
        if (!suits(guard)) continue;
        const std::uint32_t carried = carried_by(load, guard.key);
        if (carried > lowest) continue;
        if (carried < lowest) least.clear();
        lowest = carried;
        least.push_back(guard);
    }
    if (lowest >= kMostCircuits) {
        if (auto added = adopt(use, candidates, suits, now_unix_s, random)) return added;
    }
    if (least.empty()) return std::nullopt;
    return least[random.below(static_cast<std::uint32_t>(least.size()))];
}

} // namespace cepa::tunnel
