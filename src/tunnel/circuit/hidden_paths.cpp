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
    [[nodiscard]] bool is_unreachable(const Candidate& c) const { return wish.unreachable && wish.unreachable(c.key); }
    [[nodiscard]] bool is_silent(const Candidate& c) const { return wish.silent && wish.silent(c.key); }
    [[nodiscard]] bool is_reachable(const Candidate& c) const
    {
        return has(c.flags, PeerFlag::exit_bittorrent) || (c.connectable && !is_unreachable(c));
    }
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
    while (const auto first = hidden_first(search, [&](const Candidate& c) { return !contains_key(tried, c.key); })) {
        if (auto path = behind_first(search, *first)) return *std::move(path);
        tried.push_back(first->key);
    }
    return fail(TunnelError::no_candidates);
}

// 1-hop paths have guards that are exits; a network without any has other relays.
std::optional<Candidate> PathSelection::hidden_first(const HiddenSearch& search, const Suits& suits)
{
    const bool single = search.wish.hops == 1;
    const Suits fits = [&](const Candidate& c) {
        return search.beside_last(c) && (!single || search.may_be_last(c)) && suits(c);
    };
    const auto draw = [&](GuardUse use, const Guards::Load& own, const Suits& which) {
        return guards_.choose(use, search.candidates, all_carried(own, search.loads.strangers), which,
                              search.now_unix_s, random_, Adopt::never);
    };
    if (single) {
        if (auto exit = draw(GuardUse::single_hop, search.loads.single_hops, fits)) return exit;
    }
    const Suits speaks = [&](const Candidate& c) { return !search.is_silent(c) && fits(c); };
    if (auto found = draw(GuardUse::first_hop, search.loads.first_hops, speaks)) return found;
    return draw(GuardUse::first_hop, search.loads.first_hops, fits);
}

// One that was silent lately only where there is no other.
std::optional<Candidate> PathSelection::second_hop(const HiddenSearch& search, const Suits& suits, Adopt when)
{
    const auto draw = [&](const Suits& fits, Adopt adopt) {
        return guards_.choose(GuardUse::second_hop, search.candidates, search.loads.second_hops, fits,
                              search.now_unix_s, random_, adopt);
    };
    const Suits reachable = [&](const Candidate& c) { return !search.is_unreachable(c) && suits(c); };
    if (auto found = draw([&](const Candidate& c) { return !search.is_silent(c) && reachable(c); }, Adopt::never))
        return found;
    if (auto found = draw(reachable, when)) return found;
    return draw(suits, Adopt::never);
}

std::optional<Path> PathSelection::behind_first(const HiddenSearch& search, const Candidate& first)
{
    if (search.wish.hops == 1) return Path{first};
    if (search.wish.hops == 2 && search.wish.last) return Path{first, *search.wish.last};
    if (search.wish.hops == 2) {
        // Several introduction points of one swarm are several nodes: here, and only here, our own wish needs more.
        const Adopt when = search.wish.purpose == CircuitPurpose::introduction ? Adopt::when_none : Adopt::never;
        const auto second =
            second_hop(search, [&](const Candidate& c) { return together(c, first) && search.may_be_last(c); }, when);
        return second ? std::optional(Path{first, *second}) : std::nullopt;
    }
    std::vector<PublicKey> tried;
    while (const auto second = second_hop(
               search,
               [&](const Candidate& c) {
                   return together(c, first) && search.beside_last(c) && !contains_key(tried, c.key);
               },
               Adopt::never)) {
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
    std::array<std::vector<const Candidate*>, 3> ranks;
    for (const Candidate& c : search.candidates) {
        const bool relays = has(c.flags, PeerFlag::relay) || has(c.flags, PeerFlag::exit_bittorrent);
        if (!relays || !usable(c) || !search.may_be_last(c)) continue;
        if (!std::ranges::all_of(path, [&](const Candidate& hop) { return together(c, hop); })) continue;
        const bool bad = search.is_silent(c) || search.is_unreachable(c);
        ranks[bad ? 2U : search.is_reachable(c) ? 0U : 1U].push_back(&c);
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
    const HiddenSearch search{wish, candidates, loads, now_unix_s, rules_.allow_equal_prefixes};
    const std::size_t ours = wish.last ? path.size() - 1 : path.size(); // a required last hop: see beside_last()
    return hidden_first(search, [&](const Candidate& c) {
        if (contains_key(avoid, c.key)) return false;
        return std::all_of(path.begin() + 1, path.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(ours, 1)),
                           [&](const Candidate& hop) { return together(c, hop); });
    });
}

} // namespace cepa::tunnel
