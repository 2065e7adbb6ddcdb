#include "tunnel/circuit/path_selection.hpp"

#include "tunnel/error.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

void shuffle(std::vector<Candidate>& candidates, RandomSource& random)
{
    for (std::size_t i = candidates.size(); i > 1; --i)
        std::swap(candidates[i - 1], candidates[random.below(static_cast<std::uint32_t>(i))]);
}

constexpr std::size_t kEnoughRelays = 4;

bool is_relay(const Candidate& c) noexcept
{
    return has(c.flags, PeerFlag::relay);
}
bool is_exit(const Candidate& c) noexcept
{
    return has(c.flags, PeerFlag::exit_bittorrent);
}

} // namespace

PathSelection::PathSelection(PathRules rules, std::vector<Guard> guards, RandomSource& random)
    : rules_(std::move(rules)), random_(random),
      guards_(std::move(guards),
              {[this](const Candidate& c, GuardUse use) {
                   return usable(c) && (use == GuardUse::single_hop ? is_exit(c) : is_relay(c));
               },
               !rules_.allow_equal_prefixes, std::max(Guards::kMostCircuits / std::max(rules_.workers, 1U), 1U),
               !rules_.chooses_guards})
{
}

bool PathSelection::usable(const Candidate& candidate) const
{
    if (candidate.key == rules_.self || std::ranges::count(rules_.family, candidate.key) > 0) return false;
    if (candidate.address.port == 0 || (rules_.is_own && rules_.is_own(candidate.address))) return false;
    const IpAddress& ip = candidate.address.ip;
    if (ip.is_loopback()) return rules_.allow_loopback;
    return rules_.public_network ? ip.is_global_unicast() : !ip.is_unspecified();
}

bool PathSelection::together(const Candidate& a, const Candidate& b) const noexcept
{
    if (a.key == b.key || a.address == b.address) return false;
    return rules_.allow_equal_prefixes || a.address.ip.diversity_prefix() != b.address.ip.diversity_prefix();
}

// Least used first, equals in random order; backup exits only when there is nothing else.
std::vector<Candidate> PathSelection::exits_by_use(const std::vector<Candidate>& candidates, const PathLoads& loads)
{
    std::vector<Candidate> exits;
    std::ranges::copy_if(candidates, std::back_inserter(exits),
                         [&](const Candidate& c) { return is_exit(c) && usable(c); });
    const auto is_backup = [](const Candidate& c) { return has(c.flags, PeerFlag::backup_exit); };
    if (!std::ranges::all_of(exits, is_backup)) std::erase_if(exits, is_backup);
    shuffle(exits, random_);
    std::ranges::stable_sort(exits, {}, [&](const Candidate& c) { return Guards::carried_by(loads.exits, c.key); });
    return exits;
}

// Exits are scarce and carry more: they are middle hops only where fewer plain relays fit than are enough.
std::optional<Candidate> PathSelection::choose_middle(const std::vector<Candidate>& candidates, const Suits& suits,
                                                      std::size_t enough_relays)
{
    std::vector<Candidate> relays;
    std::vector<Candidate> exits;
    for (const Candidate& candidate : candidates) {
        if (is_relay(candidate) && usable(candidate) && suits(candidate))
            (is_exit(candidate) ? exits : relays).push_back(candidate);
    }
    if (relays.size() < enough_relays) relays.insert(relays.end(), exits.begin(), exits.end());
    if (relays.empty()) return std::nullopt;
    return relays[random_.below(static_cast<std::uint32_t>(relays.size()))];
}

std::optional<Path> PathSelection::complete(std::uint8_t hops, const Candidate& exit,
                                            const std::vector<Candidate>& candidates, const PathLoads& loads,
                                            std::int64_t now_unix_s)
{
    const auto first = guards_.choose(
        GuardUse::first_hop, candidates, loads.first_hops, [&](const Candidate& c) { return together(c, exit); },
        now_unix_s, random_);
    if (!first) return std::nullopt;
    Path path{*first};
    while (path.size() + 1U < hops) {
        const auto middle = choose_middle(
            candidates,
            [&](const Candidate& c) {
                return together(c, exit) &&
                       std::ranges::all_of(path, [&](const Candidate& hop) { return together(c, hop); });
            },
            1);
        if (!middle) return std::nullopt;
        path.push_back(*middle);
    }
    path.push_back(exit);
    return path;
}

Result<Path> PathSelection::choose(std::uint8_t hops, const std::vector<Candidate>& candidates, const PathLoads& loads,
                                   std::int64_t now_unix_s)
{
    guards_.maintain(candidates, now_unix_s, random_);
    if (hops == 1) {
        const auto exit = guards_.choose(
            GuardUse::single_hop, candidates, loads.single_hops, [](const Candidate&) { return true; }, now_unix_s,
            random_);
        return exit ? Result<Path>(Path{*exit}) : fail(TunnelError::no_candidates);
    }
    // Small networks: another exit or another guard may make the difference, so every exit is tried.
    for (const Candidate& exit : exits_by_use(candidates, loads)) {
        for (int attempt = 0; attempt < 4; ++attempt) {
            if (auto path = complete(hops, exit, candidates, loads, now_unix_s)) return *std::move(path);
        }
    }
    return fail(TunnelError::no_candidates);
}

std::optional<Candidate> PathSelection::choose_other(const Path& path, std::size_t position,
                                                     std::span<const PublicKey> avoid, const Suits& suits,
                                                     const std::vector<Candidate>& candidates, const PathLoads& loads,
                                                     std::int64_t now_unix_s)
{
    const Suits avoided = [&](const Candidate& c) { return std::ranges::count(avoid, c.key) > 0; };
    const Suits goes_with = [&](const Candidate& c) {
        if (!suits(c)) return false;
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (i != position && !together(c, path[i])) return false;
        }
        return true;
    };
    if (position == 0) { // whose silence must not make us know more guards
        const bool single = path.size() == 1;
        auto other = guards_.choose(single ? GuardUse::single_hop : GuardUse::first_hop, candidates,
                                    single ? loads.single_hops : loads.first_hops, goes_with, now_unix_s, random_,
                                    Adopt::never, avoided);
        return other && !avoided(*other) ? other : std::nullopt;
    }
    const Suits fits = [&](const Candidate& c) { return !avoided(c) && goes_with(c); };
    if (position + 1 < path.size()) return choose_middle(candidates, fits, kEnoughRelays);
    for (const Candidate& exit : exits_by_use(candidates, loads)) {
        if (fits(exit)) return exit;
    }
    return std::nullopt;
}

} // namespace cepa::tunnel
