#include "worker/fake_tunnel.hpp"

#include "tunnel/error.hpp"

#include <stdexcept>

namespace cepa::tunnel {
namespace {

FakeTunnel* g_newest = nullptr;

} // namespace

FakeTunnel& FakeTunnel::newest()
{
    if (g_newest == nullptr) throw std::logic_error("no tunnel was made");
    return *g_newest;
}
bool FakeTunnel::exists() noexcept
{
    return g_newest != nullptr;
}

struct Tunnel::Parts {
    FakeTunnel fake;
};

Tunnel::Tunnel(TunnelSettings settings, Environment environment, TunnelObserver& observer)
    : parts_(new Parts{FakeTunnel(std::move(settings), environment, observer)})
{
    g_newest = &parts_->fake;
}

Tunnel::~Tunnel()
{
    if (g_newest == &parts_->fake) g_newest = nullptr;
}

void Tunnel::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    const ByteSpan bytes = std::as_const(packet).bytes();
    parts_->fake.received.push_back({source, {bytes.begin(), bytes.end()}});
    parts_->fake.on_packet(source, packet);
}

void Tunnel::on_batch_end()
{
    parts_->fake.batches.push_back(parts_->fake.sent.size());
    parts_->fake.environment.packets.flush();
}

void Tunnel::tick()
{
    ++parts_->fake.ticks;
    parts_->fake.on_tick();
}

Result<CircuitId> Tunnel::create_circuit(std::uint8_t hops, std::uint32_t group)
{
    parts_->fake.asked.emplace_back(hops, group);
    return parts_->fake.next_circuit;
}

void Tunnel::close_circuit(CircuitId circuit)
{
    parts_->fake.closed.push_back(circuit);
    parts_->fake.observer.on_circuit_closed(circuit, "no longer needed");
}

Result<void> Tunnel::send_data(CircuitId circuit, const Address& destination, PacketBuffer& payload)
{
    FakeTunnel& fake = parts_->fake;
    if (!fake.usable.contains(circuit.value)) return fail(TunnelError::unknown_circuit);
    if (payload.size() > fake.most_payload) return fail(TunnelError::too_large);
    const ByteSpan bytes = std::as_const(payload).bytes();
    fake.sent.push_back({circuit, destination, {bytes.begin(), bytes.end()}, payload.headroom(), payload.tailroom()});
    fake.environment.packets.queue(destination.endpoint, bytes, circuit);
    return {};
}

void Tunnel::share(const std::vector<Candidate>& candidates, const std::vector<Endpoint>& own_addresses,
                   const std::vector<Guard>&, const Reachability& reach)
{
    parts_->fake.shared_reach = reach;
    parts_->fake.shared = candidates;
    parts_->fake.shared_addresses = own_addresses;
}

ForSiblings& Tunnel::for_siblings() noexcept
{
    return parts_->fake.for_siblings;
}

void Tunnel::monitor(const std::vector<std::array<std::uint8_t, 20>>& lookup_hashes)
{
    parts_->fake.monitored = lookup_hashes;
}

void Tunnel::set_swarms(std::vector<SwarmPlan> plans)
{
    parts_->fake.plans = std::move(plans);
}
void Tunnel::set_payload(CircuitId link, std::uint64_t bytes)
{
    parts_->fake.payloads.emplace_back(link, bytes);
}
std::vector<SwarmView> Tunnel::swarms() const
{
    return parts_->fake.swarm_views;
}

void Tunnel::set_limits(const TunnelLimits& limits)
{
    parts_->fake.limits = limits;
}
void Tunnel::set_host_addresses(const std::vector<IpAddress>& addresses) { parts_->fake.host_addresses = addresses; }
void Tunnel::shut_down()
{
    parts_->fake.shut_down = true;
}
bool Tunnel::knows(CircuitId circuit) const noexcept
{
    return parts_->fake.known.contains(circuit.value);
}
std::vector<Candidate> Tunnel::candidates() const
{
    return parts_->fake.candidate_list;
}
std::vector<Endpoint> Tunnel::own_addresses() const
{
    return parts_->fake.own;
}
std::vector<CircuitView> Tunnel::circuits() const
{
    return parts_->fake.circuit_views;
}
std::vector<RelayView> Tunnel::relays() const
{
    return parts_->fake.relay_views;
}
std::vector<ExitView> Tunnel::exits() const
{
    return parts_->fake.exit_views;
}
DirectoryState Tunnel::directory_state() const
{
    return parts_->fake.directory;
}
std::uint64_t Tunnel::directory_changes() const noexcept
{
    return parts_->fake.directory_changes;
}
void Tunnel::restore_directory(const DirectoryState& state)
{
    parts_->fake.restored = state;
}
DiscoveryView Tunnel::discovery() const
{
    return parts_->fake.discovery_view;
}
TunnelCounters Tunnel::counters() const
{
    return parts_->fake.counted;
}

} // namespace cepa::tunnel
