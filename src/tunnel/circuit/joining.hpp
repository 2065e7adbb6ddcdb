// Answers create and extend of others, and turns a joined circuit into a relay when the next node has answered.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.2, 11.3 and 18.
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/join_limits.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/relay.hpp"
#include "tunnel/circuit/splices.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/flood_limit.hpp"
#include "tunnel/hidden_services/node_register.hpp"

#include <memory>

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
        NodeRegister* node = nullptr; ///< finds nodes that we do not know; null: nobody does
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
    [[nodiscard]] bool is_known(const JoinedCircuit& circuit, const PublicKey& key) const;
    [[nodiscard]] bool may_extend_to(const JoinedCircuit& circuit, const PublicKey& key, const Endpoint& address) const;
    [[nodiscard]] std::optional<Endpoint> extend_address(const JoinedCircuit& circuit, const Extend& extend) const;
    std::optional<CircuitId> begin_extend(JoinedCircuit& circuit, const Extend& extend, const Endpoint& address,
                                          TimePoint now);
    bool search(const JoinedCircuit& circuit, const Extend& extend, std::optional<CircuitId> next, TimePoint now);
    void on_node_found(JoinedCircuit& circuit, const Extend& extend, std::optional<CircuitId> next,
                       const Endpoint& found);
    void become_relay(JoinedCircuit& circuit, const PendingExtend& extend, const Created& created, TimePoint now);

    Tools tools_;
    JoinLimits limits_;
    FloodLimit searches_{2, 10};  ///< for nodes that originators name: each costs many packets
    std::shared_ptr<bool> alive_; ///< shared with searches, which may end after us
};

} // namespace cepa::tunnel
