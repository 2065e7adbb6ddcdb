// Decides which circuit carries which datagram. Per route (hop count, group): a destination keeps its circuit while the
// circuit lives, because uTP must not be reordered; new ones go to the worker of the route with the fewest flows and
// there to the circuit with the fewest; when a circuit dies its flows move at once to others, of other workers where
// there are any. Announces (trackers, DHT: all that is not uTP) of a route leave by one circuit. No circuit: drop,
// count. One exception to "keeps": a flow that was placed only seconds ago, at its start or because its circuit died,
// may move to a circuit that has just become ready, or else the first one, or the survivors, would carry all for good.
// Whoever moves is reported, so that its peer is connected again. Addresses of 240.0.0.0/4 are made up: each stands for
// the other end of one hidden circuit; nothing for that range ever leaves through an exit. Policy and tables only: no socket, no timer. Process:
// main, io thread; no call allocates once tables are warm.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "main/flow_table.hpp"
#include "main/route_flows.hpp"
#include "main/route_status.hpp"
#include "proto/tunnel_service.hpp"
#include "socks5/datagram_sink.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace cepa::main {

struct FlowRouterOptions {
    std::size_t max_flows = 4096;             ///< per route; the longest idle ones make room
    std::chrono::seconds forget_after{300};   ///< idle; BitTorrent keeps a connection alive every 120 s
    std::chrono::milliseconds settling{3000}; ///< how long a flow may still move after it was placed
    std::uint64_t hash_seed = 0;              ///< random in the program, fixed in tests
};

struct FlowRouterHooks {
    /// These destinations of the route now have another circuit, hence another address at their end.
    std::function<void(const Route&, const std::vector<Endpoint>&)> on_flows_moved = {};
    /// The first association of a route was opened, or its last one closed: it needs circuits, or no longer.
    std::function<void(const Route&, bool in_use)> on_route_use = {};
};

struct FlowRouterStats {
    std::uint64_t up = 0;             ///< datagrams handed to the tunnels
    std::uint64_t down = 0;           ///< datagrams handed to an association
    std::uint64_t no_circuit = 0;     ///< dropped: no circuit of the route was ready
    std::uint64_t no_association = 0; ///< dropped: came back for an association that is gone, or by an unknown circuit
    std::uint64_t moved = 0;          ///< flows that changed their circuit
    std::uint64_t evicted = 0;        ///< flows forgotten to make room
    std::uint64_t no_hidden_peer = 0; ///< dropped: to a made-up address that no hidden circuit of the route has
    std::uint64_t odd_origin = 0;     ///< dropped: the null origin on a common circuit, or another on a hidden one
    std::uint64_t hidden_not_utp = 0; ///< dropped: to or from a hidden peer, and no uTP
};

class FlowRouter final : public socks5::DatagramSink {
public:
    /// `service` and `clock` must outlive the router.
    FlowRouter(proto::TunnelService& service, const Clock& clock, FlowRouterOptions options, FlowRouterHooks hooks);
    ~FlowRouter() override;

    // What SOCKS5 says.
    void on_opened(socks5::AssociationId association, const Route& route, socks5::DatagramReturn& back) override;
    void on_closed(socks5::AssociationId association) override;
    void on_datagram(socks5::AssociationId association, const Address& destination, PacketBuffer& payload) override;
    void on_batch_end() override;

    // What the tunnels say: see proto::TunnelObserver.
    void on_tunnel_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload);
    void on_tunnel_batch_end();

    /// A circuit of `route` is ready. `worker`: who carries it, kUnknownWorker while nobody said.
    void add_circuit(const Route& route, CircuitId circuit, WorkerId worker);
    /// It will end soon: it keeps what it carries, and gets nothing new while there is another.
    void retire_circuit(CircuitId circuit);
    /// It is gone; unknown ones are ignored.
    void remove_circuit(CircuitId circuit);
    /// `circuit` leads to the other end of a hidden swarm that `route` serves, which its associations know as `peer`, a
    /// made-up address (see HiddenPeers). Of several with one peer the latest carries what is sent to it.
    void add_hidden(const Route& route, CircuitId circuit, const Endpoint& peer);
    /// The peer that it led to; nullopt when it is no hidden circuit.
    std::optional<Endpoint> remove_hidden(CircuitId circuit);

    /// Says later who carries it.
    void set_worker(CircuitId circuit, WorkerId worker);
    static constexpr WorkerId kUnknownWorker = main::kUnknownWorker;

    /// Forgets idle flows; to be called every few seconds.
    void forget_idle();

    [[nodiscard]] const FlowRouterStats& stats() const noexcept { return stats_; }
    /// Flows that a circuit carries now; nullopt for an unknown circuit.
    [[nodiscard]] std::optional<std::uint32_t> flows_of(CircuitId circuit) const;
    /// Fills `flows` and `associations` of a status.
    void describe(RouteStatus& status) const;

private:
    struct Association {
        socks5::AssociationId id;
        RouteFlows* route;
        socks5::DatagramReturn* back;
        bool to_flush;
    };
    struct Place {
        RouteFlows* route;
        CircuitIndex index;
    };
    struct HiddenCircuit {
        RouteFlows* route;
        Address peer;
        socks5::AssociationId last_sender;
    };

    RouteFlows& route_state(const Route& route);
    void send_hidden(const Association& from, const IpAddress& ip, std::uint16_t port, PacketBuffer& payload);
    [[nodiscard]] bool passes_hidden(const PacketBuffer& payload) noexcept;
    [[nodiscard]] Association* hidden_receiver(const HiddenCircuit& circuit) noexcept;
    void give(Association* to, const Address& origin, PacketBuffer& payload);
    [[nodiscard]] Association* association(socks5::AssociationId id) noexcept;
    [[nodiscard]] TimePoint batch_time() noexcept;
    [[nodiscard]] CircuitIndex circuit_of_flow(RouteFlows& route, const Address& destination,
                                               socks5::AssociationId owner);
    [[nodiscard]] CircuitIndex circuit_of_announce(RouteFlows& route, const Address& destination,
                                                   socks5::AssociationId owner);
    Flow& touch(RouteFlows& route, FlowTable& table, const Address& destination, socks5::AssociationId owner);
    [[nodiscard]] Association* receiver(const Place& place, const Address& origin) noexcept;
    void settle_onto(RouteFlows& route, CircuitIndex fresh);
    template <class Choose>
    void move_flows(RouteFlows& route, bool forced, Choose choose);

    proto::TunnelService& service_;
    const Clock& clock_;
    FlowRouterOptions options_;
    FlowRouterHooks hooks_;
    std::map<Route, std::unique_ptr<RouteFlows>> routes_; // stable addresses: associations and circuits point in
    std::unordered_map<CircuitId, Place> circuits_;
    std::unordered_map<CircuitId, HiddenCircuit> hidden_;
    std::unordered_map<Endpoint, std::vector<CircuitId>> hidden_peers_; // the latest is the last
    std::vector<Association> associations_; // few: searched from the one that was used last
    std::size_t last_association_ = 0;
    std::vector<Endpoint> moved_;         // reused
    std::optional<TimePoint> batch_time_; // the clock is read once per batch
    FlowRouterStats stats_;
};

} // namespace cepa::main
