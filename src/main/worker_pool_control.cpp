// What the workers say over their control streams, and what they are told. Part of WorkerPool::Impl.
#include "base/log.hpp"
#include "main/worker_claims.hpp"
#include "main/worker_pool_impl.hpp"
#include "main/worker_settings.hpp"
#include "proto/build_id.hpp"
#include "proto/error.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace cepa::main {
namespace {

constexpr std::size_t kMaxText = 256;
/// Of what worker 0 leaves to its successor: CREATE, which carries it, is one message (proto::kMaxMessage).
constexpr std::size_t kMaxDirectoryBytes = 768U << 10U;
constexpr std::size_t kMaxRest = 4096;
constexpr std::array<const char*, 5> kLevelNames{"trace", "debug", "info", "warn", "error"};

void set_endpoint(proto::IpEndpoint& out, const Endpoint& endpoint)
{
    const ByteSpan ip = ByteSpan(endpoint.ip.bytes).first(endpoint.ip.v6 ? 16 : 4);
    out.set_ip(std::string(ip.begin(), ip.end()));
    out.set_port(endpoint.port);
}

/// Whether a notice of this kind is a fact of the whole node, which only worker 0 knows.
bool only_of_worker_zero(proto::Notify::Kind kind)
{
    return kind == proto::Notify::GUARDS_CHANGED || kind == proto::Notify::ADDRESS_CHANGED ||
           kind == proto::Notify::RESUMED;
}

} // namespace

proto::Create WorkerPool::Impl::create_message(WorkerId worker)
{
    proto::Create out;
    out.set_build_id(proto::build_id());
    out.set_worker_id(worker.value);
    *out.mutable_settings() = settings_of_one(config_.settings, sharers(), moved_bytes());
    *out.mutable_steer() = table_.to_message();
    // A client-only worker draws a key of its own per circuit: what it does not have it cannot lose.
    if (worker == WorkerId(0) || serves_others(config_.settings)) out.set_identity_key(config_.identity_key);
    out.set_identity_public(config_.identity_public);
    *out.mutable_share() = snapshot_.share;
    out.set_front_process(port_->front() != nullptr);
    set_endpoint(*out.mutable_listen(), port_->endpoint());
    out.set_sync_interval_ms(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(config_.sync_interval).count()));
    out.set_max_workers(config_.max_workers);
    out.set_log_level(kLevelNames.at(static_cast<std::size_t>(config_.log_level)));
    for (const std::string& hash : monitored_)
        out.add_monitor(hash);
    *out.mutable_swarms() = swarms_.part_of(worker, target_);
    const bool fits = out.ByteSizeLong() + directory_.ByteSizeLong() < proto::kMaxMessage - kMaxRest;
    if (worker == WorkerId(0) && fits) *out.mutable_dht() = directory_;
    return out;
}

// ---- from the workers

void WorkerPool::Impl::on_call(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond)
{
    switch (call.body_case()) {
    case proto::Envelope::kSync:
        if (!within_bounds(call.sync())) return slots_[from.value]->misbehaved("a change frame out of bounds");
        return on_sync(from, call.sync());
    case proto::Envelope::kCircuitDead:
        return on_circuit_dead(from, call.circuit_dead());
    case proto::Envelope::kHiddenLink:
        if (!within_bounds(call.hidden_link())) return slots_[from.value]->misbehaved("a link out of bounds");
        return on_hidden_link(from, call.hidden_link());
    case proto::Envelope::kNotify:
        if (!within_bounds(call.notify())) return slots_[from.value]->misbehaved("a notice out of bounds");
        return on_notify(from, call.notify());
    case proto::Envelope::kResolve:
        return resolver_.resolve(from, call.resolve(), std::move(respond));
    default:
        break;
    }
    switch (siblings_.on_call(from, call, std::move(respond))) {
    case SiblingCalls::Verdict::served:
        return;
    case SiblingCalls::Verdict::misbehaved:
        return slots_[from.value]->misbehaved("a call to its siblings out of bounds");
    case SiblingCalls::Verdict::not_mine:
        return slots_[from.value]->misbehaved("a call that it may not make");
    }
}

