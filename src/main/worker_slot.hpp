// One slot of the pool: the worker process that runs in it now, and its replacement when that dies. The slot's socket
// and inbox are lent to each process in turn. Process: main, io thread.
//
//   stopped -> start() -> running <-> waiting (a restart is due)       stop() from any state -> ending -> stopped
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "main/restart_policy.hpp"
#include "main/worker_process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace cepa::main {

/// The pool, as its slots see it.
class WorkerSlotOwner {
public:
    virtual ~WorkerSlotOwner() = default;
    /// What a fresh process is told first.
    [[nodiscard]] virtual proto::Create create_message(WorkerId worker) = 0;
    virtual void on_call(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond) = 0;
    virtual void on_frame(WorkerId from, const proto::FrameView& frame) = 0;
    virtual void on_frame_batch_end(WorkerId from) = 0;
    /// The process is gone with all that it had. Its replacement, if any, is started after this returns.
    virtual void on_worker_gone(WorkerId worker) = 0;
    /// It ended because stop() asked for it.
    virtual void on_slot_stopped(WorkerId worker) = 0;
};

class WorkerSlot final : private WorkerProcessObserver {
public:
    /// `launch.slot`'s descriptors stay the caller's and must stay open. `owner`, `io` and `clock` must outlive the
    /// slot.
    WorkerSlot(boost::asio::io_context& io, const Clock& clock, WorkerLaunch launch, WorkerSlotOwner& owner);
    ~WorkerSlot() override;

    /// Fails when no process can be started; the slot is then stopped. While it is ending it starts again afterwards.
    [[nodiscard]] Result<void> start();
    /// Ends it for good; on_slot_stopped() follows, from the io loop, unless it is stopped already.
    void stop(Duration grace);
    [[nodiscard]] bool stopped() const noexcept { return state_ == State::stopped; }

    /// The process, as long as it is fit for work; else null.
    [[nodiscard]] WorkerProcess* process() noexcept;
    /// Ends the process because it did what it must not; a replacement follows.
    void misbehaved(const char* how);

    /// It gave a sign of life that did not pass through here: an answer.
    void heard() noexcept { silent_ticks_ = 0; }
    /// To be called regularly; kills a process that has been silent for `limit` calls: no call, no frame, no answer.
    void tick(std::uint32_t limit);
    [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }

private:
    enum class State { stopped, running, waiting, ending };

    Result<void> spawn();
    void send_create();
    void on_created(const Result<proto::Answer>& answer);
    void restart_in(Duration delay);
    void restart();
    void end_later();

    void on_call(const proto::Envelope& call, proto::Rpc::Respond respond) override;
    void on_frame(const proto::FrameView& frame) override;
    void on_frame_batch_end() override { owner_.on_frame_batch_end(launch_.id); }
    void on_worker_end(const std::string& how) override;

    boost::asio::io_context& io_;
    const Clock& clock_;
    WorkerLaunch launch_;
    WorkerSlotOwner& owner_;
    RestartPolicy policy_;
    std::unique_ptr<WorkerProcess> process_;
    boost::asio::steady_timer timer_;
    State state_ = State::stopped;
    bool start_again_ = false;
    std::uint32_t silent_ticks_ = 0;
    std::uint64_t restarts_ = 0;
    /// Handlers hold a weak reference to it: Asio may call them after the object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
