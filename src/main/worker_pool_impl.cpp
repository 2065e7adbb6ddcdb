#include "main/worker_pool_impl.hpp"

#include "base/log.hpp"
#include "main/pool_error.hpp"
#include "main/worker_settings.hpp"
#include "proto/descriptors.hpp"

#include <boost/asio/post.hpp>
#include <sodium.h>

#include <array>
#include <utility>

namespace cepa::main {

namespace asio = boost::asio;

namespace {

/// The worker bounds the time itself (10 s per hop, 5 hops); this is for one that does not keep its word.
constexpr Duration kCircuitTimeout = std::chrono::seconds(90);
/// Ticks between two times that the steering program is put in place: 5 s.
constexpr std::uint64_t kSteerAgain = 25;
/// A worker with nothing to do speaks once per sync interval: so many of them make silence.
constexpr int kMissedSyncs = 3;
constexpr Duration kDrainedGrace = std::chrono::seconds(2);

ErrorCode invalid()
{
    return make_error_code(boost::system::errc::invalid_argument);
}

std::uint64_t bit(WorkerId worker) noexcept
{
    return std::uint64_t{1} << worker.value;
}

proto::SlotTable fresh_table(std::uint32_t workers)
{
    std::array<std::uint32_t, 2> keys{};
    ::randombytes_buf(keys.data(), sizeof keys);
    return proto::SlotTable::make(keys[0], keys[1], workers);
}

} // namespace

WorkerPool::Impl::Impl(asio::io_context& io, const Clock& clock, WorkerPoolConfig config)
    : io_(io), clock_(clock), config_(std::move(config)), target_(config_.workers),
      resolver_(io, config_.settings.resolve_names() && serves_others(config_.settings)), tick_timer_(io)
{
    if (::sodium_init() < 0) std::abort();
}

WorkerPool::Impl::~Impl()
{
    slots_.clear(); // while everything that they lean on is there
    ::sodium_memzero(config_.identity_key.data(), config_.identity_key.size());
}

// ---- life

Result<void> WorkerPool::Impl::start(proto::TunnelObserver& observer)
{
    const bool possible = config_.workers >= 1 && config_.workers <= config_.max_workers &&
                          config_.max_workers <= proto::kMaxWorkers && config_.settings.overlay_id().size() == 20 &&
                          slots_.empty();
    if (!possible) return fail(invalid());
    CEPA_TRY(open_descriptors());
    make_slots();
    CEPA_TRY(use_table(fresh_table(config_.workers), config_.workers));
    observer_ = &observer;
    for (std::uint32_t i = 0; i < config_.workers; ++i) {
        if (const auto started = slots_[i]->start(); !started) {
            observer_ = nullptr;
            slots_.clear();
            return fail(started.error());
        }
    }
    wait_tick();
    return {};
}

Result<void> WorkerPool::Impl::open_descriptors()
{
    NodePortPlan plan{config_.listen, config_.max_workers, overlay_prefix(as_bytes(config_.settings.overlay_id())),
                      config_.force_front_process};
    auto port = NodePort::open(io_, plan, [this](WorkerId worker) {
        WorkerProcess* process = slots_.empty() ? nullptr : process_of(worker);
        return process == nullptr ? nullptr : &process->data();
    });
    if (!port) return fail(port.error());
    auto inboxes = Inboxes::open(config_.max_workers);
    if (!inboxes) return fail(inboxes.error());
    port_ = std::move(*port);
    inboxes_ = std::move(*inboxes);
    return {};
}

SlotDescriptors WorkerPool::Impl::descriptors_of(WorkerId worker) const
{
    SlotDescriptors out{port_->socket(worker), inboxes_.read_end(worker), {}};
    for (std::uint16_t i = 0; i < config_.max_workers; ++i)
        if (i != worker.value) out.siblings.push_back(inboxes_.write_end(WorkerId(i)));
    return out;
}

void WorkerPool::Impl::make_slots()
{
    stale_.assign(config_.max_workers, false);
    WorkerSlotOwner& owner = *this;
    for (std::uint16_t i = 0; i < config_.max_workers; ++i) {
        WorkerLaunch launch{WorkerId(i), config_.executable, config_.arguments, descriptors_of(WorkerId(i))};
        slots_.push_back(std::make_unique<WorkerSlot>(io_, clock_, std::move(launch), owner));
    }
}

void WorkerPool::Impl::wait_tick()
{
    tick_timer_.expires_after(kTick);
    tick_timer_.async_wait([this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
        if (ec || alive.expired() || observer_ == nullptr) return;
        tick();
        if (!alive.expired() && observer_ != nullptr) wait_tick();
    });
}

void WorkerPool::Impl::tick()
{
    // Ticks stand still while the machine is suspended: nobody is silent because of that.
    const Duration silence = std::max(config_.silence_limit, kMissedSyncs * config_.sync_interval);
    const auto limit = static_cast<std::uint32_t>(silence / kTick);
    for (const auto& slot : slots_)
        slot->tick(limit);
    settle();
    // A worker may not attach a program, but the kernel lets it take ours away: put it back now and then.
    if (++ticks_ % kSteerAgain == 0 && !port_->steer(table_)) log::error("steering is lost");
}

Result<void> WorkerPool::Impl::use_table(const proto::SlotTable& table, std::uint32_t workers)
{
    if (const auto steered = port_->steer(table); !steered) {
        log::error("steering cannot be changed", {log::field("error", steered.error().message())});
        return fail(make_error_code(PoolError::steering_refused));
    }
    table_ = table;
    table_workers_ = workers;
    return {};
}

Result<void> WorkerPool::Impl::set_workers(std::uint32_t count)
{
    if (observer_ == nullptr) return fail(make_error_code(PoolError::not_running));
    if (count < 1 || count > config_.max_workers) return fail(invalid());
    for (std::uint32_t i = table_workers_; i < count; ++i)
        CEPA_TRY(slots_[i]->start());
    if (count < target_) drain_until_ = clock_.now() + config_.drain_limit;
    target_ = count;
    tell_all_swarms(); // who is to drain has no part any more: its links end and are made anew by the others
    if (count <= table_workers_) return {}; // fewer: tick() settles it when they have drained
    CEPA_TRY(use_table(table_.resized(count), count));
    proto::Envelope envelope;
    *envelope.mutable_steer() = table_.to_message();
    tell_all(envelope);
    tell_limits();
    return {};
}

bool WorkerPool::Impl::drained(std::uint32_t worker) const
{
    return circuits_.count(WorkerId(static_cast<std::uint16_t>(worker))) == 0 || clock_.now() >= drain_until_;
}

/// When the workers above the target have no circuits any more: takes them out of the table and ends them.
void WorkerPool::Impl::settle()
{
    for (std::uint32_t i = target_; i < table_workers_; ++i)
        if (!drained(i)) return;
    const std::uint32_t former = table_workers_;
    if (former == target_ || !use_table(table_.resized(target_), target_)) return;
    proto::Envelope envelope;
    *envelope.mutable_steer() = table_.to_message();
    tell_all(envelope);
    for (std::uint32_t i = target_; i < former; ++i)
        slots_[i]->stop(kDrainedGrace);
    for (std::uint32_t i = target_; i < former; ++i)
        end_circuits(WorkerId(static_cast<std::uint16_t>(i)), "worker stopped");
    tell_limits();
}

void WorkerPool::Impl::stop(Duration grace, std::function<void()> done)
{
    stopped_ = std::move(done);
    observer_ = nullptr;
    tick_timer_.cancel();
    for (const auto& slot : slots_)
        slot->stop(grace);
    asio::post(io_, [this, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired()) finish_stop();
    });
}

