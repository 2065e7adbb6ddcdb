#include "main/worker_process.hpp"

#include "base/log.hpp"
#include "proto/descriptors.hpp"
#include "proto/error.hpp"
#include "proto/exit.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <utility>

namespace cepa::main {

namespace asio = boost::asio;

struct WorkerPipes {
    proto::PipeEnds control_in, control_out, data_in, data_out, exit_in, exit_out, log; ///< in: into the worker
};

namespace {

/// What the exit thread may need beyond the grace that it was given.
constexpr Duration kExitSlack = std::chrono::milliseconds(500);

/// What a process needs between closing its pipes and being gone.
constexpr Duration kLastMoment = std::chrono::milliseconds(20);
constexpr std::size_t kMaxErrorText = 512;

/// The kinds that a worker may send. Everything else is refused by the Rpc itself.
constexpr proto::Envelope::BodyCase kServed[] = {
    proto::Envelope::kSync,
    proto::Envelope::kCircuitDead,
    proto::Envelope::kNotify,
    proto::Envelope::kResolve,
    proto::Envelope::kHiddenLink,
    proto::Envelope::kFindIntroductions,
    proto::Envelope::kFindNode,
    proto::Envelope::kRegisterIntroduction,
    proto::Envelope::kForgetIntroduction,
    proto::Envelope::kOfferRendezvous,
    proto::Envelope::kWithdrawRendezvous,
    proto::Envelope::kLink,
    proto::Envelope::kUnlink,
    proto::Envelope::kLinkMoved,
};

Result<void> make(proto::PipeEnds& pipe, int capacity)
{
    auto made = proto::make_pipe(capacity);
    if (!made) return fail(made.error());
    pipe = std::move(*made);
    return {};
}

Result<WorkerPipes> make_pipes()
{
    WorkerPipes p;
    CEPA_TRY(make(p.data_in, proto::kPipeCapacity));
    CEPA_TRY(make(p.data_out, proto::kPipeCapacity));
    for (auto* pipe : {&p.control_in, &p.control_out, &p.exit_in, &p.exit_out, &p.log})
        CEPA_TRY(make(*pipe, 0));
    return p;
}

std::vector<PassedDescriptor> passed(const WorkerPipes& p, const SlotDescriptors& slot)
{
    std::vector<PassedDescriptor> out{
        {p.log.write.get(), 2},
        {p.control_in.read.get(), proto::kControlIn},
        {p.control_out.write.get(), proto::kControlOut},
        {p.data_in.read.get(), proto::kDataIn},
        {p.data_out.write.get(), proto::kDataOut},
        {p.exit_in.read.get(), proto::kExitIn},
        {p.exit_out.write.get(), proto::kExitOut},
    };
    if (slot.socket >= 0) out.push_back({slot.socket, proto::kSlotSocket});
    if (slot.inbox >= 0) out.push_back({slot.inbox, proto::kInbox});
    for (std::size_t i = 0; i < slot.siblings.size(); ++i)
        out.push_back({slot.siblings[i], proto::kFirstSibling + static_cast<int>(i)});
    return out;
}

std::string describe(int status)
{
    if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
    return fmt::format("exit status {}", WEXITSTATUS(status));
}

} // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(asio::io_context& io, const Clock& clock,
                                                            const WorkerLaunch& launch, WorkerProcessObserver& observer)
{
    auto pipes = make_pipes();
    if (!pipes) return fail(pipes.error());
    auto child = start_child({launch.executable, "cepa", launch.arguments, passed(*pipes, launch.slot)});
    if (!child) return fail(child.error());
    return std::unique_ptr<WorkerProcess>(
        new WorkerProcess(io, clock, launch.id, std::move(*child), std::move(*pipes), observer));
}

