// Each test changes a process for good, so each does it in one of its own. The rest is seen from outside in worker_test.
#include "worker/hardening.hpp"

#include "proto/descriptors.hpp"
#include "proto/pipe.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

namespace cepa::worker {
namespace {

/// Ends this (forked) process with 0 when `right`.
[[noreturn]] void report(bool right) { ::_exit(right ? 0 : 1); }

void place_pipes(bool swapped)
{
    for (int fd = proto::kControlIn; fd <= proto::kExitOut; fd += 2) {
        auto pipe = proto::make_pipe().value();
        const int read = ::fcntl(pipe.read.get(), F_DUPFD, 100);
        const int write = ::fcntl(pipe.write.get(), F_DUPFD, 100);
        pipe.read.reset();
        pipe.write.reset();
        ::dup2(swapped ? write : read, fd);
        ::dup2(swapped ? read : write, fd + 1);
    }
}

TEST(Hardening, KnowsItsPipesByKindAndDirection)
{
    EXPECT_EXIT((place_pipes(false), report(has_worker_pipes())), testing::ExitedWithCode(0), "");
    EXPECT_EXIT((place_pipes(true), report(!has_worker_pipes())), testing::ExitedWithCode(0), "");
    EXPECT_EXIT((place_pipes(false), ::close(proto::kExitOut), report(!has_worker_pipes())), testing::ExitedWithCode(0), "");
    EXPECT_EXIT((place_pipes(false), ::dup2(::open("/dev/null", O_RDONLY), proto::kDataIn), report(!has_worker_pipes())),
                testing::ExitedWithCode(0), "");
}

void place_sockets_and_take(int siblings)
{
    place_pipes(false);
    const int udp = ::fcntl(::socket(AF_INET, SOCK_DGRAM, 0), F_DUPFD, 200);
    const int local = ::fcntl(::socket(AF_UNIX, SOCK_DGRAM, 0), F_DUPFD, 200);
    ::dup2(udp, proto::kSlotSocket);
    ::dup2(local, proto::kInbox);
    for (int i = 0; i < siblings; ++i) ::dup2(local, proto::kFirstSibling + i);
    ::dup2(udp, proto::kFirstSibling + siblings); // a stray that looks like a socket, too
    const InheritedSockets taken = take_sockets();
    bool rest_closed = true;
    for (int fd = proto::kFirstSibling + siblings; fd < 300; ++fd) rest_closed = rest_closed && ::fcntl(fd, F_GETFD) < 0;
    report(taken.slot.valid() && taken.inbox.valid() && taken.siblings.size() == static_cast<std::size_t>(siblings) && rest_closed &&
           ::fcntl(proto::kSlotSocket, F_GETFD) == FD_CLOEXEC);
}

TEST(Hardening, TakesExactlyTheListedSocketsAndClosesTheRest)
{
    EXPECT_EXIT(place_sockets_and_take(0), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(place_sockets_and_take(3), testing::ExitedWithCode(0), "");
}

void harden_and_look()
{
    harden_process();
    rlimit core{}, files{};
    ::getrlimit(RLIMIT_CORE, &core);
    ::getrlimit(RLIMIT_FSIZE, &files);
    int signal = 0;
    ::prctl(PR_GET_PDEATHSIG, &signal);
    ::raise(SIGINT);
    ::raise(SIGTERM);
    ::raise(SIGPIPE);
#ifdef __SANITIZE_ADDRESS__
    const bool dumpable = false; // stays on for the leak checker
#else
    const bool dumpable = ::prctl(PR_GET_DUMPABLE) != 0;
#endif
    report(core.rlim_max == 0 && files.rlim_max == 0 && signal == SIGKILL && !dumpable);
}

TEST(Hardening, GivesUpDumpsFilesAndSignals)
{
    EXPECT_EXIT(harden_and_look(), testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace cepa::worker
