// The middle of main: stands between the SOCKS5 servers and the tunnels, wires the flow router to the circuit groups,
// and drives both. It is the TunnelObserver of the program; what concerns neither datagrams nor circuits goes on to
// hooks. A route is wanted while an association uses it or somebody asked for it.
// Process: main, io thread.
#pragma once

#include "main/circuit_groups.hpp"
#include "main/flow_router.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace cepa::main {

struct RoutingHooks {
    /// Peers of a route that must be connected again: their circuit is another one now.
    std::function<void(const Route&, const std::vector<Endpoint>&)> on_flows_moved = {};
    /// The route got its first circuit, or lost its last one.
    std::function<void(const Route&, bool usable)> on_route_usable = {};
    /// The route has a circuit on every worker (or waited long enough for that): the time to connect peers.
    std::function<void(const Route&)> on_route_settled = {};
    std::function<void()> on_sync = {};
    std::function<void(const proto::Notify&)> on_notify = {};
    /// A link of a hidden swarm is there; who knows the swarm says with add_hidden() what becomes of it.
    std::function<void(CircuitId, const proto::HiddenLink&)> on_hidden_link = {};
    /// A circuit given to add_hidden() is gone; `peer` was its made-up address.
    std::function<void(CircuitId, const Endpoint& peer)> on_hidden_gone = {};
};

struct RoutingOptions {
    FlowRouterOptions flows;   ///< a zero hash_seed becomes a random one
    CircuitGroupsOptions circuits; ///< the same for jitter_seed
};

class Routing final : public proto::TunnelObserver {
public:
    /// All references must outlive it. Make it before the service's start(), which takes it as observer.
    Routing(boost::asio::io_context& io, proto::TunnelService& service, const Clock& clock, RoutingOptions options,
            RoutingHooks hooks);
    ~Routing() override;
    Routing(const Routing&) = delete;
    Routing& operator=(const Routing&) = delete;

    /// Begins to drive the groups; after the service's start().
    void start();
    /// Stops driving; for the shutdown, before the service's stop().
    void stop();

    /// For every SOCKS5 server of the program.
    [[nodiscard]] socks5::DatagramSink& sink() noexcept { return router_; }
    /// Builds the route's circuits before an association needs them; release() when that is over.
    void want(const Route& route) { groups_.want(route); }
    void release(const Route& route) { groups_.release(route); }

    /// Associations of these routes ask for no circuits: their peers are hidden ones (data_routes.hpp).
    void set_without_data(std::set<Route> routes);

    /// See FlowRouter.
    void add_hidden(const Route& route, CircuitId circuit, const Endpoint& peer)
    {
        router_.add_hidden(route, circuit, peer);
    }

    [[nodiscard]] std::vector<RouteStatus> status() const;
    [[nodiscard]] const FlowRouterStats& stats() const noexcept { return router_.stats(); }

    void on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;
    void on_batch_end() override;
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override;
    void on_hidden_link(CircuitId circuit, const proto::HiddenLink& link) override;
    void on_sync() override;
    void on_notify(const proto::Notify& notice) override;

private:
    [[nodiscard]] FlowRouterHooks router_hooks();
    [[nodiscard]] CircuitGroupsHooks groups_hooks();
    void tick_later();
    void wake();
    void ask_for(const Route& route);

    boost::asio::io_context& io_;
    RoutingHooks hooks_;
    FlowRouter router_;
    CircuitGroups groups_;
    std::set<Route> used_;         ///< by associations
    std::set<Route> asked_;        ///< of those, whose circuits we want
    std::set<Route> without_data_; ///< need none
    boost::asio::steady_timer timer_;
    std::uint32_t ticks_ = 0;
    bool running_ = false;
    bool woken_ = false;
    std::shared_ptr<Routing*> self_; // posted wake-ups and timer handlers may come after the end
};

} // namespace cepa::main
