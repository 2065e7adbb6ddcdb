#include "worker/sync_source.hpp"

#include "worker/directory_state.hpp"

#include "worker/swarms_from_proto.hpp"

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <utility>

namespace cepa::worker {
namespace {

/// Between two frames that carry the directory, for each begun part of it of that size.
constexpr auto kDirectoryPause = std::chrono::seconds(1);
constexpr std::size_t kDirectoryPerPause = 64U << 10U;
/// Its values grow older: what is told of their lives is told again.
constexpr auto kDirectoryLives = std::chrono::seconds(60);

std::uint64_t ms(Duration d)
{
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}
std::uint64_t us(Duration d)
{
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

std::uint64_t process_cpu_us()
{
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

proto::CircuitState state_of(tunnel::CircuitState state)
{
    switch (state) {
    case tunnel::CircuitState::extending: return proto::CIRCUIT_EXTENDING;
    case tunnel::CircuitState::ready: return proto::CIRCUIT_READY;
    case tunnel::CircuitState::closing: break;
    }
    return proto::CIRCUIT_CLOSING;
}

proto::CircuitPurpose purpose_of(tunnel::CircuitPurpose purpose)
{
    switch (purpose) {
    case tunnel::CircuitPurpose::data: break;
    case tunnel::CircuitPurpose::lookup: return proto::PURPOSE_LOOKUP;
    case tunnel::CircuitPurpose::introduction: return proto::PURPOSE_INTRODUCTION;
    case tunnel::CircuitPurpose::rendezvous: return proto::PURPOSE_RENDEZVOUS;
    }
    return proto::PURPOSE_DATA;
}

proto::CircuitInfo circuit_info(const tunnel::CircuitView& from, WorkerId self)
{
    proto::CircuitInfo to;
    to.set_circuit_id(from.id.value);
    to.set_worker_id(self.value);
    to.set_group(from.group);
    to.set_wanted_hops(from.wanted_hops);
    to.set_state(state_of(from.state));
    for (const tunnel::HopView& hop : from.hops) {
        proto::HopInfo& added = *to.add_hops();
        added.set_mid(hop.mid.data(), hop.mid.size());
        if (!hop.address.is_null()) *added.mutable_address() = endpoint_to_proto(hop.address);
        added.set_flags(hop.flags);
    }
    to.set_bytes_up(from.bytes_up);
    to.set_bytes_down(from.bytes_down);
    to.set_age_ms(ms(from.age));
    to.set_round_trip_us(us(from.round_trip));
    to.set_purpose(purpose_of(from.purpose));
    return to;
}

proto::RelayInfo relay_info(const tunnel::RelayView& from, WorkerId self)
{
    proto::RelayInfo to;
    to.set_circuit_id(from.previous.value);
    to.set_next_circuit_id(from.next.value);
    to.set_bytes_forward(from.bytes_forward);
    to.set_bytes_backward(from.bytes_backward);
    to.set_age_ms(ms(from.age));
    to.set_worker_id(self.value);
    return to;
}

proto::ExitInfo exit_info(const tunnel::ExitView& from, WorkerId self)
{
    proto::ExitInfo to;
    to.set_circuit_id(from.id.value);
    to.set_open(from.open);
    to.set_bytes_out(from.bytes_out);
    to.set_bytes_in(from.bytes_in);
    to.set_destinations(from.destinations);
    to.set_age_ms(ms(from.age));
    to.set_worker_id(self.value);
    return to;
}

proto::WorkerInfo worker_info(const tunnel::TunnelCounters& from, const proto::WorkerInfo& outside, WorkerId self)
{
    proto::WorkerInfo to = outside;
    to.set_worker_id(self.value);
    to.set_pid(static_cast<std::uint64_t>(::getpid()));
    to.set_cpu_us(process_cpu_us());
    to.set_cells_in(from.cells_in);
    to.set_cells_out(from.cells_out);
    to.set_data_bytes_up(from.data_bytes_up);
    to.set_data_bytes_down(from.data_bytes_down);
    to.set_relayed_bytes(from.relayed_bytes);
    to.set_exited_bytes(from.exited_bytes);
    for (const auto& [reason, count] : from.drops) (*to.mutable_drops())[reason] += count;
    return to;
}

proto::DiscoveryInfo discovery_info(const tunnel::DiscoveryView& from)
{
    proto::DiscoveryInfo to;
    to.set_peers(from.peers);
    to.set_relays(from.relays);
    to.set_exits(from.exits);
    to.set_distinct_prefixes(from.distinct_prefixes);
    if (!from.wan.is_null()) *to.mutable_wan() = endpoint_to_proto(from.wan);
    to.set_bootstrapping(from.bootstrapping);
    to.set_dht_nodes(from.dht_nodes);
    to.set_dht_values(from.dht_values);
    to.set_introductions(from.introductions);
    to.set_translation(static_cast<proto::Translation>(from.reach.translation));
    to.set_strangers_get_in(from.reach.strangers_get_in);
    return to;
}

} // namespace

proto::SharedObjects SyncSource::objects(const tunnel::Tunnel& tunnel, const proto::WorkerInfo& counters) const
{
    proto::SharedObjects out;
    for (const tunnel::CircuitView& c : tunnel.circuits()) out.circuits[c.id.value] = circuit_info(c, self_);
    for (const tunnel::RelayView& r : tunnel.relays()) out.relays[r.previous.value] = relay_info(r, self_);
    for (const tunnel::ExitView& e : tunnel.exits()) out.exits[e.id.value] = exit_info(e, self_);
    out.worker = worker_info(tunnel.counters(), counters, self_);
    if (self_ == WorkerId(0)) out.discovery = discovery_info(tunnel.discovery());
    return out;
}

std::vector<proto::Sync> SyncSource::take(const tunnel::Tunnel& tunnel, const proto::WorkerInfo& counters,
                                          TimePoint now)
{
    std::vector<proto::Sync> frames = tracker_.take(objects(tunnel, counters));
    proto::Sync share;
    if (take_share(tunnel, share)) frames.push_back(std::move(share));
    proto::Sync swarms;
    if (take_swarms(tunnel, swarms)) frames.push_back(std::move(swarms));
    proto::Sync directory;
    if (take_directory(tunnel, directory, now)) frames.push_back(std::move(directory));
    return frames;
}

bool SyncSource::take_share(const tunnel::Tunnel& tunnel, proto::Sync& sync)
{
    if (self_ != WorkerId(0)) return false; // the others only use what worker 0 verified
    SharedFacts now{tunnel.candidates(), tunnel.own_addresses(), guards_, tunnel.discovery().reach};
    if (now == shared_) return false;
    shared_ = std::move(now);
    *sync.mutable_share() = facts_to_proto(shared_, ++share_version_);
    return true;
}

bool SyncSource::take_swarms(const tunnel::Tunnel& tunnel, proto::Sync& sync)
{
    proto::SwarmInfos now = swarms_to_proto(tunnel.swarms());
    if (now.SerializeAsString() == swarms_.SerializeAsString()) return false;
    swarms_ = std::move(now);
    *sync.mutable_swarms() = swarms_;
    return true;
}

bool SyncSource::has_swarm_news(const tunnel::Tunnel& tunnel) const
{
    return !same_counts(swarms_to_proto(tunnel.swarms()), swarms_);
}

bool SyncSource::has_directory_news(const tunnel::Tunnel& tunnel, TimePoint now) const noexcept
{
    if (!tells_directory_ || now < next_directory_) return false;
    return tunnel.directory_changes() != directory_changes_ || now - directory_told_ >= kDirectoryLives;
}

bool SyncSource::take_directory(const tunnel::Tunnel& tunnel, proto::Sync& sync, TimePoint now)
{
    if (!has_directory_news(tunnel, now)) return false;
    directory_changes_ = tunnel.directory_changes();
    directory_told_ = now;
    *sync.mutable_dht() = directory_to_proto(tunnel.directory_state());
    next_directory_ = now + kDirectoryPause * (1 + sync.dht().ByteSizeLong() / kDirectoryPerPause);
    return true;
}

void SyncSource::skip(const SharedFacts& facts, std::uint64_t version)
{
    if (!facts.guards.empty()) guards_ = facts.guards; // none only means that nobody has chosen yet
    share_version_ = std::max(share_version_, version);
}

} // namespace cepa::worker