void WorkerPool::Impl::on_slot_stopped(WorkerId)
{
    finish_stop();
}

void WorkerPool::Impl::finish_stop()
{
    if (!stopped_) return;
    for (const auto& slot : slots_)
        if (!slot->stopped()) return;
    std::exchange(stopped_, nullptr)(); // last: it may destroy the pool
}

proto::ServiceInfo WorkerPool::Impl::info() const
{
    proto::ServiceInfo out;
    out.workers = target_;
    out.steering = port_ ? port_->description() : "not started";
    out.listen = port_ ? port_->endpoint() : config_.listen;
    for (const auto& slot : slots_)
        out.restarts += slot->restarts();
    return out;
}

// ---- circuits

std::vector<WorkerId> WorkerPool::Impl::usable_workers()
{
    std::vector<WorkerId> out;
    for (std::uint16_t i = 0; i < target_ && i < slots_.size(); ++i)
        if (process_of(WorkerId(i)) != nullptr) out.emplace_back(i);
    return out;
}

void WorkerPool::Impl::create_circuit(const proto::CircuitRequest& request, CircuitReady done)
{
    const auto worker = circuits_.least_loaded(usable_workers());
    if (!worker || observer_ == nullptr) {
        asio::post(io_, [done = std::move(done), error = worker ? PoolError::not_running : PoolError::no_worker] {
            done(fail(make_error_code(error)));
        });
        return;
    }
    proto::Envelope envelope;
    envelope.mutable_circuit()->set_hops(request.hops);
    envelope.mutable_circuit()->set_group(request.group.value);
    circuits_.begin_pending(*worker);
    process_of(*worker)->control().call(
        std::move(envelope), kCircuitTimeout,
        [this, worker = *worker, done = std::move(done)](const Result<proto::Answer>& answer) {
            circuits_.end_pending(worker);
            if (answer) slots_[worker.value]->heard();
            on_circuit_answer(worker, answer, done);
        });
}

