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
#include "tunnel/hidden_services/recent_keys.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"

#include <optional>
#include <vector>

namespace cepa::tunnel {

/// What all swarms of one Tunnel that are seeded have in common.
struct MeetingLoad {
    /// Each takes a place at one of our few first hops, of whom strangers may not take all.
    static constexpr std::size_t kMostWaiting = 16;
    static constexpr std::size_t kMostLinks = 64;
    std::size_t waiting = 0;
    std::size_t links = 0;
    FloodLimit requests{4, 16};
};

class Meetings final : public CircuitUser {
public:
    /// Of the waiting ones, those of one introduction point; another's requests find room then.
    static constexpr std::size_t kMostOfOne = 6;
    /// Until the other end came; as long as a deployed rendezvous point waits.
    static constexpr Duration kWait = std::chrono::seconds(20);
    /// A downloader that has not come by then makes room for another.
    static constexpr Duration kPatience = std::chrono::seconds(8);
    /// A link over which nothing goes for so long makes room when there are too many.
    static constexpr Duration kIdleLink = std::chrono::seconds(60);

    /// `plan` has a seed key; all outlive this.
    Meetings(const SwarmPlan& plan, HiddenCircuits& circuits, MeetingLoad& load);
    ~Meetings() override;
    Meetings(const Meetings&) = delete;
    Meetings& operator=(const Meetings&) = delete;

    void on_request(CircuitId introduction, const Endpoint& origin, const CreateE2e& request, TimePoint now);
    void tick(TimePoint now);

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
        CircuitId circuit;
        CircuitId introduction;
        Endpoint origin;
        std::uint16_t request = 0; ///< identifier of the create-e2e
        KeyBytes x{};
        State state = State::building;
        std::uint16_t identifier = 0;
        Cookie cookie{};
        TimePoint since{};
    };
    [[nodiscard]] Meeting* find(CircuitId circuit);
    [[nodiscard]] bool make_room(CircuitId introduction, TimePoint now);
    [[nodiscard]] bool make_room_for_link(TimePoint now);
    void answer(Meeting& meeting, const Circuit& circuit, const Endpoint& said, TimePoint now);

    const SwarmPlan& plan_;
    HiddenCircuits& circuits_;
    MeetingLoad& load_;
    RecentKeys seen_;
    std::vector<Meeting> meetings_;
    std::uint32_t linked_ever_ = 0;
};

} // namespace cepa::tunnel
