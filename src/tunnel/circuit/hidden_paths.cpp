// Paths of hidden services: who seeds makes circuits whenever a stranger asks, and who downloads ends them where a
// stranger says. So first and second hops come from sets that neither can make grow, and a last hop of a stranger's
// choice excludes nothing but itself from them (a /16 would let it sort our guards).
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 18 (F9).
#include "tunnel/circuit/path_selection.hpp"
#include "tunnel/error.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

constexpr int kTriesBehindSecond = 4;

bool contains_key(std::span<const PublicKey> keys, const PublicKey& key)
{
    return std::ranges::find(keys, key) != keys.end();
}

/// Not one node, as far as key and address tell.
bool are_two(const Candidate& a, const Candidate& b) noexcept
{
    return a.key != b.key && a.address.ip != b.address.ip;
}

/// On loopback, and wherever a network shares one address, only the whole address tells nodes apart.
bool are_two_here(const Candidate& a, const Candidate& b, bool one_address) noexcept
{
    return one_address ? a.key != b.key && a.address != b.address : are_two(a, b);
}

/// Those of `keys` that fall to the worker whose wish it is.
std::vector<PublicKey> part_of(const PathWish& wish, std::vector<PublicKey> keys)
{
    std::ranges::sort(keys);
    std::vector<PublicKey> out;
    for (std::size_t at = wish.part; at < keys.size(); at += wish.parts)
        out.push_back(keys[at]);
    return out;
}

/// All that first hops carry: nobody is adopted for it, but it is spread.
Guards::Load all_carried(const Guards::Load& own, const Guards::Load& strangers)
{
    Guards::Load out = own;
    for (const auto& [key, circuits] : strangers)
        out[key] += circuits;
    return out;
}

} // namespace

struct PathSelection::HiddenSearch {
    const PathWish& wish;
    const std::vector<Candidate>& candidates;
    const PathLoads& loads;
    std::int64_t now_unix_s;
    bool one_address; ///< nodes may share one

    [[nodiscard]] bool beside_last(const Candidate& c) const
    {
        return !wish.last || are_two_here(c, *wish.last, one_address);
    }
    [[nodiscard]] bool may_be_last(const Candidate& c) const { return !contains_key(wish.avoid_last, c.key); }
    [[nodiscard]] bool was_silent(const Candidate& before, const Candidate& last) const
    {
        return std::ranges::find(wish.silent_behind, std::pair(before.key, last.key)) != wish.silent_behind.end();
    }
    [[nodiscard]] bool is_unwilling(const Candidate& last) const
    {
        return std::ranges::count(wish.silent_behind, last.key, &std::pair<PublicKey, PublicKey>::second) >= 2;
    }
    [[nodiscard]] bool is_beside(const Candidate& c) const { return contains_key(wish.beside, c.key); }
    /// As far as somebody has shown. Silence says nothing: hops before it could drop what it was asked.
    static bool is_reachable(const Candidate& c) { return has(c.flags, PeerFlag::exit_bittorrent) || c.connectable; }
};

Result<Path> PathSelection::choose(const PathWish& wish, const std::vector<Candidate>& candidates,
                                   const PathLoads& loads, std::int64_t now_unix_s)
{
    if (wish.purpose == CircuitPurpose::data) return choose(wish.hops, candidates, loads, now_unix_s);
    return choose_hidden({wish, candidates, loads, now_unix_s, rules_.allow_equal_prefixes});
}

Result<Path> PathSelection::choose_hidden(const HiddenSearch& search)
{
    guards_.keep_second_hops();
    guards_.maintain(search.candidates, search.now_unix_s, random_);
    if (search.wish.last && (!usable(*search.wish.last) || search.wish.hops < 2))
        return fail(TunnelError::refused_by_policy);
    std::vector<PublicKey> tried;
    while (const auto first = hidden_first(
               search, [&](const Candidate& c) { return !contains_key(tried, c.key); },
               [&](const Candidate& c) { return search.is_beside(c); })) {
        if (auto path = behind_first(search, *first)) return *std::move(path);
        tried.push_back(first->key);
    }
    return fail(TunnelError::no_candidates);
}

// 1-hop paths have guards that are exits; a network without any has other relays.
std::optional<Candidate> PathSelection::hidden_first(const HiddenSearch& search, const Suits& suits, const Suits& later)
{
    const bool single = search.wish.hops == 1;
    const Suits fits = [&](const Candidate& c) {
        return search.beside_last(c) && (!single || search.may_be_last(c)) && suits(c);
    };
    const auto draw = [&](GuardUse use, const Guards::Load& own) {
        return guards_.choose(use, search.candidates, all_carried(own, search.loads.strangers), fits,
                              search.now_unix_s, random_, Adopt::never, later);
    };
    if (single) {
        if (auto exit = draw(GuardUse::single_hop, search.loads.single_hops)) return exit;
    }
    return draw(GuardUse::first_hop, search.loads.first_hops);
}

// At random: the least used would be one whose circuits all fail, and who wants to be drawn would let them.
std::optional<Candidate> PathSelection::second_hop(const HiddenSearch& search, const Suits& suits, Adopt when,
                                                   const Suits& later)
{
    return guards_.choose(GuardUse::second_hop, search.candidates, {}, suits, search.now_unix_s, random_, when,
                          [&](const Candidate& c) { return search.is_beside(c) || (later && later(c)); });
}

