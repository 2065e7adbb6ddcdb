// Circuits of others that pass through: opens one layer forward, seals one backward, in the packet's own buffer, and
// sends it on. The hot path of a relay: no allocation, no copy, no log line per cell.
// Process: worker, io thread. Spec: docs/protocol.md, sections 8, 10, 11.4 and 18 (F5, F6).
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/rate_cap.hpp"
#include "tunnel/circuit/routing_table.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/crypto/replay_window.hpp"
#include "tunnel/tunnel.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// One end of a relayed circuit: the neighbour, by the id of the link to it.
struct RelayLink {
    CircuitId id;
    Endpoint address;
    PublicKey key; ///< who may destroy from this side
};

struct Relay {
    Relay(RelayLink towards_originator, RelayLink towards_exit, Layer session, ReplayWindow forward_window,
          TimePoint now)
        : previous(std::move(towards_originator)), next(std::move(towards_exit)), layer(std::move(session)),
          window(std::move(forward_window)), created(now), last_activity(now)
    {
    }

    RelayLink previous;
    RelayLink next;
    Layer layer;
    ReplayWindow window; ///< of what comes forward; what comes backward only the originator can check
    RelayEarlyCount early_forward;
    RelayEarlyCount early_backward;
    TimePoint created;
    TimePoint last_activity;
    std::uint64_t bytes_forward = 0;
    std::uint64_t bytes_backward = 0;
};

class Relays {
public:
    struct Tools {
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        TrafficBudget& budget;
        const PrivateKey* identity; ///< signs destroys; null where nobody joins us
    };
    Relays(Tools tools, std::uint64_t rate_bytes_per_s) : tools_(tools), rate_(rate_bytes_per_s) {}

    /// Takes over a circuit that was extended. Both ids of its links get their routes.
    void add(std::unique_ptr<Relay> relay);

    /// A cell with the previous link's id.
    void forward(Relay& relay, const Endpoint& source, const CellHeader& header, PacketBuffer& packet, TimePoint now);
    /// A cell with the next link's id.
    void backward(Relay& relay, const Endpoint& source, const CellHeader& header, PacketBuffer& packet, TimePoint now);

    /// An authorised destroy from one side: goes on to the other, signed by us, and ends the relay.
    void on_destroyed(Relay& relay, RouteKind from, std::uint16_t reason, TimePoint now);
    /// Destroys towards both sides.
    void destroy_all(std::uint16_t reason, TimePoint now);
    /// Removes what is silent or over the traffic limit.
    void sweep(TimePoint now);

    /// Whether so many bytes may be carried for others now; spends them if so, else drops and counts.
    [[nodiscard]] bool may_carry(std::size_t bytes, TimePoint now);
    /// 0: no limit.
    void set_rate(std::uint64_t bytes_per_s) noexcept { rate_.set_rate(bytes_per_s); }
    [[nodiscard]] std::size_t size() const noexcept { return relays_.size(); }
    [[nodiscard]] std::vector<RelayView> views(TimePoint now) const;
    void for_each(const std::function<void(const Relay&)>& visit) const;

private:
    void send_on(const RelayLink& to, const CellHeader& header, PacketBuffer& message);
    void destroy(const RelayLink& link, std::uint16_t reason);
    void remove(CircuitId previous, TimePoint now);

    Tools tools_;
    RateCap rate_;
    std::unordered_map<CircuitId, std::unique_ptr<Relay>> relays_; ///< by the previous link's id
};

} // namespace cepa::tunnel
