// The few first hops that are kept for a month, so that time does not try every relay against us. 1-hop paths have
// guards of their own, which are exits. Circuits of hidden services, which strangers make us build at will, have few
// second hops too: what may see the first guard is then drawn seldom. Pure: which candidates exist and what they carry comes in with each call.
// Process: worker, io thread; worker 0 chooses, main stores and shares. Spec: docs/protocol.md, section 18 (F9).
#pragma once

#include "tunnel/environment.hpp"
#include "tunnel/settings.hpp"
#include "tunnel/tunnel.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// What a guard is for: the first hop of a longer path, the exit of a 1-hop path, or the second hop of a path for hidden
/// services.
enum class GuardUse : std::uint8_t { first_hop, single_hop, second_hop };

/// When choosing may adopt a guard beyond those that maintain() keeps.
enum class Adopt : std::uint8_t {
    when_full, ///< when those that suit carry as much as they may, or none suits
    when_none, ///< when none suits; what they carry does not count
    never,     ///< what they carry does not count either: strangers could else make us know ever more guards
};

class Guards {
public:
    static constexpr std::size_t kWanted = 3;
    /// A guard that carries this many circuits of all workers gets no more while another can be had.
    static constexpr std::uint32_t kMostCircuits = 16;
    /// A stored guard is asked for this long before its silence makes us adopt another. Time in which nobody at all can
    /// be reached does not count. The walk asks it five times meanwhile.
    static constexpr std::int64_t kAwaitedSeconds = 20;
    /// Guards of one use; beyond, an absent one makes room.
    static constexpr std::size_t kMost = 12;
    static constexpr std::int64_t kKeptSeconds = 30 * 86400;
    /// A second hop is kept for the longer of two lives, both drawn between these: 30 days on average. Who waits to be
    /// drawn cannot know when; and the life that a second hop still has, when it is found, is more often a short one.
    static constexpr std::int64_t kSecondLeastSeconds = 86400;
    static constexpr std::int64_t kSecondMostSeconds = 45 * 86400;

    /// May this candidate be a guard for that use at all (role, address, not ourselves).
    using Fit = std::function<bool(const Candidate&, GuardUse)>;
    /// Circuits that a guard carries now.
    using Load = std::unordered_map<PublicKey, std::uint32_t>;
    [[nodiscard]] static std::uint32_t carried_by(const Load& load, const PublicKey& key)
    {
        const auto found = load.find(key);
        return found == load.end() ? 0 : found->second;
    }

    struct Rules {
        Fit fit;
        bool spread_prefixes = true;
        std::uint32_t most_circuits = kMostCircuits; ///< of this worker on one guard
        bool follows = false; ///< another worker chooses: once told of guards, it adopts none itself
    };
    Guards(std::vector<Guard> kept, Rules rules);

    [[nodiscard]] const std::vector<Guard>& all() const noexcept { return guards_; }
    /// What another worker chose. Does not count as a change.
    void replace(std::vector<Guard> guards);

    /// Forgets what is older than 30 days, follows moved addresses, and chooses new ones until kWanted of each use are
    /// present or awaited, as far as candidates go.
    void maintain(const std::vector<Candidate>& candidates, std::int64_t now_unix_s, RandomSource& random);

    /// A first hop for which `suits` holds: the least loaded of the oldest kWanted that are present, a later one when
    /// those do not suit or are full, then a new one, unless an absent one is still awaited. Nullopt when nobody suits.
    /// Those of the oldest kWanted that were silent (see below), or for which `later` holds, come after the others of
    /// them, and before anybody else: silence can be made by others, and must not change whom we know.
    [[nodiscard]] std::optional<Candidate> choose(GuardUse use, const std::vector<Candidate>& candidates,
                                                  const Load& load, const std::function<bool(const Candidate&)>& suits,
                                                  std::int64_t now_unix_s, RandomSource& random,
                                                  Adopt when = Adopt::when_full,
                                                  const std::function<bool(const Candidate&)>& later = {});

    /// From now on second hops are kept too.
    void keep_second_hops() noexcept { second_hops_ = true; }

    /// Whether a longer path through this first hop, on to `next`, was completed. A guard over which most fail may be
    /// choosing our paths by its silence: it is late. Failures behind one next hop only are that one's, as far as we
    /// know: it could else drive us off the guards that are not its friends.
    void on_path(const PublicKey& key, const PublicKey& next, bool completed, std::int64_t now_unix_s);
    /// Whether a first hop answered our create. Nobody but itself and our own line could keep it from that.
    void on_create(const PublicKey& first, bool answered, std::int64_t now_unix_s);
    /// Whether a second hop answered an extend that went through `first`, which could have dropped it: it is late when
    /// it was silent behind two different first hops, and nobody heard it since.
    void on_second_hop(const PublicKey& first, const PublicKey& second, bool answered, std::int64_t now_unix_s);

    /// Whether all() changed since the last call.
    [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }

private:
    struct Record {
        std::uint32_t paths = 0;
        std::uint32_t failed = 0;
        std::int64_t since = 0;
        std::vector<PublicKey> behind; ///< different next hops of those that failed; kWitnesses are enough
    };
    /// Behind whom a second hop was silent.
    struct Silence {
        std::int64_t since = 0;
        std::vector<PublicKey> firsts; ///< different; kWitnesses are enough
    };
    [[nodiscard]] const Guard* find(const PublicKey& key, GuardUse use) const noexcept;
    void note_absent(const std::vector<Candidate>& candidates, std::int64_t now_unix_s);
    [[nodiscard]] std::size_t awaited(GuardUse use, std::int64_t now_unix_s) const;
    [[nodiscard]] bool may_adopt() const noexcept { return !rules_.follows || !told_; }
    [[nodiscard]] Guard drawn(GuardUse use, const Candidate& chosen, std::int64_t now_unix_s, RandomSource& random);
    [[nodiscard]] bool is_late(GuardUse use, const PublicKey& key, std::int64_t now_unix_s) const;
    [[nodiscard]] std::vector<Candidate> present(GuardUse use, const std::vector<Candidate>& candidates) const;
    [[nodiscard]] std::optional<Candidate> adopt(GuardUse use, const std::vector<Candidate>& candidates,
                                                 const std::function<bool(const Candidate&)>& suits,
                                                 std::int64_t now_unix_s, RandomSource& random);
    void make_room(GuardUse use, const std::vector<Candidate>& candidates);

    std::vector<Guard> guards_; ///< oldest first
    Rules rules_;
    bool told_;
    bool changed_ = false;
    bool second_hops_ = false;
    std::int64_t second_since_ = 0; ///< when they were first chosen; 0: not yet
    std::unordered_map<PublicKey, std::int64_t> absent_since_;
    std::unordered_map<PublicKey, Record> records_;
    std::unordered_map<PublicKey, std::int64_t> unanswered_; ///< creates, since when
    std::unordered_map<PublicKey, Silence> silent_seconds_;
};

} // namespace cepa::tunnel
