// The downloader of one swarm: looks for its seeders, and links to each of this worker's part over a rendezvous point
// of the seeder's choice; anew when a link ends. Process: worker, io thread.
// Spec: docs/protocol.md, sections 14.3 (steps 2 to 8), 14.7 and 36.
//
// One seeder:
//   known --create-e2e--> asked --created-e2e, swarm key right--> building --ready, link-e2e--> linking
//     ^                    | 4 s: its next introduction point too     |                             | linked-e2e
//     +--- back-off -------+---------------------------- 20 s ------+-----------------------------+--> linked
#pragma once

#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/lookup_circuits.hpp"
#include "tunnel/hidden_services/seeder_table.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"
#include "tunnel/hidden_services/swarm_search.hpp"

#include <optional>

namespace cepa::tunnel {

class Seeking final : public CircuitUser, public LookupUser {
public:
    /// Links of one swarm, of all workers.
    static constexpr std::size_t kMostLinks = 15;
    /// After so long the next introduction point is asked too; the first may still answer.
    static constexpr Duration kNextPoint = std::chrono::seconds(4);
    /// The same, when a link to that seeder has just ended: what it went over may be dead, and somebody waits.
    static constexpr Duration kNextPointAgain = std::chrono::seconds(1);
    /// Where there is no other, the same is asked again: a packet may be lost.
    static constexpr Duration kSamePoint = std::chrono::seconds(6);
    static constexpr Duration kAnswer = std::chrono::seconds(12);
    static constexpr Duration kAnswerAgain = std::chrono::seconds(4);
    /// From created-e2e to linked-e2e: so long the seeder's end waits.
    static constexpr Duration kLinkWithin = std::chrono::seconds(20);
    /// A link that held so long, and did not fall silent meanwhile, was honest: the next one is made at once, within this
    /// time, drawn, and with the limit of again_.
    static constexpr Duration kHeld = std::chrono::seconds(10);
    static constexpr Duration kAtOnce = std::chrono::milliseconds(400);
    /// When all links of a swarm are silent, it is our own line, most likely: so much longer they are waited for.
    static constexpr Duration kLineBack = std::chrono::seconds(6);
    /// A seeder whose link brought nothing while others waited is not asked for so long.
    static constexpr Duration kUselessPause = std::chrono::seconds(60);

    /// All outlive this.
    Seeking(const SwarmPlan& plan, HiddenCircuits& circuits, LookupCircuits& lookups);
    ~Seeking() override;
    Seeking(const Seeking&) = delete;
    Seeking& operator=(const Seeking&) = delete;

    void tick(TimePoint now);
    /// What a link of ours has brought since it was reported, as libtorrent counts it.
    void set_payload(CircuitId link, std::uint64_t bytes);

    [[nodiscard]] std::uint32_t found() const noexcept { return static_cast<std::uint32_t>(seeders_.found()); }
    [[nodiscard]] std::uint32_t linking() const;
    [[nodiscard]] std::uint32_t links() const;
    [[nodiscard]] std::uint32_t linked_ever() const noexcept { return linked_ever_; }
    [[nodiscard]] std::optional<TimePoint> looked_up() const noexcept { return search_.answered(); }

    // CircuitUser
    void on_ready(const Circuit& circuit, TimePoint now) override;
    void on_closed(const Circuit& circuit, TimePoint now) override;
    void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) override;
    void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;
    [[nodiscard]] bool on_other_end(const Circuit&, TimePoint) override { return false; }

    // LookupUser
    [[nodiscard]] bool on_answer(CircuitId circuit, const PeersResponse& answer, TimePoint now) override;
    [[nodiscard]] bool on_answer(CircuitId circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;

private:
    [[nodiscard]] std::size_t most_links() const noexcept;
    void retire_link(Seeder& seeder, TimePoint now);
    void watch_link(Seeder& seeder, TimePoint now);
    void judge_links(TimePoint now);
    void make_room(std::size_t taken, TimePoint now);
    [[nodiscard]] bool may_begin(const PublicKey& swarm_key, const Seeder& seeder, TimePoint now) const;
    void begin_again(Seeder& seeder, TimePoint now);
    void hurry(Seeder& seeder, TimePoint now);
    void tick(const PublicKey& swarm_key, Seeder& seeder, bool room, TimePoint now);
    void ask(const PublicKey& swarm_key, Seeder& seeder, TimePoint now);
    [[nodiscard]] bool on_created_e2e(CircuitId circuit, const Endpoint& origin, const CreatedE2e& answer,
                                      TimePoint now);
    void go_to(Seeder& seeder, EndFound found, TimePoint now);
    [[nodiscard]] Result<CircuitId> begin_path(const Candidate& point, std::vector<PublicKey> beside, TimePoint now);
    void close_all(const PathRace& race, std::string_view reason, TimePoint now);
    [[nodiscard]] bool line_is_silent(const Circuit& link, TimePoint now) const;

    const SwarmPlan& plan_;
    HiddenCircuits& circuits_;
    LookupCircuits& lookups_;
    SeederTable seeders_;
    SwarmSearch search_;
    FloodLimit again_{0.2, 5}; ///< links made anew at once: flapping costs our guards no more
    std::uint32_t linked_ever_ = 0;
};

} // namespace cepa::tunnel
