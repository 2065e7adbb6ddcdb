#include "main/worker_slot.hpp"

#include "base/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace cepa::main {

namespace asio = boost::asio;

namespace {
constexpr Duration kCreateTimeout = std::chrono::seconds(10);
}

WorkerSlot::WorkerSlot(asio::io_context& io, const Clock& clock, WorkerLaunch launch, WorkerSlotOwner& owner)
    : io_(io), clock_(clock), launch_(std::move(launch)), owner_(owner), timer_(io)
{
}

WorkerSlot::~WorkerSlot() = default;

WorkerProcess* WorkerSlot::process() noexcept
{
    return state_ == State::running && process_ && process_->usable() ? process_.get() : nullptr;
}

// ---- start

Result<void> WorkerSlot::start()
{
    if (state_ == State::ending) start_again_ = true;
    if (state_ != State::stopped) return {};
    const auto spawned = spawn();
    if (spawned) state_ = State::running;
    return spawned;
}

Result<void> WorkerSlot::spawn()
{
    policy_.on_start(clock_.now());
    auto process = WorkerProcess::start(io_, clock_, launch_, *this);
    if (!process) return fail(process.error());
    process_ = std::move(*process);
    silent_ticks_ = 0;
    log::debug("worker started", {log::field("worker", launch_.id.value), log::field("pid", process_->pid())});
    send_create();
    return {};
}

void WorkerSlot::send_create()
{
    proto::Envelope envelope;
    *envelope.mutable_create() = owner_.create_message(launch_.id);
    process_->control().call(envelope, kCreateTimeout,
                             [this](const Result<proto::Answer>& answer) { on_created(answer); });
    proto::wipe_secrets(envelope);
}

void WorkerSlot::on_created(const Result<proto::Answer>& answer)
{
    if (!answer && answer.error() == proto::ProtoError::stream_ended) return; // it is ending anyway
    heard();
    const std::string fault = answer ? answer->error().substr(0, 512) : answer.error().message();
    if (fault.empty()) return policy_.on_served();
    if (!process_) return;
    log::error("worker refused to start", {log::field("worker", launch_.id.value), log::field("error", fault)});
    process_->kill("create failed");
}

// ---- end

void WorkerSlot::on_worker_end(const std::string& how)
{
    const WorkerId id = launch_.id;
    const bool own_fault = process_ && process_->own_fault();
    process_.reset();
    const bool wanted = state_ == State::running;
    if (wanted) log::warn("worker ended", {log::field("worker", id.value), log::field("how", how)});
    const std::weak_ptr<char> alive = alive_;
    owner_.on_worker_gone(id);
    if (alive.expired()) return;
    if (state_ == State::running) return restart_in(policy_.on_death(clock_.now(), own_fault));
    if (state_ != State::ending) return;
    state_ = State::stopped;
    if (std::exchange(start_again_, false)) {
        state_ = State::running;
        return restart();
    }
    owner_.on_slot_stopped(id); // last: it may end everything
}

void WorkerSlot::restart_in(Duration delay)
{
    state_ = State::waiting;
    if (delay == Duration{}) return restart(); // no detour through the loop: the swarm is waiting
    timer_.expires_after(delay);
    timer_.async_wait([this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
        if (!ec && !alive.expired() && state_ == State::waiting) restart();
    });
}

void WorkerSlot::restart()
{
    ++restarts_;
    state_ = State::running;
    const auto spawned = spawn();
    if (spawned) return;
    log::error("worker cannot be started",
               {log::field("worker", launch_.id.value), log::field("error", spawned.error().message())});
    const Duration delay = policy_.on_death(clock_.now(), true);
    restart_in(std::max(delay, RestartPolicy::kFirstDelay)); // never in a loop without a pause
}

void WorkerSlot::stop(Duration grace)
{
    start_again_ = false;
    if (state_ == State::stopped || state_ == State::ending) return;
    timer_.cancel();
    state_ = State::ending;
    if (process_)
        process_->ask_to_exit(grace);
    else
        end_later();
}

/// There is no process whose end could be waited for.
void WorkerSlot::end_later()
{
    asio::post(io_, [this, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired() && state_ == State::ending && !process_) on_worker_end("not running");
    });
}

void WorkerSlot::misbehaved(const char* how)
{
    if (!process_) return;
    if (process_->usable())
        log::warn("worker misbehaved", {log::field("worker", launch_.id.value), log::field("how", how)});
    process_->kill(how);
}

// ---- what it sends

void WorkerSlot::on_call(const proto::Envelope& call, proto::Rpc::Respond respond)
{
    heard();
    owner_.on_call(launch_.id, call, std::move(respond));
}

void WorkerSlot::on_frame(const proto::FrameView& frame)
{
    heard();
    if (process_ && process_->usable()) owner_.on_frame(launch_.id, frame);
}

void WorkerSlot::tick(std::uint32_t limit)
{
    if (process() != nullptr && ++silent_ticks_ > limit) misbehaved("silent");
}

} // namespace cepa::main
