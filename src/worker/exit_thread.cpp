#include "worker/exit_thread.hpp"

#include "proto/exit_stream.hpp"
#include "worker/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace cepa::worker {
namespace {

using std::chrono::milliseconds;

/// No pool waits longer.
constexpr milliseconds kMaxGrace{3'600'000};

FileDescriptor make_event()
{
    FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event.valid()) throw std::system_error(errno, std::system_category(), "worker: eventfd");
    return event;
}

void make_blocking(int fd) noexcept
{
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void signal_event(int fd) noexcept
{
    const std::uint64_t one = 1;
    // Only a counter near 2^64 could refuse it, and then it is readable already.
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

bool readable(const pollfd& p) noexcept { return (p.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0; }

} // namespace

ExitThread::ExitThread(FileDescriptor request, FileDescriptor answer, std::vector<int> outgoing)
    : request_(std::move(request))
    , answer_(std::move(answer))
    , outgoing_(std::move(outgoing))
    , wake_(make_event())
    , finished_(make_event())
{
    make_blocking(request_.get());
    make_blocking(answer_.get());
    thread_ = std::thread([this] { run(); });
}

ExitThread::~ExitThread() { finish(); }

void ExitThread::finish()
{
    if (!thread_.joinable()) return;
    signal_event(finished_.get());
    thread_.join();
}

void ExitThread::run() noexcept
{
    std::vector<pollfd> watched{{request_.get(), POLLIN, 0}, {finished_.get(), POLLIN, 0}};
    for (const int fd : outgoing_) watched.push_back({fd, 0, 0}); // only errors
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {}
    if (!readable(watched[0])) {
        if (readable(watched[1])) return; // finished before anyone asked
        ::_exit(kExitLostPipe);
    }
    const auto request = proto::read_exit_request(request_.get());
    if (!request) ::_exit(kExitLostPipe);
    requested_.store(true, std::memory_order_release);
    signal_event(wake_.get());
    await_finish(std::min(milliseconds(request->grace_ms()), kMaxGrace));
}

void ExitThread::await_finish(milliseconds grace) noexcept
{
    // The end of main shows on either pipe: as end of file on ours, or as an error on the one it answers to.
    std::array<pollfd, 2> watched{{{request_.get(), POLLIN, 0}, {finished_.get(), POLLIN, 0}}};
    const auto deadline = std::chrono::steady_clock::now() + grace;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(std::max<milliseconds::rep>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready > 0 && readable(watched[1])) return answer(true, {});
        if (ready > 0) ::_exit(kExitLostPipe); // end of file, or a second request, which there is none of
        answer(false, "the control loop did not finish within " + std::to_string(grace.count()) + " ms");
        ::_exit(kExitGrace);
    }
}

void ExitThread::answer(bool clean, const std::string& error) noexcept
{
    proto::ExitAnswer message;
    message.set_clean(clean);
    message.set_error(error);
    // False means that main is gone: then there is nobody to tell, and we end all the same.
    [[maybe_unused]] const bool told = proto::write_exit_answer(answer_.get(), std::move(message));
}

} // namespace cepa::worker
