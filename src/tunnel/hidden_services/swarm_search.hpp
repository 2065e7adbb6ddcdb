// Finds the introduction points of one swarm: asks the last hops of lookup circuits, who ask the DHT, and introduction
// points that are known, who know of others. Quickly while nobody is found, seldom then.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.3 (step 1), 14.7 and 36.
#pragma once

#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/lookup_circuits.hpp"
#include "tunnel/hidden_services/seeder_table.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"

#include <optional>
#include <vector>

namespace cepa::tunnel {

class SwarmSearch {
public:
    static constexpr Duration kAnswer = std::chrono::seconds(10);
    static constexpr Duration kAgainFrom = std::chrono::seconds(30);
    static constexpr Duration kAgainTo = std::chrono::seconds(120);
    /// After so long without an answer from the DHT it is asked, even if introduction points answer.
    static constexpr Duration kDhtEvery = std::chrono::seconds(240);
    static constexpr Duration kHurryEvery = std::chrono::seconds(3);
    static constexpr std::size_t kPointsAsked = 4;
    /// A deployed node sends 7.
    static constexpr std::size_t kMostPeers = 16;

    SwarmSearch(const SwarmPlan& plan, HiddenCircuits& circuits, LookupCircuits& lookups, SeederTable& seeders)
        : plan_(plan), circuits_(circuits), lookups_(lookups), seeders_(seeders)
    {
    }

    void tick(TimePoint now);
    /// A seeder was lost: looks at once, but not again within three seconds, nor for ever: see hurries_.
    void hurry(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> answered() const noexcept { return answered_; }

    /// See LookupUser.
    [[nodiscard]] bool on_answer(CircuitId circuit, const PeersResponse& answer, TimePoint now);
    [[nodiscard]] bool on_answer(CircuitId circuit, const Endpoint& origin, ByteSpan packet, TimePoint now);

private:
    struct Asked {
        CircuitId circuit;
        std::uint16_t identifier = 0;
        Endpoint point;           ///< null: the circuit's last hop
        std::uint32_t number = 0; ///< in place of a circuit id, of which nobody else needs to know
        TimePoint sent{};
    };
    [[nodiscard]] bool ask_last_hop(TimePoint now);
    void ask_points(TimePoint now);
    void learn(const PeersResponse& answer, TimePoint now);

    const SwarmPlan& plan_;
    HiddenCircuits& circuits_;
    LookupCircuits& lookups_;
    SeederTable& seeders_;
    std::vector<Asked> asked_;
    TimePoint next_{};
    TimePoint last_{}; ///< when it was looked last
    FloodLimit hurries_{0.1, 40};  ///< however many seeders are lost, and however often
    bool points_answered_ = false; ///< since they were asked last
    Backoff nobody_{std::chrono::seconds(2), std::chrono::seconds(60)};
    std::optional<TimePoint> answered_;
    std::optional<TimePoint> answered_by_dht_;
};

} // namespace cepa::tunnel
