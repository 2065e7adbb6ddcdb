// Which of the requests for a seeder that an introduction point serves reach it. A request costs the seeder a handshake
// and a circuit, so few pass. Where more come than pass, they wait for a moment, and who passes is drawn: so nobody who
// keeps on asking, from however many addresses, shuts the others out. Nothing is remembered of who asked before: honest
// requests come out of exits, which whoever floods can use, too, and outside a cell a source can be invented. Sources
// where a node was proven to live have every second draw for themselves.
// Pure: the time comes in. Process: worker, io thread. Spec: docs/protocol.md, sections 18 and 21.
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "tunnel/crypto/keys.hpp"
#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/environment.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// A create-e2e that waits.
struct WaitingRequest {
    Endpoint source;
    bool proven = false; ///< a node is known to live at that address
    KeyBytes ephemeral{};
    Bytes packet;
    TimePoint came{};
    std::uint32_t lot = 0; ///< drawn when it came: who comes later has no better chance to keep its place
};

class RequestShares {
public:
    /// Twice what a seeder of ours takes from one introduction point: deployed ones take all.
    static constexpr double kPerSecond = 2;
    static constexpr double kAtOnce = 8;
    /// A downloader asks the next introduction point after 4 s.
    static constexpr Duration kWait = std::chrono::seconds(2);
    /// For one seeder, of proven sources and of all others each.
    static constexpr std::size_t kMostWaiting = 12;
    /// Seeders that are remembered; the caller asks about those that the node serves only.
    static constexpr std::size_t kMostSeeders = 256;

    using Pass = std::function<void(const PublicKey& swarm_key, const WaitingRequest& request)>;

    explicit RequestShares(RandomSource& random) noexcept : random_(random) {}

    /// Whether a request for that seeder passes at once: nobody waits, and few came lately. Counts it if so.
    [[nodiscard]] bool pass(const PublicKey& swarm_key, TimePoint now);
    /// A request that did not. False when there is no place for all that wait: it or another goes then.
    bool wait(const PublicKey& swarm_key, WaitingRequest request, TimePoint now);
    [[nodiscard]] bool waits(const PublicKey& swarm_key, const KeyBytes& ephemeral) const;
    /// Gives whoever is drawn to `pass`, and says how many have waited in vain. To be called about every second.
    std::size_t draw(TimePoint now, const Pass& pass);

private:
    using Waiting = std::vector<WaitingRequest>;
    struct Seeder {
        FloodLimit share{kPerSecond, kAtOnce};
        std::array<Waiting, 2> waiting; ///< proven ones second
        TimePoint last{};
        [[nodiscard]] bool idle() const noexcept { return waiting[0].empty() && waiting[1].empty(); }
    };
    [[nodiscard]] Seeder& of(const PublicKey& swarm_key, TimePoint now);
    [[nodiscard]] WaitingRequest take(Seeder& seeder);
    [[nodiscard]] std::size_t draw_one(const Waiting& waiting);
    [[nodiscard]] static std::size_t least_of_fullest(const Waiting& waiting);
    [[nodiscard]] std::size_t any(std::size_t count) { return random_.below(static_cast<std::uint32_t>(count)); }

    RandomSource& random_;
    std::unordered_map<PublicKey, Seeder> seeders_;
};

} // namespace cepa::tunnel
