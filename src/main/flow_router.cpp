#include "main/flow_router.hpp"

#include "base/utp.hpp"
#include "main/hidden_peers.hpp"
#include "main/route_flows.hpp"

#include <algorithm>
#include <utility>

namespace cepa::main {

FlowRouter::FlowRouter(proto::TunnelService& service, const Clock& clock, FlowRouterOptions options,
                       FlowRouterHooks hooks)
    : service_(service), clock_(clock), options_(options), hooks_(std::move(hooks))
{
}

FlowRouter::~FlowRouter() = default;

RouteFlows& FlowRouter::route_state(const Route& route)
{
    auto& state = routes_[route];
    if (!state) state = std::make_unique<RouteFlows>(route, options_.max_flows, options_.hash_seed);
    return *state;
}

FlowRouter::Association* FlowRouter::association(socks5::AssociationId id) noexcept
{
    if (last_association_ < associations_.size() && associations_[last_association_].id == id)
        return &associations_[last_association_];
    const auto found = std::ranges::find(associations_, id, &Association::id);
    if (found == associations_.end()) return nullptr;
    last_association_ = static_cast<std::size_t>(found - associations_.begin());
    return &*found;
}

TimePoint FlowRouter::batch_time() noexcept
{
    if (!batch_time_) batch_time_ = clock_.now();
    return *batch_time_;
}

void FlowRouter::on_opened(socks5::AssociationId association, const Route& route, socks5::DatagramReturn& back)
{
    RouteFlows& state = route_state(route);
    associations_.push_back({association, &state, &back, false});
    if (++state.associations == 1 && hooks_.on_route_use) hooks_.on_route_use(route, true);
}

void FlowRouter::on_closed(socks5::AssociationId id)
{
    const Association* const closed = association(id);
    if (closed == nullptr) return;
    RouteFlows& state = *closed->route;
    std::erase_if(associations_, [id](const Association& a) { return a.id == id; });
    if (--state.associations == 0 && hooks_.on_route_use) hooks_.on_route_use(state.route, false);
}

// From the client into the tunnels.

void FlowRouter::on_datagram(socks5::AssociationId id, const Address& destination, PacketBuffer& payload)
{
    const Association* const from = association(id);
    if (from == nullptr) {
        ++stats_.no_association;
        return;
    }
    if (const auto ip = made_up_address(destination))
        return send_hidden(*from, *ip, destination.endpoint.port, payload);
    RouteFlows& route = *from->route;
    const CircuitIndex index =
        is_utp(payload.bytes()) ? circuit_of_flow(route, destination, id) : circuit_of_announce(route, destination, id);
    if (index == kNoCircuit) {
        ++stats_.no_circuit;
        return;
    }
    RouteCircuit& circuit = route.circuits[index];
    circuit.last_sender = id;
    ++stats_.up;
    service_.send(circuit.id, destination, payload);
}

void FlowRouter::on_batch_end()
{
    batch_time_.reset();
    service_.flush();
}

CircuitIndex FlowRouter::circuit_of_flow(RouteFlows& route, const Address& destination, socks5::AssociationId owner)
{
    Flow& flow = touch(route, route.flows, destination, owner);
    if (flow.circuit == kNoCircuit) {
        route.attach(flow, route.pick(std::nullopt));
        flow.placed = flow.last_used;
    }
    return flow.circuit;
}

CircuitIndex FlowRouter::circuit_of_announce(RouteFlows& route, const Address& destination, socks5::AssociationId owner)
{
    touch(route, route.announces, destination, owner);
    if (!route.is_alive(route.announce)) route.announce = route.pick(std::nullopt);
    return route.announce;
}

Flow& FlowRouter::touch(RouteFlows& route, FlowTable& table, const Address& destination, socks5::AssociationId owner)
{
    const TimePoint now = batch_time();
    Flow* flow = table.find(destination);
    if (flow == nullptr) {
        Flow evicted;
        flow = &table.insert(destination, now, evicted);
        if (evicted.used) {
            route.detach(evicted);
            ++stats_.evicted;
        }
    }
    flow->last_used = now;
    flow->owner = owner;
    return *flow;
}

// From the tunnels to the client.

void FlowRouter::on_tunnel_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    const auto place = circuits_.find(circuit);
    const auto hidden = place == circuits_.end() ? hidden_.find(circuit) : hidden_.end();
    const bool is_hidden = hidden != hidden_.end();
    // Behind an exit anybody may claim to be the other end of a hidden circuit, and a made-up address stands for one.
    if (is_hidden != origin.is_null() || made_up_address(origin)) {
        ++stats_.odd_origin;
        return;
    }
    if (is_hidden && !passes_hidden(payload)) return;
    if (is_hidden) return give(hidden_receiver(hidden->second), hidden->second.peer, payload);
    give(place == circuits_.end() ? nullptr : receiver(place->second, origin), origin, payload);
}

