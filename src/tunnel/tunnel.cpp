#include "tunnel/tunnel.hpp"

#include "tunnel/tunnel_parts.hpp"

namespace cepa::tunnel {

Tunnel::Tunnel(TunnelSettings settings, Environment environment, TunnelObserver& observer)
    : parts_(std::make_unique<Parts>(std::move(settings), environment, observer))
{
}

Tunnel::~Tunnel() = default;

void Tunnel::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    parts_->on_packet(source, packet);
}
void Tunnel::on_batch_end()
{
    parts_->end_batch();
}
void Tunnel::tick()
{
    parts_->tick();
}

Result<CircuitId> Tunnel::create_circuit(std::uint8_t hops, std::uint32_t group)
{
    parts_->now = parts_->environment.clock.now();
    return parts_->own.create(hops, group, parts_->now);
}

void Tunnel::close_circuit(CircuitId circuit)
{
    parts_->sender.flush(); // its last cells go before its destroy
    parts_->own.close(circuit, "closed", parts_->now);
}

Result<void> Tunnel::send_data(CircuitId circuit, const Address& destination, PacketBuffer& payload)
{
    parts_->begin_batch();
    return parts_->own.send_data(circuit, destination, payload, parts_->now);
}

void Tunnel::set_swarms(std::vector<SwarmPlan> plans)
{
    parts_->now = parts_->environment.clock.now();
    parts_->swarms.set_plans(std::move(plans), parts_->now);
    parts_->sender.flush();
}
void Tunnel::set_payload(CircuitId link, std::uint64_t bytes)
{
    parts_->swarms.set_payload(link, bytes);
}

std::vector<SwarmView> Tunnel::swarms() const
{
    return parts_->swarms.views(parts_->environment.clock.now());
}

void Tunnel::set_limits(const TunnelLimits& limits)
{
    parts_->relays.set_rate(limits.relay_rate_bytes_per_s);
    parts_->exit_rate.set_rate(limits.exit_rate_bytes_per_s);
    parts_->joining.set_most(limits.max_joined_circuits);
    parts_->budget.renew(limits.month_bytes_left);
    if (!parts_->budget.exhausted()) parts_->limit_told = false;
}

void Tunnel::share(const std::vector<Candidate>& candidates, const std::vector<Endpoint>& own_addresses,
                   const std::vector<Guard>& guards, const Reachability& reach)
{
    parts_->discovery.share(candidates, own_addresses);
    parts_->discovery.own().share_translation(reach.translation);
    parts_->now = parts_->environment.clock.now();
    if (reach.strangers_get_in) parts_->reach.restore(parts_->now);
    // Worker 0 names the outside one first, once it knows it.
    const bool has_outside = !own_addresses.empty() && own_addresses.front().ip.is_global_unicast();
    if (!parts_->settings.discover)
        parts_->on_addresses(own_addresses, has_outside ? own_addresses.front() : Endpoint{});
    // None at all only means that nobody has chosen yet.
    if (guards.empty()) return;
    parts_->selection.guards().replace(guards);
    parts_->discovery.keep_guards(guards);
}

void Tunnel::monitor(const std::vector<std::array<std::uint8_t, 20>>& lookup_hashes)
{
    parts_->sightings.watch(lookup_hashes);
}

void Tunnel::set_host_addresses(const std::vector<IpAddress>& addresses)
{
    parts_->exits.set_host_addresses(addresses);
    parts_->discovery.set_host_addresses(addresses);
}

void Tunnel::shut_down()
{
    parts_->now = parts_->environment.clock.now();
    parts_->end_batch();
    parts_->own.close_all("shutdown", parts_->now);
    if (parts_->settings.identity) parts_->leave_others(DestroyReason::shutdown);
    parts_->sender.flush();
}

ForSiblings& Tunnel::for_siblings() noexcept
{
    return parts_->answers;
}

bool Tunnel::knows(CircuitId circuit) const noexcept
{
    return parts_->routes.contains(circuit);
}

std::vector<Candidate> Tunnel::candidates() const
{
    return parts_->discovery.candidates();
}
std::vector<Endpoint> Tunnel::own_addresses() const
{
    return parts_->discovery.own_addresses();
}
std::vector<CircuitView> Tunnel::circuits() const
{
    return parts_->own.views(parts_->environment.clock.now());
}
std::vector<RelayView> Tunnel::relays() const
{
    const TimePoint now = parts_->environment.clock.now();
    std::vector<RelayView> out = parts_->relays.views(now);
    parts_->splices.for_each([&](const Splice& splice) { // one direction each
        out.push_back({splice.id, splice.other.circuit, splice.bytes, 0, now - splice.created});
    });
    return out;
}

std::vector<ExitView> Tunnel::exits() const
{
    const TimePoint now = parts_->environment.clock.now();
    std::vector<ExitView> out;
    parts_->joined.for_each([&](const JoinedCircuit& circuit) {
        const auto destinations = circuit.exit ? circuit.exit->destinations.size() : 0;
        out.push_back({circuit.id, circuit.exit != nullptr, circuit.bytes_out, circuit.bytes_in,
                       static_cast<std::uint32_t>(destinations), now - circuit.created});
    });
    return out;
}

std::uint64_t Tunnel::directory_changes() const noexcept
{
    return parts_->directory ? parts_->directory->changes() : 0;
}
DirectoryState Tunnel::directory_state() const
{
    return parts_->directory ? parts_->directory->state() : DirectoryState{};
}
void Tunnel::restore_directory(const DirectoryState& state)
{
    if (parts_->directory) parts_->directory->restore(state);
}

DiscoveryView Tunnel::discovery() const
{
    DiscoveryView out = parts_->discovery.view();
    out.reach.strangers_get_in = parts_->reach.strangers_get_in(parts_->environment.clock.now());
    if (parts_->directory) parts_->directory->describe(out);
    return out;
}

TunnelCounters Tunnel::counters() const
{
    TunnelCounters out = parts_->counters.view();
    parts_->discovery.add_drops(out.drops);
    if (parts_->directory) parts_->directory->add_drops(out.drops);
    return out;
}

} // namespace cepa::tunnel
