// The introduction points of one swarm that we seed: keeps as many circuits to different nodes established as are
// wanted. What an introduction point stores in the DHT lives for an hour and is not renewed by deployed ones, so each
// is replaced before, the new one first. Process: worker, io thread. Spec: docs/protocol.md, sections 14.2 and 36.
//
//   building --ready--> asked --intro-established--> established --40..50 min--> renewed (a new one is begun)
//      |                  | 5 s                           | 65 min, or a new one stands for it
//      +--> gone <--------+-------------------------------+
#pragma once

#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/backoff.hpp"
#include "tunnel/hidden_services/hidden_circuits.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace cepa::tunnel {

class OwnIntroductions final : public CircuitUser {
public:
    static constexpr Duration kRenewFrom = std::chrono::minutes(40);
    static constexpr Duration kRenewTo = std::chrono::minutes(50);
    static constexpr Duration kKept = std::chrono::minutes(65);
    /// Who got nobody in its place by then is ended, so that its node can be asked again.
    static constexpr Duration kReplacedAt = std::chrono::minutes(58);
    static constexpr Duration kAnswer = std::chrono::seconds(5);
    /// Until it is asked once more: a packet may be lost.
    static constexpr Duration kAskAgain = std::chrono::seconds(2);
    /// More than are wanted stand when silent ones have come back: the newest goes after so long.
    static constexpr Duration kSpareFor = std::chrono::seconds(30);
    /// Beyond those that are wanted: while old ones are silent or wait for their successors.
    static constexpr std::size_t kMostBesides = 4;
    static constexpr Duration kChooseAgain = std::chrono::milliseconds(500);
    /// Nodes that were silent lately, each behind another hop; there they are asked again when others were.
    static constexpr std::size_t kMostSilent = 32;
    /// Counted as refused at most.
    static constexpr std::size_t kMostRefused = 16;

    /// A create-e2e for our swarm key came over `introduction`, from the exit `origin` of a downloader.
    using OnRequest =
        std::function<void(CircuitId introduction, const Endpoint& origin, const CreateE2e& request, TimePoint now)>;

    /// `plan` has a seed key, under which these introductions stay, whatever key it has later; it and `circuits` outlive
    /// this.
    OwnIntroductions(const SwarmPlan& plan, HiddenCircuits& circuits, OnRequest on_request);

    void tick(TimePoint now);
    /// From now on no more are begun: there are others, under another key.
    void retire(TimePoint now);
    [[nodiscard]] std::uint32_t established() const;
    /// Different nodes in a row that took the circuit and then said nothing. Anybody may register our swarm key at a
    /// node before we do, and an occupied one is met with silence: only another key helps.
    [[nodiscard]] std::uint32_t refused() const noexcept { return static_cast<std::uint32_t>(refused_.size()); }
    /// When the newest was established.
    [[nodiscard]] std::optional<TimePoint> announced() const noexcept { return announced_; }

    // CircuitUser
    void on_ready(const Circuit& circuit, TimePoint now) override;
    void on_closed(const Circuit& circuit, TimePoint now) override;
    void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) override;
    void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;
    [[nodiscard]] bool on_other_end(const Circuit&, TimePoint) override { return false; }

private:
    enum class State : std::uint8_t { building, asked, established };
    struct Point {
        CircuitId circuit;
        PublicKey before; ///< the kept hop nearest to the node
        PublicKey node;
        State state = State::building;
        std::uint16_t identifier = 0;
        bool asked_again = false;
        TimePoint since{};         ///< asked, then established
        TimePoint renew{};         ///< from then on another is wanted in its place
        FloodLimit requests{1, 6}; ///< one introduction point's flood is not the others'
    };
    [[nodiscard]] Point* find(CircuitId circuit);
    [[nodiscard]] bool is_silent(const Point& point, TimePoint now) const;
    [[nodiscard]] bool is_slow(const Point& point, TimePoint now) const;
    [[nodiscard]] std::optional<CircuitId> spare(TimePoint now) const;
    [[nodiscard]] std::size_t lasting(TimePoint now) const;
    void end_old_ones(TimePoint now);
    void begin(TimePoint now);
    void ask(const Point& point);
    void ask_again(TimePoint now);
    [[nodiscard]] std::vector<PublicKey> in_use() const;
    void note_silence(const Point& point);
    void note_refusal(const Point& point, TimePoint now);

    const SwarmPlan& plan_;
    HiddenCircuits& circuits_;
    OnRequest on_request_;
    PublicKey swarm_key_;
    bool retired_ = false;
    std::vector<Point> points_;
    std::deque<std::pair<PublicKey, PublicKey>> silent_; ///< the hop before, which may have made it so, and the node
    std::vector<PublicKey> refused_; ///< by whom, since the last that was established
    Backoff retry_{std::chrono::seconds(1), std::chrono::seconds(60)};
    std::optional<TimePoint> announced_;
};

} // namespace cepa::tunnel