void FlowRouter::give(Association* to, const Address& origin, PacketBuffer& payload)
{
    if (to == nullptr) {
        ++stats_.no_association;
        return;
    }
    ++stats_.down;
    to->back->send_to_client(origin, payload);
    to->to_flush = true;
}

void FlowRouter::on_tunnel_batch_end()
{
    batch_time_.reset();
    for (Association& a : associations_)
        if (std::exchange(a.to_flush, false)) a.back->flush();
}

/// The only association of the route; among several the one that sent to `origin`, else (an answer to a host name,
/// a stranger's call) the one that used the circuit last.
FlowRouter::Association* FlowRouter::receiver(const Place& place, const Address& origin) noexcept
{
    RouteFlows& route = *place.route;
    if (route.associations == 1) {
        if (last_association_ < associations_.size() && associations_[last_association_].route == &route)
            return &associations_[last_association_];
        const auto only = std::ranges::find(associations_, &route, &Association::route);
        last_association_ = static_cast<std::size_t>(only - associations_.begin());
        return &*only;
    }
    const Flow* flow = route.flows.find(origin);
    if (flow == nullptr || flow->circuit != place.index) flow = route.announces.find(origin);
    return association(flow != nullptr ? flow->owner : route.circuits[place.index].last_sender);
}

// Hidden circuits.

void FlowRouter::send_hidden(const Association& from, const IpAddress& ip, std::uint16_t port, PacketBuffer& payload)
{
    const auto circuits = hidden_peers_.find(Endpoint{ip, port});
    const auto found = circuits == hidden_peers_.end() ? hidden_.end() : hidden_.find(circuits->second.back());
    if (found == hidden_.end() || found->second.route != from.route) {
        ++stats_.no_hidden_peer;
        return;
    }
    if (!passes_hidden(payload)) return;
    found->second.last_sender = from.id;
    ++stats_.up;
    service_.send(found->first, found->second.peer, payload);
}

/// Peers talk by uTP. What else libtorrent would answer is the DHT, whose node id is the same for every torrent.
bool FlowRouter::passes_hidden(const PacketBuffer& payload) noexcept
{
    if (is_utp(payload.bytes())) return true;
    ++stats_.hidden_not_utp;
    return false;
}

/// Who used it last; a stranger's first call goes to any association of the route.
FlowRouter::Association* FlowRouter::hidden_receiver(const HiddenCircuit& circuit) noexcept
{
    if (Association* const last = association(circuit.last_sender)) return last;
    const auto any = std::ranges::find(associations_, circuit.route, &Association::route);
    return any == associations_.end() ? nullptr : &*any;
}

void FlowRouter::add_hidden(const Route& route, CircuitId circuit, const Endpoint& peer)
{
    if (circuits_.contains(circuit) || hidden_.contains(circuit)) return;
    RouteFlows& state = route_state(route);
    ++state.hidden;
    hidden_[circuit] = {&state, peer, {}};
    hidden_peers_[peer].push_back(circuit);
}

std::optional<Endpoint> FlowRouter::remove_hidden(CircuitId circuit)
{
    const auto found = hidden_.find(circuit);
    if (found == hidden_.end()) return std::nullopt;
    const Endpoint peer = found->second.peer.endpoint;
    --found->second.route->hidden;
    hidden_.erase(found);
    const auto circuits = hidden_peers_.find(peer);
    std::erase(circuits->second, circuit);
    if (circuits->second.empty()) hidden_peers_.erase(circuits);
    return peer;
}

// Circuits come and go.

