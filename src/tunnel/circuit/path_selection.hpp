// Which relays and which exit a circuit of ours goes through. The whole path is drawn from our own view of the network,
// exit first, before the first hop has said anything (a hostile first hop could else pick the rest). Pure policy: the
// candidates and what our circuits use already come in with each call.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.1 and 18 (F3, F9).
#pragma once

#include "base/result.hpp"
#include "tunnel/circuit/guards.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cepa::tunnel {

/// Hop 0 comes first, the exit last.
using Path = std::vector<Candidate>;

/// What a path is wanted for. A path for hidden services has its second hop from the few that are kept for that, and no
/// hop of a stranger's choice has an influence on whom we know as guards.
struct PathWish {
    CircuitPurpose purpose = CircuitPurpose::data;
    std::uint8_t hops = 1;
    /// Data paths end at an exit; the others at this node, which need not be a candidate, or at any relay or exit.
    std::optional<Candidate> last;
    std::vector<PublicKey> avoid_last;
    /// Last hops that were silent to this purpose behind a hop (the one before them that is kept), which may have
    /// dropped what they were asked: behind that hop, and only there, others come first. Each pair once.
    std::vector<std::pair<PublicKey, PublicKey>> silent_behind;
    /// Workers that want different last hops for one thing: in the order of keys, every `parts`-th is this one's, from
    /// `part` on. Another is taken where none of those will do.
    std::uint32_t part = 0;
    std::uint32_t parts = 1;
    /// Hidden services only: hops of paths for the same purpose that are still being built, and slow. Others of the
    /// first and second hops that are kept come first; whoever was slow on purpose has this path less, and chooses
    /// nobody.
    std::vector<PublicKey> beside;
};

/// What may be a hop, fixed for the life of a Tunnel.
struct PathRules {
    PublicKey self;
    std::vector<PublicKey> family; ///< the user's other nodes: never a hop, like ourselves
    bool public_network = false;
    bool allow_loopback = false;
    bool allow_equal_prefixes = false;
    bool chooses_guards = true; ///< worker 0; the others use what it chose
    std::uint32_t workers = 1;  ///< share the circuits that one guard may carry
    /// Whether an address is one of ours.
    std::function<bool(const Endpoint&)> is_own;
};

/// How many of our circuits use each node, by role. First hops carry what strangers make us build apart from the rest:
/// it takes no guard's room, or a flood of requests would make us adopt another with the next download.
struct PathLoads {
    Guards::Load first_hops;
    Guards::Load single_hops;
    Guards::Load exits;
    Guards::Load strangers; ///< first hops of rendezvous circuits, whatever their length
};

class PathSelection {
public:
    PathSelection(PathRules rules, std::vector<Guard> guards, RandomSource& random);

    /// A path of `hops` hops (1..5). Fails with no_candidates when none can be made now. May adopt a guard.
    [[nodiscard]] Result<Path> choose(std::uint8_t hops, const std::vector<Candidate>& candidates,
                                      const PathLoads& loads, std::int64_t now_unix_s);

    /// The same for any purpose. Fails with refused_by_policy, too, when the required last hop may be none of ours.
    [[nodiscard]] Result<Path> choose(const PathWish& wish, const std::vector<Candidate>& candidates,
                                      const PathLoads& loads, std::int64_t now_unix_s);
    /// Another first hop for a path, none of `avoid`, and none that would not have been chosen before.
    [[nodiscard]] std::optional<Candidate> choose_other_first(const PathWish& wish, const Path& path,
                                                              std::span<const PublicKey> avoid,
                                                              const std::vector<Candidate>& candidates,
                                                              const PathLoads& loads, std::int64_t now_unix_s);

    /// Another node for `position` of `path` that goes with all its other hops and is not among `avoid`; only nodes
    /// for which `suits` holds, and at position 0 no new guard. Nullopt when there is none. Where few plain relays suit,
    /// exits stand in the middle too, or those few would see the middle of every path.
    [[nodiscard]] std::optional<Candidate> choose_other(const Path& path, std::size_t position,
                                                        std::span<const PublicKey> avoid,
                                                        const std::function<bool(const Candidate&)>& suits,
                                                        const std::vector<Candidate>& candidates,
                                                        const PathLoads& loads, std::int64_t now_unix_s);

    /// Whether two nodes may stand in one path: not one key, and not one /16 (IPv6: /32) or address.
    [[nodiscard]] bool together(const Candidate& a, const Candidate& b) const noexcept;
    /// Whether a node may be a hop of ours at all.
    [[nodiscard]] bool usable(const Candidate& candidate) const;

    [[nodiscard]] Guards& guards() noexcept { return guards_; }
    [[nodiscard]] const Guards& guards() const noexcept { return guards_; }

private:
    using Suits = std::function<bool(const Candidate&)>;
    [[nodiscard]] std::vector<Candidate> exits_by_use(const std::vector<Candidate>& candidates, const PathLoads& loads);
    [[nodiscard]] std::optional<Candidate> choose_middle(const std::vector<Candidate>& candidates, const Suits& suits,
                                                         std::size_t enough_relays);
    [[nodiscard]] std::optional<Path> complete(std::uint8_t hops, const Candidate& exit,
                                               const std::vector<Candidate>& candidates, const PathLoads& loads,
                                               std::int64_t now_unix_s);

    // hidden_paths.cpp
    struct HiddenSearch;
    [[nodiscard]] Result<Path> choose_hidden(const HiddenSearch& search);
    [[nodiscard]] std::optional<Candidate> hidden_first(const HiddenSearch& search, const Suits& suits,
                                                        const Suits& later);
    [[nodiscard]] std::optional<Path> behind_first(const HiddenSearch& search, const Candidate& first);
    [[nodiscard]] std::optional<Path> behind_second(const HiddenSearch& search, const Path& begun);
    [[nodiscard]] std::optional<Candidate> second_hop(const HiddenSearch& search, const Suits& suits, Adopt when,
                                                      const Suits& later);
    [[nodiscard]] std::optional<Candidate> hidden_last(const HiddenSearch& search, const Path& path);

    PathRules rules_;
    RandomSource& random_;
    Guards guards_;
};

} // namespace cepa::tunnel
