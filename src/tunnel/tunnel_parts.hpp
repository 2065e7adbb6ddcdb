// The parts of one Tunnel and how they are wired: what each packet, tick and change of the network leads to.
// Included by tunnel_parts.cpp and tunnel.cpp only. Process: worker, io thread. Spec: docs/protocol.md, sections 1 to 14.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/destroys.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/joining.hpp"
#include "tunnel/circuit/last_hop.hpp"
#include "tunnel/circuit/own_circuits.hpp"
#include "tunnel/circuit/relay.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/reach.hpp"
#include "tunnel/exit/exits.hpp"
#include "tunnel/hidden_services/directory.hpp"
#include "tunnel/hidden_services/node_access.hpp"
#include "tunnel/hidden_services/own_swarms.hpp"
#include "tunnel/hidden_services/sibling_answers.hpp"
#include "tunnel/hidden_services/swarm_sightings.hpp"
#include "tunnel/tunnel.hpp"

#include <memory>
#include <vector>

namespace cepa::tunnel {

// Order matters: what refers to others is declared after them, and exit sockets (in `joined`) close before `exits`,
// their receiver, goes.
struct Tunnel::Parts final : PathSource {
    Parts(TunnelSettings s, Environment e, TunnelObserver& o);

    // PathSource: what path choice and builders see of the rest.
    [[nodiscard]] const std::vector<Candidate>& candidates() const override { return discovery.candidates(); }
    [[nodiscard]] PathLoads loads() const override { return own.loads(); }
    [[nodiscard]] std::int64_t now_unix_s() const override;
    void connectable(const PublicKey& key) override { discovery.mark_connectable(key); }
    void unreachable(const PublicKey& key) override { own.unreachable(key, now); }
    [[nodiscard]] bool is_unreachable(const PublicKey& key) const override { return own.is_unreachable(key, now); }
    [[nodiscard]] bool may_probe() const override { return own.may_probe(); }

    void begin_batch();
    void end_batch();
    void on_packet(const Endpoint& source, PacketBuffer& packet);
    void on_cell(const Endpoint& source, PacketBuffer& packet);
    void on_plain_stranger(const Endpoint& source, const CellHeader& header, ByteSpan packet);
    void on_pending(JoinedCircuit& circuit, const Endpoint& source, const CellHeader& header, ByteSpan packet);
    void on_other(const Endpoint& source, PacketBuffer& packet);
    [[nodiscard]] Endpoint own_address();
    void take_changes();
    void report_guards();
    void on_addresses(std::vector<Endpoint> addresses, const Endpoint& seen_by_others);
    void tick();
    void sweep();
    void leave_others(DestroyReason reason);

    TunnelSettings settings;
    Reach reach;
    NotingSender noting;
    Environment environment;
    TunnelObserver& observer;
    Prefix discovery_prefix;
    TimePoint started;
    TimePoint now;
    bool in_batch = false;
    TimePoint last_tick{};
    TimePoint last_sweep{};
    bool limit_told = false;
    std::vector<Endpoint> own_addresses;
    Endpoint outside; ///< how others see us; null when nobody has told
    SwarmSightings sightings;

    Counters counters;
    Aead aead;
    RoutingTable routes;
    CellSender sender;
    RateCap exit_rate;
    TrafficBudget budget;
    Discovery discovery;
    std::unique_ptr<Directory> directory; ///< where it discovers; null elsewhere
    PathSelection selection;
    Exits exits;
    JoinedCircuits joined;
    Relays relays;
    Splices splices;
    NodeAccess node;
    Serving serving;
    SiblingAnswers answers;
    Joining joining;
    LastHop last_hop;
    OwnCircuits own;
    OwnSwarms swarms;
    Destroys destroys;
};

} // namespace cepa::tunnel