void FlowRouter::add_circuit(const Route& route, CircuitId circuit, WorkerId worker)
{
    if (circuits_.contains(circuit)) return;
    RouteFlows& state = route_state(route);
    const CircuitIndex fresh = state.add(circuit, worker);
    circuits_[circuit] = {&state, fresh};
    move_flows(state, true, [&](const Flow& flow) { return flow.circuit == kNoCircuit ? fresh : flow.circuit; });
    settle_onto(state, fresh);
}

void FlowRouter::set_worker(CircuitId circuit, WorkerId worker)
{
    const auto place = circuits_.find(circuit);
    if (place == circuits_.end()) return;
    RouteFlows& state = *place->second.route;
    state.circuits[place->second.index].worker = worker;
    settle_onto(state, place->second.index);
}

void FlowRouter::retire_circuit(CircuitId circuit)
{
    const auto place = circuits_.find(circuit);
    if (place == circuits_.end()) return;
    RouteFlows& route = *place->second.route;
    route.circuits[place->second.index].retiring = true;
    if (route.announce == place->second.index) route.announce = kNoCircuit; // each announce stands for itself
}

void FlowRouter::remove_circuit(CircuitId circuit)
{
    const auto place = circuits_.find(circuit);
    if (place == circuits_.end()) return;
    const auto [route, index] = place->second;
    circuits_.erase(place);
    const WorkerId worker = route->circuits[index].worker;
    route->circuits[index].alive = false;
    if (route->announce == index) route->announce = kNoCircuit;
    const std::optional<WorkerId> avoid = worker == kUnknownWorker ? std::nullopt : std::optional(worker);
    move_flows(*route, true, [&, of = route, dead = index](const Flow& flow) {
        return flow.circuit == dead ? of->pick(avoid) : flow.circuit;
    });
}

void FlowRouter::settle_onto(RouteFlows& route, CircuitIndex fresh)
{
    const TimePoint young = clock_.now() - options_.settling;
    move_flows(route, false, [&](const Flow& flow) {
        if (flow.circuit == fresh || !route.is_alive(flow.circuit) || flow.placed <= young) return flow.circuit;
        const RouteCircuit& from = route.circuits[flow.circuit];
        const RouteCircuit& to = route.circuits[fresh];
        const bool same_worker = from.worker == to.worker && to.worker != kUnknownWorker;
        const std::uint32_t here = same_worker ? from.flows : route.worker_flows(from);
        const std::uint32_t there = same_worker ? to.flows : route.worker_flows(to);
        return here > there + 1 ? fresh : flow.circuit;
    });
}

/// Gives each flow the circuit that `choose` names for it, and reports those that got another one. `forced`: they had
/// to move, so they may once more when a better circuit comes soon.
template <class Choose>
void FlowRouter::move_flows(RouteFlows& route, bool forced, Choose choose)
{
    const TimePoint now = clock_.now();
    moved_.clear();
    route.flows.for_each([&](Flow& flow) {
        const CircuitIndex to = choose(std::as_const(flow));
        if (to == flow.circuit) return;
        route.attach(flow, to);
        if (forced) flow.placed = now;
        if (to != kNoCircuit && !flow.destination.is_host()) moved_.push_back(flow.destination.endpoint);
    });
    stats_.moved += moved_.size();
    if (!moved_.empty() && hooks_.on_flows_moved) hooks_.on_flows_moved(route.route, moved_);
}

void FlowRouter::forget_idle()
{
    const TimePoint oldest = clock_.now() - options_.forget_after;
    for (auto& [route, state] : routes_) {
        const auto keep = [&, of = state.get()](const Flow& flow) {
            if (flow.last_used > oldest) return true;
            of->detach(flow);
            return false;
        };
        state->flows.retain(keep);
        state->announces.retain(keep);
    }
    std::erase_if(routes_, [](const auto& entry) { return entry.second->unused(); });
}

std::optional<std::uint32_t> FlowRouter::flows_of(CircuitId circuit) const
{
    const auto place = circuits_.find(circuit);
    if (place == circuits_.end()) return std::nullopt;
    return place->second.route->circuits[place->second.index].flows;
}

void FlowRouter::describe(RouteStatus& status) const
{
    const auto found = routes_.find(status.route);
    status.flows = found == routes_.end() ? 0 : static_cast<std::uint32_t>(found->second->flows.size());
    status.associations = found == routes_.end() ? 0 : found->second->associations;
}

} // namespace cepa::main
