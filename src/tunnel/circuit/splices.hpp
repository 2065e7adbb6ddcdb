// Two circuits of others that a rendezvous has joined: what comes from one goes out on the other. Each direction is a
// splice of its own, so that both may be in one worker or in two: a splice opens what its own circuit's originator
// sealed, and holds the right to seal towards the other one's. The hot path of a rendezvous point: in place, no
// allocation, no log line per cell.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.4 and 35.
#pragma once

#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/relay.hpp"
#include "tunnel/siblings.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

namespace cepa::tunnel {

struct Splice {
    Splice(JoinedCircuit&& was, LinkHalf towards, TimePoint now)
        : id(was.id), previous(was.previous), previous_key(was.previous_key), layer(std::move(was.layer)),
          window(std::move(was.window)), other(std::move(towards)), created(now), last_activity(now)
    {
    }

    CircuitId id;
    Endpoint previous;
    PublicKey previous_key; ///< who may destroy from this side
    Layer layer;            ///< opens; its right to seal is the other side's
    ReplayWindow window;
    LinkHalf other;
    TimePoint created;
    TimePoint last_activity;
    TimePoint told{};   ///< when the other side last heard of our neighbour's port
    bool moved = false; ///< it has to hear of it again
    std::uint64_t bytes = 0;
};

class Splices {
public:
    struct Tools {
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        Relays& relays;             ///< both share what may be carried for others
        const PrivateKey* identity; ///< signs destroys; null where nobody joins us
        Siblings* siblings;         ///< null where there are none
    };
    explicit Splices(Tools tools) : tools_(tools) {}

    /// Takes over a circuit that ended here and gave its right to seal away; its id gets its route.
    void add(JoinedCircuit&& was, LinkHalf towards, TimePoint now);

    /// A cell with the splice's own id.
    void on_cell(Splice& splice, const Endpoint& source, const CellHeader& header, PacketBuffer& packet, TimePoint now);

    /// An authorised destroy from this side: goes on to the other, and ends both.
    void on_destroyed(CircuitId mine, std::uint16_t reason, TimePoint now);
    /// The other side, in a sibling, is gone: both neighbours are told, as the sibling may not have lived to do so.
    /// Unknown ids are ignored.
    void unlink(CircuitId mine, TimePoint now);
    /// The other side's neighbour has another port. Another address is not believed.
    void moved(CircuitId mine, const Endpoint& neighbour) noexcept;
    /// Destroys towards everybody.
    void destroy_all(std::uint16_t reason, TimePoint now);
    /// Ends what is silent or over the traffic limit, with the other side.
    void sweep(TimePoint now);

    [[nodiscard]] std::size_t size() const noexcept { return splices_.size(); }
    void for_each(const std::function<void(const Splice&)>& visit) const;

private:
    void tell_moved(Splice& splice, TimePoint now);
    [[nodiscard]] Splice* local_other(const Splice& splice) const noexcept;
    void destroy(CircuitId circuit, const Endpoint& neighbour, std::uint16_t reason);
    void end(CircuitId mine, std::uint16_t reason, bool tell_previous, TimePoint now);
    void remove(CircuitId id, TimePoint now);

    Tools tools_;
    std::unordered_map<CircuitId, std::unique_ptr<Splice>> splices_;
};

} // namespace cepa::tunnel
