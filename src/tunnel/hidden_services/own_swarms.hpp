// All hidden swarms of our own that this Tunnel works for: makes the parts of each (introduction points and meetings of
// a seeder, search and links of a downloader) as its plan says, and drives them.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 36.
#pragma once

#include "tunnel/hidden_services/lookup_circuits.hpp"
#include "tunnel/hidden_services/meetings.hpp"
#include "tunnel/hidden_services/own_introductions.hpp"
#include "tunnel/hidden_services/seeking.hpp"

#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace cepa::tunnel {

class OwnSwarms {
public:
    static constexpr std::size_t kMost = 256;
    /// Introductions under a former key stay so long when others stand: who looked just now knows the former only.
    static constexpr Duration kFormerKept = std::chrono::seconds(60);

    explicit OwnSwarms(HiddenCircuits::Tools tools) : circuits_(std::move(tools)) {}

    /// All of them, in place of the former list; what stays as it was goes on undisturbed. Plans that make no sense,
    /// and those beyond kMost, are left out.
    void set_plans(std::vector<SwarmPlan> plans, TimePoint now);
    /// Of the link over that circuit, since it was reported.
    void set_payload(CircuitId link, std::uint64_t bytes);
    void tick(TimePoint now);
    [[nodiscard]] std::vector<SwarmView> views(TimePoint now) const;

private:
    struct Swarm {
        SwarmPlan plan;
        std::unique_ptr<OwnIntroductions> introductions;
        std::unique_ptr<OwnIntroductions> former; ///< under the key before, until others stand
        std::optional<TimePoint> replaced;        ///< since others stand
        std::unique_ptr<Meetings> meetings;
        std::unique_ptr<Seeking> seeking;
    };
    using LookupKey = std::pair<std::uint8_t, std::uint32_t>;
    void apply(Swarm& swarm, SwarmPlan plan, TimePoint now);
    void make_introductions(Swarm& swarm);
    void replace_introductions(Swarm& swarm, TimePoint now);
    void end_former(Swarm& swarm, TimePoint now);
    void stop(std::unique_ptr<OwnIntroductions>& introductions, TimePoint now);
    void stop_seeding(Swarm& swarm, TimePoint now);
    void stop_seeking(Swarm& swarm, TimePoint now);
    [[nodiscard]] LookupCircuits& lookups(const SwarmPlan& plan);

    HiddenCircuits circuits_;
    MeetingLoad load_;
    std::map<LookupKey, std::unique_ptr<LookupCircuits>> lookups_; ///< before the swarms, which use them
    std::map<LookupHash, std::unique_ptr<Swarm>> swarms_;
};

} // namespace cepa::tunnel
