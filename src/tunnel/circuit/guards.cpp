#include "tunnel/circuit/guards.hpp"

#include <algorithm>
#include <array>

namespace cepa::tunnel {

namespace {

/// So many paths say something about a guard; after an hour it begins anew.
constexpr std::uint32_t kTellingPaths = 6;
constexpr std::int64_t kRecordSeconds = 3600;
/// About as long as a dead node stays among the candidates.
constexpr std::int64_t kUnansweredSeconds = 60;
constexpr std::int64_t kSilentSecondSeconds = 600;
/// So many hops must agree before silence that each of them could have made is somebody else's.
constexpr std::size_t kWitnesses = 2;
/// No caller blames so many different hops; a bound all the same.
constexpr std::size_t kMostBlamed = 64;

void add_witness(std::vector<PublicKey>& witnesses, const PublicKey& key)
{
    if (witnesses.size() < kWitnesses && std::ranges::find(witnesses, key) == witnesses.end()) witnesses.push_back(key);
}

bool is_for(const Guard& guard, GuardUse use) noexcept
{
    if (guard.second_hop || use == GuardUse::second_hop) return guard.second_hop == (use == GuardUse::second_hop);
    return guard.for_exits == (use == GuardUse::single_hop);
}

bool is_spent(const Guard& guard, std::int64_t now_unix_s) noexcept
{
    if (!guard.second_hop) return now_unix_s - guard.chosen_unix_s > Guards::kKeptSeconds;
    return now_unix_s > std::min(guard.kept_until_unix_s, guard.chosen_unix_s + Guards::kSecondMostSeconds);
}

} // namespace

Guards::Guards(std::vector<Guard> kept, Rules rules)
    : guards_(std::move(kept)), rules_(std::move(rules)), told_(!guards_.empty())
{
}

void Guards::replace(std::vector<Guard> guards)
{
    guards_ = std::move(guards);
    told_ = true;
}

const Guard* Guards::find(const PublicKey& key, GuardUse use) const noexcept
{
    const auto found = std::ranges::find_if(guards_, [&](const Guard& g) { return g.key == key && is_for(g, use); });
    return found == guards_.end() ? nullptr : &*found;
}

std::vector<Candidate> Guards::present(GuardUse use, const std::vector<Candidate>& candidates) const
{
    std::vector<Candidate> out;
    for (const Guard& guard : guards_) {
        if (!is_for(guard, use)) continue;
        const auto here = std::ranges::find(candidates, guard.key, &Candidate::key);
        if (here != candidates.end() && rules_.fit(*here, use)) out.push_back(*here);
    }
    return out;
}

void Guards::note_absent(const std::vector<Candidate>& candidates, std::int64_t now_unix_s)
{
    std::erase_if(absent_since_, [&](const auto& entry) {
        return std::ranges::none_of(guards_, [&](const Guard& g) { return g.key == entry.first; });
    });
    for (const Guard& guard : guards_) {
        if (candidates.empty())
            absent_since_[guard.key] = now_unix_s; // it is the network that is silent, or we are
        else if (std::ranges::find(candidates, guard.key, &Candidate::key) != candidates.end())
            absent_since_.erase(guard.key);
        else
            absent_since_.try_emplace(guard.key, now_unix_s);
    }
}

std::size_t Guards::awaited(GuardUse use, std::int64_t now_unix_s) const
{
    return static_cast<std::size_t>(std::ranges::count_if(guards_, [&](const Guard& guard) {
        const auto since = absent_since_.find(guard.key);
        return is_for(guard, use) && since != absent_since_.end() && now_unix_s - since->second < kAwaitedSeconds;
    }));
}

void Guards::on_path(const PublicKey& key, const PublicKey& next, bool completed, std::int64_t now_unix_s)
{
    std::erase_if(records_, [&](const auto& entry) { return now_unix_s - entry.second.since > kRecordSeconds; });
    Record& record = records_.try_emplace(key, Record{0, 0, now_unix_s, {}}).first->second;
    ++record.paths;
    if (completed) return;
    ++record.failed;
    add_witness(record.behind, next);
}

void Guards::on_create(const PublicKey& first, bool answered, std::int64_t now_unix_s)
{
    std::erase_if(unanswered_, [&](const auto& entry) { return now_unix_s - entry.second >= kUnansweredSeconds; });
    if (answered)
        unanswered_.erase(first);
    else if (unanswered_.size() < kMostBlamed)
        unanswered_[first] = now_unix_s;
}

void Guards::on_second_hop(const PublicKey& first, const PublicKey& second, bool answered, std::int64_t now_unix_s)
{
    std::erase_if(silent_seconds_,
                  [&](const auto& entry) { return now_unix_s - entry.second.since >= kSilentSecondSeconds; });
    if (answered) {
        silent_seconds_.erase(second);
    } else if (silent_seconds_.size() < kMostBlamed) {
        Silence& silence = silent_seconds_.try_emplace(second, Silence{now_unix_s, {}}).first->second;
        add_witness(silence.firsts, first);
    }
}

bool Guards::is_late(GuardUse use, const PublicKey& key, std::int64_t now_unix_s) const
{
    if (use == GuardUse::second_hop) {
        const auto silence = silent_seconds_.find(key);
        return silence != silent_seconds_.end() && silence->second.firsts.size() >= kWitnesses &&
               now_unix_s - silence->second.since < kSilentSecondSeconds;
    }
    const auto unanswered = unanswered_.find(key);
    if (unanswered != unanswered_.end() && now_unix_s - unanswered->second < kUnansweredSeconds) return true;
    const auto found = records_.find(key);
    return found != records_.end() && found->second.paths >= kTellingPaths &&
           found->second.failed * 2 > found->second.paths && found->second.behind.size() >= kWitnesses;
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
    if (static_cast<std::size_t>(std::ranges::count_if(guards_, [&](const Guard& g) { return is_for(g, use); })) >=
        kMost)
        return std::nullopt;
    const std::vector<Candidate> held = present(use, candidates);
    // Preferred are relays that are no exits, which others need more, in networks where we have no guard yet. A second
    // hop is reached through any first one, so by its address.
    // One that is both the first hop of some paths and the second of others would, in a small network, leave no path when
    // a few die.
    std::array<std::vector<Candidate>, 4> ranks;
    const auto is_both = [&](const PublicKey& key) {
        return (use == GuardUse::second_hop && find(key, GuardUse::first_hop) != nullptr) ||
               (use == GuardUse::first_hop && find(key, GuardUse::second_hop) != nullptr);
    };
    for (const Candidate& candidate : candidates) {
        if (find(candidate.key, use) != nullptr || !rules_.fit(candidate, use) || !suits(candidate)) continue;
        const bool near_another =
            rules_.spread_prefixes && std::ranges::any_of(held, [&](const Candidate& other) {
                return other.address.ip.diversity_prefix() == candidate.address.ip.diversity_prefix();
            });
        const bool exit = has(candidate.flags, PeerFlag::exit_bittorrent);
        const bool later = use == GuardUse::first_hop ? exit : use == GuardUse::second_hop && !exit && !candidate.connectable;
        ranks[is_both(candidate.key) ? 3U : near_another ? 2U : later ? 1U : 0U].push_back(candidate);
    }
    const auto best = std::ranges::find_if(ranks, [](const auto& rank) { return !rank.empty(); });
    if (best == ranks.end()) return std::nullopt;
    const Candidate chosen = (*best)[random.below(static_cast<std::uint32_t>(best->size()))];
    guards_.push_back(drawn(use, chosen, now_unix_s, random));
    changed_ = true;
    return chosen;
}

Guard Guards::drawn(GuardUse use, const Candidate& chosen, std::int64_t now_unix_s, RandomSource& random)
{
    Guard out{chosen.key, chosen.address, now_unix_s, use == GuardUse::single_hop};
    if (use != GuardUse::second_hop) return out;
    constexpr auto span = static_cast<std::uint32_t>(kSecondMostSeconds - kSecondLeastSeconds);
    out.second_hop = true;
    out.kept_until_unix_s = now_unix_s + kSecondLeastSeconds + std::max(random.below(span), random.below(span));
    return out;
}

void Guards::maintain(const std::vector<Candidate>& candidates, std::int64_t now_unix_s, RandomSource& random)
{
    if (std::erase_if(guards_, [&](const Guard& g) { return is_spent(g, now_unix_s); }) > 0) changed_ = true;
    for (Guard& guard : guards_) {
        const auto now_at = std::ranges::find_if(candidates, [&](const Candidate& c) { return c.key == guard.key; });
        if (now_at == candidates.end() || now_at->address == guard.address) continue;
        guard.address = now_at->address;
        changed_ = true;
    }
    note_absent(candidates, now_unix_s);
    if (!may_adopt()) return;
    for (const GuardUse use : {GuardUse::first_hop, GuardUse::single_hop, GuardUse::second_hop}) {
        if (use == GuardUse::second_hop && !second_hops_) continue;
        if (use == GuardUse::second_hop && second_since_ == 0) second_since_ = now_unix_s;
        // Of enough second hops one may be away: each new one is another chance to be an enemy's.
        const auto kept = static_cast<std::size_t>(
            std::ranges::count_if(guards_, [&](const Guard& g) { return is_for(g, use); }));
        const std::size_t wanted = use == GuardUse::second_hop && kept >= kWanted ? kWanted - 1 : kWanted;
        for (std::size_t have = present(use, candidates).size() + awaited(use, now_unix_s); have < wanted; ++have) {
            const bool early = use == GuardUse::second_hop && have > 0 && now_unix_s - second_since_ < kAwaitedSeconds;
            const auto suits = [&](const Candidate& c) {
                return !early || find(c.key, GuardUse::first_hop) == nullptr; // few are known yet: another will come
            };
            if (!adopt(use, candidates, suits, now_unix_s, random)) break;
        }
    }
}

std::optional<Candidate> Guards::choose(GuardUse use, const std::vector<Candidate>& candidates, const Load& load,
                                        const std::function<bool(const Candidate&)>& suits, std::int64_t now_unix_s,
                                        RandomSource& random, Adopt when,
                                        const std::function<bool(const Candidate&)>& later)
{
    note_absent(candidates, now_unix_s);
    std::vector<Candidate> held = present(use, candidates);
    const std::size_t used = std::min(kWanted, held.size());
    const auto late = std::ranges::stable_partition(
        held.begin(), held.begin() + static_cast<std::ptrdiff_t>(used), [&](const Candidate& guard) {
            return !is_late(use, guard.key, now_unix_s) && !(later && later(guard));
        });
    const std::size_t good = used - late.size();
    const auto load_of = [&](const Candidate& guard) { return carried_by(load, guard.key); };
    const auto has_room = [&](const Candidate& guard) {
        return when != Adopt::when_full || load_of(guard) < rules_.most_circuits;
    };
    const auto least_loaded = [&](std::size_t among, const auto& fits) -> std::optional<Candidate> {
        std::vector<Candidate> least;
        for (std::size_t i = 0; i < among; ++i) {
            if (!suits(held[i]) || !fits(held[i])) continue;
            if (!least.empty() && load_of(held[i]) > load_of(least.front())) continue;
            if (!least.empty() && load_of(held[i]) < load_of(least.front())) least.clear();
            least.push_back(held[i]);
        }
        if (least.empty()) return std::nullopt;
        return least[random.below(static_cast<std::uint32_t>(least.size()))];
    };
    // More are kept than used: each further one is one more relay that gets to know us.
    for (std::size_t among = good > 0 ? good : used; among <= held.size(); ++among)
        if (auto found = least_loaded(among, has_room)) return found;
    if (when != Adopt::never && may_adopt() && awaited(use, now_unix_s) == 0) {
        if (auto added = adopt(use, candidates, suits, now_unix_s, random)) return added;
    }
    return least_loaded(held.size(), [](const Candidate&) { return true; });
}

} // namespace cepa::tunnel
