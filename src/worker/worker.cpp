#include "worker/worker.hpp"

#include "base/log.hpp"
#include "proto/descriptors.hpp"
#include "worker/control.hpp"
#include "worker/data_path.hpp"
#include "worker/exit_thread.hpp"
#include "worker/hardening.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <fcntl.h>

#include <cstdio>
#include <exception>

namespace cepa::worker {
namespace {

namespace asio = boost::asio;

/// Takes an inherited pipe: ours to close, and no descendant's.
FileDescriptor take(int fd) noexcept
{
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return FileDescriptor(fd);
}

/// The child as a whole. The exit thread is made first and goes last: it must be able to end all the rest.
class Worker {
public:
    explicit Worker(InheritedSockets sockets)
        : exit_(take(proto::kExitIn), take(proto::kExitOut), {proto::kExitOut, proto::kControlOut, proto::kDataOut})
        , wake_(io_, ::dup(exit_.wake_descriptor()))
        , data_(io_, take(proto::kDataIn), take(proto::kDataOut), [this](ErrorCode why) { lose("data", why); })
        , control_(io_, take(proto::kControlIn), take(proto::kControlOut), std::move(sockets), data_)
    {
    }

    int run()
    {
        wake_.async_wait(asio::posix::descriptor_base::wait_read, [this](ErrorCode) { finish(); });
        data_.start();
        control_.start([this](ErrorCode why) { lose("control", why); });
        forbid_new_processes();
        io_.run();
        const bool asked = exit_.requested();
        exit_.finish();
        return asked ? 0 : kExitLostPipe;
    }

private:
    void finish()
    {
        control_.shut_down();
        io_.stop();
    }
    void lose(const char* stream, ErrorCode why)
    {
        if (!exit_.requested()) log::warn("worker: stream ended", {log::field("stream", stream), log::field("why", why.message())});
        io_.stop();
    }

    ExitThread exit_;
    asio::io_context io_{1};
    asio::posix::stream_descriptor wake_;
    DataPath data_;
    Control control_;
};

} // namespace

int run_worker()
{
    if (!has_worker_pipes()) {
        std::fputs("cepa worker is started by cepa itself; see cepa --help\n", stderr);
        return kExitMisuse;
    }
    harden_process();
    try {
        Worker worker(take_sockets());
        return worker.run();
    } catch (const std::exception& error) {
        log::error("worker: ended by an error of its own", {log::field("why", error.what())});
        return kExitLostPipe;
    }
}

} // namespace cepa::worker