void WorkerPool::Impl::call(WorkerId worker, proto::Envelope envelope, Duration timeout, proto::Rpc::Reply reply)
{
    process_of(worker)->control().call(std::move(envelope), timeout,
                                       [this, worker, reply = std::move(reply)](Result<proto::Answer>&& answer) {
                                           if (answer) slots_[worker.value]->heard();
                                           reply(std::move(answer));
                                       });
}

void WorkerPool::Impl::on_sync(WorkerId from, const proto::Sync& sync)
{
    WorkerProcess* process = process_of(from);
    if (process == nullptr) return; // last words of one that is being stopped
    const std::size_t refused = merger_.merge(from, static_cast<std::uint64_t>(process->pid()), sync, table_);
    refused_entries_ += refused;
    if (refused != 0)
        log::debug("change frame refused in part", {log::field("worker", from.value), log::field("entries", refused)});
    const proto::WorkerInfo& info = snapshot_.workers[from.value];
    traffic_.on_total(from, info.relayed_bytes() + info.exited_bytes());
    if (sync.has_share()) on_share(from, sync.share());
    if (sync.has_dht()) on_directory(from, sync.dht());
    if (stale_[from.value]) refresh(from);
    if (observer_ != nullptr) observer_->on_sync();
}

void WorkerPool::Impl::on_share(WorkerId from, proto::Share share)
{
    if (from != WorkerId(0)) {
        ++refused_entries_;
        return;
    }
    share.set_version(++share_version_); // ours, so that a reborn worker 0 cannot fall behind itself
    snapshot_.share = std::move(share);
    proto::Envelope envelope;
    *envelope.mutable_share() = snapshot_.share;
    for (std::uint16_t i = 1; i < slots_.size(); ++i)
        tell(WorkerId(i), envelope);
}

/// Only kept: whoever takes over from worker 0 checks it.
void WorkerPool::Impl::on_directory(WorkerId from, const proto::DhtState& directory)
{
    if (from == WorkerId(0) && directory.ByteSizeLong() <= kMaxDirectoryBytes)
        directory_ = directory;
    else
        ++refused_entries_;
}

void WorkerPool::Impl::on_circuit_dead(WorkerId from, const proto::CircuitDead& dead)
{
    const CircuitId circuit(dead.circuit_id());
    if (!circuits_.owns(from, circuit)) return; // we closed it and said so, or it never had it
    (void)circuits_.remove(circuit);
    if (observer_ != nullptr) observer_->on_circuit_dead(circuit, dead.reason().substr(0, kMaxText));
}

void WorkerPool::Impl::on_hidden_link(WorkerId from, const proto::HiddenLink& link)
{
    const CircuitId circuit(link.circuit_id());
    if (!table_.may_have(circuit, from) || circuits_.hidden_count(from) >= kMaxHiddenLinks)
        return slots_[from.value]->misbehaved("a link that cannot be its own");
    // Of a swarm that is not ours any more: the worker ends it as soon as it reads that.
    if (observer_ == nullptr || !swarms_.has(link.lookup_hash())) return;
    if (!circuits_.add(circuit, from, true)) return slots_[from.value]->misbehaved("a link under a circuit id in use");
    observer_->on_hidden_link(circuit, link);
}

void WorkerPool::Impl::on_notify(WorkerId from, const proto::Notify& notice)
{
    if (only_of_worker_zero(notice.kind()) && from != WorkerId(0)) return;
    if (notice.kind() == proto::Notify::GUARDS_CHANGED)
        *config_.settings.mutable_guards() = notice.guards(); // for the next CREATE
    if (notice.kind() == proto::Notify::SWARM_SEEN && std::ranges::find(monitored_, notice.bytes()) == monitored_.end())
        return;
    if (observer_ != nullptr) observer_->on_notify(notice);
}

