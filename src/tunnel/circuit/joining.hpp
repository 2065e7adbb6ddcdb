// Answers create and extend of others, and turns a joined circuit into a relay when the next node has answered.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.2, 11.3 and 18.
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/join_limits.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/relay.hpp"
#include "tunnel/circuit/splices.hpp"
#include "tunnel/discovery/discovery.hpp"

namespace cepa::tunnel {

class Joining {
public:
    struct Tools {
        const TunnelSettings& settings;
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        TrafficBudget& budget;
        const Discovery& discovery;
        JoinedCircuits& joined;
        Relays& relays;
        const Splices& splices;
    };
    explicit Joining(Tools tools);

    /// A create for an id that is not in use. `body` follows the message id.
    void on_create(const Endpoint& source, CircuitId circuit, ByteSpan body, TimePoint now);
    /// An extend in an authentic cell of `circuit`.
    void on_extend(JoinedCircuit& circuit, ByteSpan body, TimePoint now);
    /// A created on the next link of an extend; `circuit` may be gone afterwards.
    void on_created(JoinedCircuit& circuit, const Endpoint& source, CircuitId next, ByteSpan body, TimePoint now);
    /// An authentic cell came from there: its address is real.
    void prove(const Endpoint& source, TimePoint now) { limits_.prove(source.ip, now); }
    /// How many circuits may be joined from now on.
    void set_most(std::uint32_t most_joined) noexcept { limits_.set_most(most_joined); }

private:
    [[nodiscard]] bool may_join(const Endpoint& source, const Create& create, TimePoint now);
    [[nodiscard]] std::uint32_t total() const noexcept;
    [[nodiscard]] Occupancy occupancy(const IpAddress& source) const;
    [[nodiscard]] std::vector<Candidate> offer_for(const Endpoint& source, TimePoint now);
    [[nodiscard]] std::optional<Endpoint> extend_address(const JoinedCircuit& circuit, const Extend& extend) const;
    void become_relay(JoinedCircuit& circuit, const PendingExtend& extend, const Created& created, TimePoint now);

    Tools tools_;
    JoinLimits limits_;
};

} // namespace cepa::tunnel