void WorkerPool::Impl::on_circuit_answer(WorkerId worker, const Result<proto::Answer>& answer, const CircuitReady& done)
{
    if (!answer) return done(fail(answer.error()));
    if (!answer->error().empty()) {
        log::debug("circuit failed",
                   {log::field("worker", worker.value), log::field("error", answer->error().substr(0, 256))});
        return done(fail(make_error_code(PoolError::circuit_failed)));
    }
    const CircuitId circuit(answer->circuit_id());
    const bool steers = table_.may_have(circuit, worker);
    if (!steers || !circuits_.add(circuit, worker)) {
        slots_[worker.value]->misbehaved("a circuit id that is not its own");
        return done(fail(make_error_code(PoolError::worker_misbehaved)));
    }
    done(circuit);
}

void WorkerPool::Impl::close_circuit(CircuitId circuit)
{
    const auto worker = circuits_.remove(circuit);
    if (!worker) return;
    proto::Envelope envelope;
    envelope.mutable_close_circuit()->set_circuit_id(circuit.value);
    if (WorkerProcess* process = process_of(*worker)) (void)process->control().notify(std::move(envelope));
    boost::asio::post(io_, [this, alive = std::weak_ptr<char>(alive_), circuit] {
        if (!alive.expired() && observer_ != nullptr) observer_->on_circuit_dead(circuit, "closed");
    });
}

void WorkerPool::Impl::end_circuits(WorkerId worker, const std::string& reason)
{
    const std::weak_ptr<char> alive = alive_;
    for (const CircuitId circuit : circuits_.remove_all(worker)) {
        if (alive.expired() || observer_ == nullptr) return;
        observer_->on_circuit_dead(circuit, reason);
    }
}

void WorkerPool::Impl::on_worker_gone(WorkerId worker)
{
    touched_ &= ~bit(worker);
    stale_[worker.value] = false;
    traffic_.on_worker_end(worker);
    merger_.remove(worker);
    siblings_.on_worker_gone(worker); // first: whoever was linked with it waits
    const std::weak_ptr<char> alive = alive_;
    end_circuits(worker, "worker died");
    if (alive.expired()) return;
    tell_limits(); // the replacement gets a part of what is left now: so must the others
    if (observer_ != nullptr) observer_->on_sync();
}

// ---- datagrams

void WorkerPool::Impl::send(CircuitId circuit, const Address& destination, PacketBuffer& payload)
{
    const auto worker = circuits_.owner(circuit);
    WorkerProcess* process = worker ? process_of(*worker) : nullptr;
    if (process == nullptr || !proto::wrap_data(payload, circuit, destination)) {
        ++stale_sends_;
        return;
    }
    process->data().send(payload.bytes());
    touched_ |= bit(*worker);
}

void WorkerPool::Impl::flush()
{
    for (std::uint16_t i = 0; touched_ != 0; ++i) {
        const std::uint64_t mask = bit(WorkerId(i));
        if ((touched_ & mask) == 0) continue;
        touched_ &= ~mask;
        if (WorkerProcess* process = process_of(WorkerId(i))) process->data().flush();
    }
}

void WorkerPool::Impl::on_frame(WorkerId from, const proto::FrameView& frame)
{
    if (frame.kind == proto::FrameKind::data) return on_data(from, frame);
    if (frame.kind == proto::FrameKind::packet_out && port_->front() != nullptr) return on_packet_out(from, frame);
    slots_[from.value]->misbehaved("a frame of a kind that it may not send");
}

void WorkerPool::Impl::on_data(WorkerId from, const proto::FrameView& frame)
{
    auto data = proto::parse_data(frame);
    if (!data) return slots_[from.value]->misbehaved("a malformed data frame");
    // Foreign: on its way while the circuit was closed. The origin is what an exit said: its lie is not the worker's,
    // so it costs the datagram and no more. A hidden circuit has the null address, which no exit may use.
    const bool foreign = !circuits_.owns(from, data->circuit) || observer_ == nullptr;
    const bool from_address = !data->address.is_host() && (!data->address.is_null() || circuits_.is_hidden(data->circuit));
    if (foreign || !from_address) {
        ++(foreign ? foreign_frames_ : unusable_origins_);
        return;
    }
    observer_->on_datagram(data->circuit, data->address, data->payload);
}

void WorkerPool::Impl::on_packet_out(WorkerId from, const proto::FrameView& frame)
{
    const auto packet = proto::parse_packet(frame);
    if (!packet || packet->packet.size() > kMaxPacket)
        return slots_[from.value]->misbehaved("a malformed packet frame");
    port_->front()->send(packet->peer, packet->packet.bytes());
}

void WorkerPool::Impl::on_frame_batch_end(WorkerId)
{
    if (port_->front() != nullptr) port_->front()->flush();
    if (observer_ != nullptr) observer_->on_batch_end();
}

} // namespace cepa::main