// ---- to the workers

void WorkerPool::Impl::set_swarms(const std::vector<proto::SwarmRequest>& swarms)
{
    swarms_.set(swarms);
    tell_all_swarms();
}

/// Told again with the next change: what gets lost does not matter.
void WorkerPool::Impl::set_payloads(const std::vector<proto::LinkPayload>& links)
{
    std::map<WorkerId, proto::Envelope> told;
    for (const proto::LinkPayload& link : links) {
        const auto worker = circuits_.owner(link.circuit);
        if (!worker) continue;
        proto::LinkPayloads::Link& one = *told[*worker].mutable_link_payloads()->add_links();
        one.set_circuit_id(link.circuit.value);
        one.set_bytes(link.bytes);
    }
    for (const auto& [worker, envelope] : told)
        if (WorkerProcess* process = process_of(worker)) static_cast<void>(process->control().notify(envelope));
}

void WorkerPool::Impl::tell_all_swarms()
{
    for (std::uint16_t i = 0; i < slots_.size(); ++i)
        tell_swarms(WorkerId(i));
}

void WorkerPool::Impl::tell_swarms(WorkerId worker)
{
    proto::Envelope envelope;
    *envelope.mutable_swarms() = swarms_.part_of(worker, target_);
    tell(worker, envelope);
    proto::wipe_secrets(envelope);
}

void WorkerPool::Impl::tell(WorkerId worker, const proto::Envelope& envelope)
{
    WorkerProcess* process = process_of(worker);
    if (process == nullptr) return; // its replacement is told by CREATE
    if (!process->control().notify(envelope)) stale_[worker.value] = true;
}

void WorkerPool::Impl::tell_all(const proto::Envelope& envelope)
{
    for (std::uint16_t i = 0; i < slots_.size(); ++i)
        tell(WorkerId(i), envelope);
}

/// How many workers the node's limits are split over: those that drain still carry what they have.
std::uint32_t WorkerPool::Impl::sharers() const noexcept
{
    return std::max(target_, table_workers_);
}

/// Splits what is left anew. A worker's own count of its part would not know of the others', nor of the months.
void WorkerPool::Impl::tell_limits()
{
    if (!serves_others(config_.settings)) return;
    proto::Envelope envelope;
    *envelope.mutable_limits() = limits_of_one(config_.settings, sharers(), moved_bytes());
    tell_all(envelope);
}

void WorkerPool::Impl::new_month()
{
    config_.settings.set_month_bytes_used(0);
    moved_before_ = traffic_.total();
    tell_limits();
}

/// Tells again all that it may have missed while it did not read.
void WorkerPool::Impl::refresh(WorkerId worker)
{
    stale_[worker.value] = false;
    proto::Envelope envelope;
    *envelope.mutable_steer() = table_.to_message();
    tell(worker, envelope);
    if (worker != WorkerId(0)) {
        *envelope.mutable_share() = snapshot_.share;
        tell(worker, envelope);
    }
    *envelope.mutable_limits() = limits_of_one(config_.settings, sharers(), moved_bytes());
    tell(worker, envelope);
    tell_swarms(worker);
    envelope.mutable_monitor();
    for (const std::string& hash : monitored_)
        envelope.mutable_monitor()->add_lookup_hashes(hash);
    tell(worker, envelope);
}

void WorkerPool::Impl::monitor(const std::vector<std::string>& lookup_hashes)
{
    monitored_.clear();
    std::ranges::copy_if(lookup_hashes, std::back_inserter(monitored_),
                         [](const std::string& hash) { return hash.size() == proto::kLookupHashSize; });
    proto::Envelope envelope;
    envelope.mutable_monitor();
    for (const std::string& hash : monitored_)
        envelope.mutable_monitor()->add_lookup_hashes(hash);
    tell_all(envelope);
}

} // namespace cepa::main
