#include "main/routing.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <random>
#include <utility>

namespace cepa::main {
namespace {

constexpr std::chrono::milliseconds kTick{100};
/// Idle flows are looked for once in so many ticks.
constexpr std::uint32_t kTicksPerSweep = 50;

std::uint64_t random_number()
{
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32U | device();
}

RoutingOptions with_seeds(RoutingOptions options)
{
    if (options.flows.hash_seed == 0) options.flows.hash_seed = random_number();
    if (options.circuits.jitter_seed == 0) options.circuits.jitter_seed = random_number();
    return options;
}

} // namespace

Routing::Routing(boost::asio::io_context& io, proto::TunnelService& service, const Clock& clock, RoutingOptions options,
                 RoutingHooks hooks)
    : io_(io), hooks_(std::move(hooks)), router_(service, clock, with_seeds(options).flows, router_hooks()),
      groups_(service, clock, with_seeds(options).circuits, groups_hooks()), timer_(io),
      self_(std::make_shared<Routing*>(this))
{
}

Routing::~Routing() = default;

FlowRouterHooks Routing::router_hooks()
{
    return {
        .on_flows_moved = hooks_.on_flows_moved,
        .on_route_use =
            [this](const Route& route, bool in_use) {
                if (in_use)
                    used_.insert(route);
                else
                    used_.erase(route);
                ask_for(route);
            },
    };
}

CircuitGroupsHooks Routing::groups_hooks()
{
    return {
        .on_ready = [this](const Route& route, CircuitId circuit,
                           WorkerId worker) { router_.add_circuit(route, circuit, worker); },
        .on_gone = [this](CircuitId circuit) { router_.remove_circuit(circuit); },
        .on_worker_known = [this](CircuitId circuit, WorkerId worker) { router_.set_worker(circuit, worker); },
        .on_retiring = [this](CircuitId circuit) { router_.retire_circuit(circuit); },
        .on_usable = hooks_.on_route_usable,
        .on_settled = hooks_.on_route_settled,
        .wake = [this] { wake(); },
    };
}

void Routing::ask_for(const Route& route)
{
    const bool needed = used_.contains(route) && !without_data_.contains(route);
    if (needed && asked_.insert(route).second) groups_.want(route);
    if (!needed && asked_.erase(route) > 0) groups_.release(route);
}

void Routing::set_without_data(std::set<Route> routes)
{
    if (routes == without_data_) return;
    without_data_ = std::move(routes);
    for (const Route& route : used_)
        ask_for(route);
}

void Routing::start()
{
    running_ = true;
    groups_.tick();
    tick_later();
}

void Routing::stop()
{
    running_ = false;
    timer_.cancel();
}

void Routing::tick_later()
{
    timer_.expires_after(kTick);
    timer_.async_wait([self = std::weak_ptr(self_)](const ErrorCode& error) {
        const auto routing = self.lock();
        if (!routing || error || !(*routing)->running_) return;
        (*routing)->groups_.tick();
        if (++(*routing)->ticks_ % kTicksPerSweep == 0) (*routing)->router_.forget_idle();
        (*routing)->tick_later();
    });
}

void Routing::wake()
{
    if (!running_ || std::exchange(woken_, true)) return;
    boost::asio::post(io_, [self = std::weak_ptr(self_)] {
        const auto routing = self.lock();
        if (!routing) return;
        (*routing)->woken_ = false;
        if ((*routing)->running_) (*routing)->groups_.tick();
    });
}

std::vector<RouteStatus> Routing::status() const
{
    std::vector<RouteStatus> out = groups_.status();
    for (RouteStatus& route : out)
        router_.describe(route);
    return out;
}

void Routing::on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    router_.on_tunnel_datagram(circuit, origin, payload);
}

void Routing::on_batch_end()
{
    router_.on_tunnel_batch_end();
}

void Routing::on_circuit_dead(CircuitId circuit, const std::string& reason)
{
    const auto peer = router_.remove_hidden(circuit);
    if (!peer) return groups_.on_circuit_dead(circuit, reason);
    if (hooks_.on_hidden_gone) hooks_.on_hidden_gone(circuit, *peer);
}

void Routing::on_hidden_link(CircuitId circuit, const proto::HiddenLink& link)
{
    if (hooks_.on_hidden_link) hooks_.on_hidden_link(circuit, link);
}

void Routing::on_sync()
{
    groups_.on_sync();
    if (hooks_.on_sync) hooks_.on_sync();
}

void Routing::on_notify(const proto::Notify& notice)
{
    if (hooks_.on_notify) hooks_.on_notify(notice);
}

} // namespace cepa::main
