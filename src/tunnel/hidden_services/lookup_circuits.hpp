// The circuits over which the swarms of one hop count and group look for seeders: their last hops ask the DHT for us,
// and send our packets to introduction points. Kept while a swarm wants them.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.3, 14.7 and 36.
#pragma once

#include "tunnel/hidden_services/backoff.hpp"
#include "tunnel/hidden_services/hidden_circuits.hpp"

#include <optional>
#include <span>
#include <vector>

namespace cepa::tunnel {

/// A swarm that looks for seeders.
class LookupUser {
public:
    virtual ~LookupUser() = default;
    /// The answer of the circuit's last hop. True when it was this swarm's.
    [[nodiscard]] virtual bool on_answer(CircuitId circuit, const PeersResponse& answer, TimePoint now) = 0;
    /// A packet from `origin`, as it came to the circuit's last hop. True when it was this swarm's.
    [[nodiscard]] virtual bool on_answer(CircuitId circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) = 0;
};

class LookupCircuits final : public CircuitUser {
public:
    /// Two, with different last hops: one that lies or dies does not stop us.
    static constexpr std::size_t kWanted = 2;
    /// Those that do not answer, and those that retire, included; when all are there, one that does not answer ends.
    static constexpr std::size_t kMost = 5;
    /// So long before one retires another is made.
    static constexpr Duration kReplacedBefore = std::chrono::seconds(20);

    LookupCircuits(std::uint8_t hops, std::uint32_t group, HiddenCircuits& circuits)
        : hops_(hops), group_(group), circuits_(circuits)
    {
    }

    void add(LookupUser& user) { users_.push_back(&user); }
    void remove(LookupUser& user) { std::erase(users_, &user); }
    [[nodiscard]] bool wanted() const noexcept { return !users_.empty(); }

    void tick(TimePoint now);
    /// A ready one at random, not the one that ends at `not_at`, none of `tried`, and none that does not answer, if it
    /// can be.
    [[nodiscard]] std::optional<CircuitId> any(TimePoint now, const PublicKey* not_at = nullptr,
                                               std::span<const CircuitId> tried = {});

    // CircuitUser
    void on_ready(const Circuit& circuit, TimePoint now) override;
    void on_closed(const Circuit& circuit, TimePoint now) override;
    void on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now) override;
    void on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now) override;
    [[nodiscard]] bool on_other_end(const Circuit&, TimePoint) override { return false; }

private:
    [[nodiscard]] bool make_room(TimePoint now);
    [[nodiscard]] bool may_be_dead(CircuitId circuit, TimePoint now) const;
    [[nodiscard]] bool lasts(CircuitId circuit, TimePoint now) const;

    std::uint8_t hops_;
    std::uint32_t group_;
    HiddenCircuits& circuits_;
    std::vector<LookupUser*> users_;
    std::vector<CircuitId> ids_;
    Backoff retry_{std::chrono::seconds(1), std::chrono::seconds(30)};
    TimePoint next_choice_{}; ///< nobody could be chosen for a path: not before then again
};

} // namespace cepa::tunnel
