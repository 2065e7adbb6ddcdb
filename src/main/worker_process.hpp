// One worker process from start to end: its streams, its descriptors, its death. Knows no circuits.
// Process: main, io thread. Spec: docs/protocol.md, sections 31 to 34.
//
//   start() -> running -> (ask_to_exit) -> ended: on_worker_end(), once, when the process is gone and reaped
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "main/child_process.hpp"
#include "main/log_forwarder.hpp"
#include "proto/message_stream.hpp"
#include "proto/pipe.hpp"
#include "proto/rpc.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cepa::main {

/// What a slot owns and lends to each of its processes in turn.
struct SlotDescriptors {
    int socket = -1; ///< -1: front process
    int inbox = -1;
    std::vector<int> siblings; ///< write ends of the others' inboxes, in slot order
};

struct WorkerLaunch {
    WorkerId id;
    std::string executable;
    std::vector<std::string> arguments;
    SlotDescriptors slot;
};

class WorkerProcessObserver {
public:
    virtual ~WorkerProcessObserver() = default;
    /// A call or notice of the worker's on the control stream.
    virtual void on_call(const proto::Envelope& call, proto::Rpc::Respond respond) = 0;
    virtual void on_frame(const proto::FrameView& frame) = 0;
    virtual void on_frame_batch_end() = 0;
    /// The process is gone; `how` says why, for the log. The process object may be destroyed from here, and only
    /// from here or outside any callback.
    virtual void on_worker_end(const std::string& how) = 0;
};

struct WorkerPipes; ///< of one child, both ends

class WorkerProcess final : private proto::FrameReceiver {
public:
    /// `observer`, `io` and `clock` must outlive the process object.
    [[nodiscard]] static Result<std::unique_ptr<WorkerProcess>>
    start(boost::asio::io_context& io, const Clock& clock, const WorkerLaunch& launch, WorkerProcessObserver& observer);
    /// Kills and reaps the process if it still runs.
    ~WorkerProcess() override;

    /// False from the moment on that any stream has ended or kill() was called.
    [[nodiscard]] bool usable() const noexcept { return usable_; }
    [[nodiscard]] proto::Rpc& control() noexcept { return control_; }
    [[nodiscard]] proto::Pipe& data() noexcept { return data_; }
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid; }

    /// Once it has ended: by itself, or because it had to be killed. False when somebody else killed it.
    [[nodiscard]] bool own_fault() const noexcept { return own_fault_; }

    /// Asks over the exit stream; kills when the process still runs a little past `grace`.
    void ask_to_exit(Duration grace);
    /// Ends it at once; on_worker_end() follows. `why` is for the log.
    void kill(const std::string& why);

private:
    WorkerProcess(boost::asio::io_context& io, const Clock& clock, WorkerId id, Child child, WorkerPipes pipes,
                  WorkerProcessObserver& observer);

    void watch();
    void on_stream_end(const char* which, ErrorCode why);
    void kill_after(Duration delay, const std::string& why);
    void on_exit_answer(ByteSpan message);
    void on_ended();
    [[nodiscard]] std::string reap();

    void on_frame(const proto::FrameView& frame) override { observer_.on_frame(frame); }
    void on_frame_batch_end() override { observer_.on_frame_batch_end(); }
    void on_pipe_end(ErrorCode why) override { on_stream_end("data", why); }

    WorkerProcessObserver& observer_;
    Child child_;
    boost::asio::posix::stream_descriptor watch_; ///< a copy of the pidfd
    proto::Rpc control_;
    proto::Pipe data_;
    proto::MessageStream exit_;
    LogForwarder log_;
    boost::asio::steady_timer exit_timer_;
    std::string cause_; ///< why we ended it, when we did
    bool usable_ = true;
    bool asked_ = false;
    bool reaped_ = false;
    bool killed_ = false; ///< by us
    bool own_fault_ = false;
    /// Handlers hold a weak reference to it: Asio may call them after the object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
