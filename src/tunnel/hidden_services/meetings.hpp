// The seeder's side of rendezvous, for one swarm: a create-e2e that came through one of our introduction points makes
// us build a circuit to a rendezvous point of our choice, wait there, and tell the downloader where. Process: worker,
// io thread. Spec: docs/protocol.md, sections 14.3 (steps 3 to 8) and 36.
//
//   building --ready--> asked --rendezvous-established--> answered --first message of the other end--> linked
//      |                  |                                  | 20 s
//      +---------------> gone <------------------------------+ <-------- silence, destroy, age ----------+
#pragma once

#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/hidden_circuits.hpp"
#include "tunnel/hidden_services/link_worth.hpp"
#include "tunnel/hidden_services/path_race.hpp"
#include "tunnel/hidden_services/recent_keys.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace cepa::tunnel {

class Meetings;

/// What all swarms of one Tunnel that are seeded have in common. Each swarm has a quota of its own that does not depend
/// on the others: who floods one must neither shut the others nor see that they are one node's. Only where several are
/// flooded at once do these limits count; then the swarm that holds most gives.
class MeetingLoad {
public:
    /// Each takes a place at one of our few first hops, of whom strangers may not take all.
    static constexpr std::size_t kMostWaiting = 32;
    static constexpr std::size_t kMostLinks = 128;

    void add(Meetings& swarm) { swarms_.push_back(&swarm); }
    void remove(Meetings& swarm) { std::erase(swarms_, &swarm); }
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] std::size_t links() const;
    /// The swarm that has most of them; nullptr when none has more than `than`.
    [[nodiscard]] Meetings* with_most_waiting(std::size_t than) const;
    [[nodiscard]] Meetings* with_most_links(std::size_t than) const;

    FloodLimit requests{8, 32};

private:
    std::vector<Meetings*> swarms_;
};

class Meetings final : public CircuitUser {
public:
    /// Of the waiting ones, those of one introduction point; another's requests find room then.
    static constexpr std::size_t kMostOfOne = 6;
    /// Until the other end came; as long as a deployed rendezvous point waits.
    static constexpr Duration kWait = std::chrono::seconds(20);
    /// A downloader that has not come by then makes room for another.
    static constexpr Duration kPatience = std::chrono::seconds(8);
    /// Of one swarm.
    static constexpr std::size_t kMostWaiting = 12;
    static constexpr std::size_t kMostLinks = 32;
    /// Of which, when all are there, those that carry less than this part of what they carry on average make room,
    static constexpr double kLittle = 1.0 / 8;
    /// or else those that have held so long: whoever wants them all must fight for each again.
    static constexpr Duration kHeldWhenFull = std::chrono::minutes(10);

    /// `plan` has a seed key; all outlive this.
    Meetings(const SwarmPlan& plan, HiddenCircuits& circuits, MeetingLoad& load);
    ~Meetings() override;
    Meetings(const Meetings&) = delete;
    Meetings& operator=(const Meetings&) = delete;

    /// `key` is the swarm key that was asked for, if that is not the plan's.
    void on_request(CircuitId introduction, const Endpoint& origin, const CreateE2e& request, TimePoint now,
                    const PrivateKey* key = nullptr);
    void tick(TimePoint now);
    /// For another swarm: the oldest that waits, and the link over which least goes, end.
    void give_waiting(TimePoint now);
    void give_link(TimePoint now);
    /// What a link has carried to the other end since it was reported, as libtorrent counts it.
    void set_payload(CircuitId link, std::uint64_t bytes);

    [[nodiscard]] std::uint32_t waiting() const;
    [[nodiscard]] std::uint32_t links() const;
    [[nodiscard]] std::uint32_t linked_ever() const noexcept { return linked_ever_; }

    // CircuitUser
    void on_ready(const Circuit& circuit, TimePoint now) override;
    void on_closed(const Circuit& circuit, TimePoint now) override;
    void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) override;
    void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;
    [[nodiscard]] bool on_other_end(const Circuit& circuit, TimePoint now) override;

private:
    enum class State : std::uint8_t { building, asked, answered, linked };
    struct Meeting {
        PathRace race;     ///< until one is ready
        CircuitId circuit; ///< which is this, or the first
        CircuitId introduction;
        Endpoint origin;
        std::uint16_t request = 0; ///< identifier of the create-e2e
        KeyBytes x{};
        std::optional<PrivateKey> key; ///< that was asked for: the swarm may have another by the time of the answer
        State state = State::building;
        std::uint16_t identifier = 0;
        Cookie cookie{};
        TimePoint since{};
        LinkWorth worth; ///< of what it carries to the other end
    };
    [[nodiscard]] Meeting* find(CircuitId circuit);
    [[nodiscard]] Result<CircuitId> begin_path(std::vector<PublicKey> beside, TimePoint now);
    void close_all(const Meeting& meeting, std::string_view reason, TimePoint now);
    [[nodiscard]] bool make_room(CircuitId introduction, TimePoint now);
    [[nodiscard]] bool make_room_for_link(TimePoint now);
    [[nodiscard]] bool end_late(const std::optional<CircuitId>& introduction, TimePoint now);
    [[nodiscard]] std::vector<const Meeting*> of_little_use() const;
    [[nodiscard]] std::vector<const Meeting*> held_long(TimePoint now) const;
    [[nodiscard]] bool end_one(std::vector<const Meeting*> of, const char* why, TimePoint now);
    [[nodiscard]] bool end_least_useful(TimePoint now);
    void measure(TimePoint now);
    void answer(Meeting& meeting, const Circuit& circuit, const Endpoint& said, TimePoint now);

    const SwarmPlan& plan_;
    HiddenCircuits& circuits_;
    MeetingLoad& load_;
    FloodLimit requests_{3, 12};
    RecentKeys seen_;
    std::vector<Meeting> meetings_;
    std::uint32_t linked_ever_ = 0;
};

} // namespace cepa::tunnel
