#include "worker/child.hpp"

#include "proto/descriptors.hpp"
#include "proto/pipe.hpp"
#include "worker/worker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cepa::test {
namespace {

/// Descriptors that are moved into place lie above all places first.
constexpr int kAbove = 100;

struct Place {
    int from;
    int to;
};

FileDescriptor bound_socket()
{
    FileDescriptor out(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) throw std::runtime_error("bind");
    return out;
}

struct Pair {
    FileDescriptor read;
    FileDescriptor write;
};

Pair datagram_pair()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        throw std::runtime_error("socketpair");
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

[[noreturn]] void become_worker(const std::vector<Place>& places, bool keep_strays)
{
    std::vector<Place> lifted;
    for (const Place& p : places)
        lifted.push_back({::fcntl(p.from, F_DUPFD, kAbove), p.to});
    for (const Place& p : lifted)
        ::dup2(p.from, p.to);
    const int last = lifted.back().to;
    ::dup2(::open("/dev/null", O_RDWR), 0);
    ::dup2(0, 1);
    if (!keep_strays) ::close_range(static_cast<unsigned>(last) + 1, ~0U, 0);
    ::_exit(worker::run_worker());
}

} // namespace

Child::Child(const Options& options)
{
    auto control_down = proto::make_pipe().value();
    auto control_up = proto::make_pipe().value();
    auto data_down = proto::make_pipe(proto::kPipeCapacity).value();
    auto data_up = proto::make_pipe(proto::kPipeCapacity).value();
    auto exit_down = proto::make_pipe().value();
    auto exit_up = proto::make_pipe().value();
    auto log_pipe = proto::make_pipe().value();
    ::fcntl(log_pipe.write.get(), F_SETFL, 0); // blocks, as an ordinary stderr does
    Pair inbox_pair = datagram_pair();
    std::vector<Place> places{{log_pipe.write.get(), 2},
                              {control_down.read.get(), proto::kControlIn},
                              {control_up.write.get(), proto::kControlOut},
                              {data_down.read.get(), proto::kDataIn},
                              {data_up.write.get(), proto::kDataOut},
                              {exit_down.read.get(), proto::kExitIn},
                              {exit_up.write.get(), proto::kExitOut}};
    if (options.slot_socket) {
        slot = bound_socket();
        places.push_back({slot.get(), proto::kSlotSocket});
    }
    places.push_back({inbox_pair.read.get(), proto::kInbox});
    std::vector<Pair> siblings;
    for (std::uint32_t i = 0; i < options.siblings; ++i) {
        siblings.push_back(datagram_pair());
        places.push_back({siblings.back().write.get(), proto::kFirstSibling + static_cast<int>(i)});
    }
    pid_ = ::fork();
    if (pid_ == 0) become_worker(places, options.stray_descriptors);
    control_in = std::move(control_down.write);
    control_out = std::move(control_up.read);
    data_in = std::move(data_down.write);
    data_out = std::move(data_up.read);
    exit_in = std::move(exit_down.write);
    exit_out = std::move(exit_up.read);
    log_ = std::move(log_pipe.read);
    log_writer_ = std::move(log_pipe.write);
    inbox = std::move(inbox_pair.write);
}

Child::~Child()
{
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

std::optional<int> Child::wait()
{
    const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd end{process.get(), POLLIN, 0};
    if (::poll(&end, 1, 10'000) != 1) return std::nullopt;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void Child::fill_log()
{
    // A description of its own: the worker may have made the shared one non-blocking, or not.
    const FileDescriptor writer(
        ::open(("/proc/self/fd/" + std::to_string(log_writer_.get())).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    const std::string filler(4096, '.');
    while (::write(writer.get(), filler.data(), filler.size()) > 0) {
    }
}

std::optional<std::vector<int>> Child::open_descriptors() const
{
    std::vector<int> out;
    std::error_code error;
    std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid_) + "/fd", error);
    if (error == std::errc::permission_denied) return std::nullopt;
    for (const auto& entry : entries)
        out.push_back(std::stoi(entry.path().filename().string()));
    std::ranges::sort(out);
    return out;
}

} // namespace cepa::test
