// The few first hops that are kept for a month, so that time does not try every relay against us. 1-hop paths have
// guards of their own, which are exits. Pure: which candidates exist and what they carry comes in with each call.
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

/// What a guard is for: the first hop of a longer path, or the exit of a 1-hop path.
enum class GuardUse : std::uint8_t { first_hop, single_hop };

class Guards {
public:
    static constexpr std::size_t kWanted = 3;
    /// A guard that carries this many circuits gets no more while another can be had.
    static constexpr std::uint32_t kMostCircuits = 16;
    /// Guards of one use; beyond, an absent one makes room.
    static constexpr std::size_t kMost = 12;
    static constexpr std::int64_t kKeptSeconds = 30 * 86400;

    /// May this candidate be a guard for that use at all (role, address, not ourselves).
    using Fit = std::function<bool(const Candidate&, GuardUse)>;
    /// Circuits that a guard carries now.
    using Load = std::unordered_map<PublicKey, std::uint32_t>;
    [[nodiscard]] static std::uint32_t carried_by(const Load& load, const PublicKey& key)
    {
        const auto found = load.find(key);
        return found == load.end() ? 0 : found->second;
    }

    Guards(std::vector<Guard> kept, Fit fit, bool spread_prefixes);

    [[nodiscard]] const std::vector<Guard>& all() const noexcept { return guards_; }
    /// What another worker chose. Does not count as a change.
    void replace(std::vector<Guard> guards) { guards_ = std::move(guards); }

    /// Forgets what is older than 30 days, follows moved addresses, and chooses new ones until kWanted of each use are
    /// present, as far as candidates go.
    void maintain(const std::vector<Candidate>& candidates, std::int64_t now_unix_s, RandomSource& random);

    /// A first hop: the least loaded present guard for which `suits` holds, a new guard when none does or all are full.
    /// Nullopt when no candidate suits.
    [[nodiscard]] std::optional<Candidate> choose(GuardUse use, const std::vector<Candidate>& candidates, const Load& load,
                                                  const std::function<bool(const Candidate&)>& suits,
                                                  std::int64_t now_unix_s, RandomSource& random);

    /// Whether all() changed since the last call.
    [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }

private:
    [[nodiscard]] const Guard* find(const PublicKey& key, GuardUse use) const noexcept;
    [[nodiscard]] std::vector<Candidate> present(GuardUse use, const std::vector<Candidate>& candidates) const;
    [[nodiscard]] std::optional<Candidate> adopt(GuardUse use, const std::vector<Candidate>& candidates,
                                                 const std::function<bool(const Candidate&)>& suits,
                                                 std::int64_t now_unix_s, RandomSource& random);
    void make_room(GuardUse use, const std::vector<Candidate>& candidates);

    std::vector<Guard> guards_;
    Fit fit_;
    bool spread_prefixes_;
    bool changed_ = false;
};

} // namespace cepa::tunnel