WorkerProcess::WorkerProcess(asio::io_context& io, const Clock& clock, WorkerId id, Child child, WorkerPipes pipes,
                             WorkerProcessObserver& observer)
    : observer_(observer), child_(std::move(child)), watch_(io, ::fcntl(child_.pidfd.get(), F_DUPFD_CLOEXEC, 0)),
      control_(io, std::move(pipes.control_out.read), std::move(pipes.control_in.write)),
      data_(io, std::move(pipes.data_out.read), std::move(pipes.data_in.write), *this),
      exit_(io, std::move(pipes.exit_out.read), std::move(pipes.exit_in.write)),
      log_(io, clock, std::move(pipes.log.read), fmt::format("worker{}", id.value), log::forward), exit_timer_(io)
{
    for (const auto kind : kServed)
        control_.handle(kind, [this](const proto::Envelope& call, proto::Rpc::Respond respond) {
            if (usable_) observer_.on_call(call, std::move(respond));
        });
    control_.start([this](ErrorCode why) { on_stream_end("control", why); });
    data_.start();
    exit_.start([this](ByteSpan message) { on_exit_answer(message); },
                [this](ErrorCode why) { on_stream_end("exit", why); });
    log_.start();
    watch();
}

WorkerProcess::~WorkerProcess()
{
    if (reaped_) return;
    ::kill(child_.pid, SIGKILL);
    ::waitpid(child_.pid, nullptr, 0);
}

void WorkerProcess::watch()
{
    watch_.async_wait(asio::posix::descriptor_base::wait_read,
                      [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                          if (!ec && !alive.expired()) on_ended();
                      });
}

void WorkerProcess::on_ended()
{
    const std::string how = reap();
    usable_ = false;
    const std::weak_ptr<char> alive = alive_;
    control_.drain(); // answers that it gave in time count; every other open call fails now, exactly once
    if (alive.expired()) return;
    log_.drain();
    observer_.on_worker_end(how); // last: it may destroy us
}

std::string WorkerProcess::reap()
{
    int status = 0;
    const bool known = ::waitpid(child_.pid, &status, 0) == child_.pid; // has ended: does not wait
    reaped_ = true;
    own_fault_ = killed_ || !known || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
    const std::string how = known ? describe(status) : "unknown status";
    return cause_.empty() ? how : cause_ + ", " + how;
}

/// A worker that closes a stream is dying or broken: it has no way back. It has a moment to die by itself, so that its
/// own exit status is seen. One that was asked to exit is left in peace.
void WorkerProcess::on_stream_end(const char* which, ErrorCode why)
{
    usable_ = false;
    if (reaped_ || asked_ || !cause_.empty()) return;
    cause_ = fmt::format("{} {}", which, why.message());
    kill_after(kLastMoment, cause_);
}

void WorkerProcess::kill_after(Duration delay, const std::string& why)
{
    exit_timer_.expires_after(delay);
    exit_timer_.async_wait([this, why, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
        if (!ec && !alive.expired()) kill(why);
    });
}

void WorkerProcess::kill(const std::string& why)
{
    usable_ = false;
    if (cause_.empty()) cause_ = why;
    killed_ = true;
    if (!reaped_) ::kill(child_.pid, SIGKILL); // not reaped: the pid cannot be another's
}

void WorkerProcess::ask_to_exit(Duration grace)
{
    if (std::exchange(asked_, true)) return;
    proto::ExitRequest request;
    request.set_grace_ms(static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(grace).count(), 0, 3600'000)));
    if (const auto sent = exit_.send(request); !sent) return kill("exit " + sent.error().message());
    kill_after(grace + kExitSlack, "did not exit when asked");
}

void WorkerProcess::on_exit_answer(ByteSpan message)
{
    proto::ExitAnswer answer;
    if (!asked_ || !answer.ParseFromArray(message.data(), static_cast<int>(message.size())))
        return kill("exit stream is broken");
    if (!answer.clean())
        log::warn("worker exit unclean",
                  {log::field("pid", child_.pid), log::field("error", answer.error().substr(0, kMaxErrorText))});
}

} // namespace cepa::main