std::optional<Path> PathSelection::behind_first(const HiddenSearch& search, const Candidate& first)
{
    if (search.wish.hops == 1) return Path{first};
    if (search.wish.hops == 2 && search.wish.last) return Path{first, *search.wish.last};
    if (search.wish.hops == 2) {
        // Several introduction points of one swarm are several nodes: here, and only here, our own wish needs more.
        const Adopt when = search.wish.purpose == CircuitPurpose::introduction ? Adopt::when_none : Adopt::never;
        // One that is not willing does not suit: but two first hops must witness it, or one could make us know ever
        // more.
        const Suits suits = [&](const Candidate& c) {
            return together(c, first) && search.may_be_last(c) && !search.is_unwilling(c);
        };
        const Suits was_silent = [&](const Candidate& c) { return search.was_silent(first, c); };
        std::optional<Candidate> second;
        if (search.wish.parts > 1) {
            std::vector<PublicKey> kept;
            for (const Guard& guard : guards_.all())
                if (guard.second_hop) kept.push_back(guard.key);
            const std::vector<PublicKey> ours = part_of(search.wish, std::move(kept));
            const Suits is_ours = [&](const Candidate& c) { return contains_key(ours, c.key) && suits(c); };
            second = second_hop(search, is_ours, Adopt::never, was_silent);
        }
        if (!second) second = second_hop(search, suits, when, was_silent);
        return second ? std::optional(Path{first, *second}) : std::nullopt;
    }
    std::vector<PublicKey> tried;
    while (const auto second = second_hop(
               search,
               [&](const Candidate& c) {
                   return together(c, first) && search.beside_last(c) && !contains_key(tried, c.key);
               },
               Adopt::never, {})) {
        if (auto path = behind_second(search, {first, *second})) return path;
        tried.push_back(second->key);
    }
    return std::nullopt;
}

std::optional<Path> PathSelection::behind_second(const HiddenSearch& search, const Path& begun)
{
    for (int attempt = 0; attempt < kTriesBehindSecond; ++attempt) {
        const auto last = search.wish.last ? search.wish.last : hidden_last(search, begun);
        if (!last) return std::nullopt;
        Path path = begun;
        while (path.size() + 1U < search.wish.hops) {
            const auto middle = choose_middle(
                search.candidates,
                [&](const Candidate& c) {
                    return search.beside_last(c) && (search.wish.last || together(c, *last)) &&
                           std::ranges::all_of(path, [&](const Candidate& hop) { return together(c, hop); });
                },
                1);
            if (!middle) break;
            path.push_back(*middle);
        }
        if (path.size() + 1U < search.wish.hops) continue;
        path.push_back(*last);
        return path;
    }
    return std::nullopt;
}

// The other end reaches it by its address, so one that is known to be reachable comes first.
std::optional<Candidate> PathSelection::hidden_last(const HiddenSearch& search, const Path& path)
{
    std::array<std::vector<const Candidate*>, 4> ranks;
    for (const Candidate& c : search.candidates) {
        const bool relays = has(c.flags, PeerFlag::relay) || has(c.flags, PeerFlag::exit_bittorrent);
        if (!relays || !usable(c) || !search.may_be_last(c)) continue;
        if (!std::ranges::all_of(path, [&](const Candidate& hop) { return together(c, hop); })) continue;
        const bool silent = search.was_silent(path.back(), c);
        ranks[(silent ? 2U : 0U) + (HiddenSearch::is_reachable(c) ? 0U : 1U)].push_back(&c);
    }
    if (search.wish.parts > 1) {
        std::vector<PublicKey> keys;
        for (const Candidate& c : search.candidates)
            keys.push_back(c.key);
        const std::vector<PublicKey> ours = part_of(search.wish, std::move(keys));
        for (auto& rank : ranks) {
            const auto others = std::ranges::stable_partition(
                rank, [&](const Candidate* c) { return std::ranges::binary_search(ours, c->key); });
            if (others.begin() != rank.begin()) rank.erase(others.begin(), others.end());
        }
    }
    for (const auto& rank : ranks)
        if (!rank.empty()) return *rank[random_.below(static_cast<std::uint32_t>(rank.size()))];
    return std::nullopt;
}

std::optional<Candidate> PathSelection::choose_other_first(const PathWish& wish, const Path& path,
                                                           std::span<const PublicKey> avoid,
                                                           const std::vector<Candidate>& candidates,
                                                           const PathLoads& loads, std::int64_t now_unix_s)
{
    if (wish.purpose == CircuitPurpose::data)
        return choose_other(path, 0, avoid, [](const Candidate&) { return true; }, candidates, loads, now_unix_s);
    const HiddenSearch search{wish, candidates, loads, now_unix_s, rules_.allow_equal_prefixes};
    const std::size_t ours = wish.last ? path.size() - 1 : path.size(); // a required last hop: see beside_last()
    const Suits avoided = [&](const Candidate& c) { return contains_key(avoid, c.key); };
    auto other = hidden_first(
        search,
        [&](const Candidate& c) {
            return std::all_of(path.begin() + 1,
                               path.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(ours, 1)),
                               [&](const Candidate& hop) { return together(c, hop); });
        },
        avoided);
    return other && !avoided(*other) ? other : std::nullopt;
}

} // namespace cepa::tunnel
