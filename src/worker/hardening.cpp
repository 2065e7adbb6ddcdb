#include "worker/hardening.hpp"

#include "proto/descriptors.hpp"
#include "worker/worker.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace cepa::worker {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kLeakChecker = true; // at exit it starts a process that traces this one
#else
constexpr bool kLeakChecker = false;
#endif

bool is_pipe(int fd, int direction) noexcept
{
    struct stat status{};
    if (::fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) return false;
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == direction;
}

/// A datagram socket, of the UNIX kind or not.
bool is_datagram_socket(int fd, bool unix_kind) noexcept
{
    int domain = 0;
    int type = 0;
    socklen_t length = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) return false;
    length = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return false;
    return type == SOCK_DGRAM && (domain == AF_UNIX) == unix_kind;
}

FileDescriptor take_if(bool wanted, int fd) noexcept
{
    if (!wanted) {
        ::close(fd);
        return FileDescriptor();
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return FileDescriptor(fd);
}

void limit(__rlimit_resource which, rlim_t value) noexcept
{
    const rlimit both{value, value};
    ::setrlimit(which, &both);
}

/// main reads our log when it can; a loop must not wait for that. Lines that do not fit are lost.
void unblock_log() noexcept
{
    struct stat status{};
    if (::fstat(STDERR_FILENO, &status) != 0 || !S_ISFIFO(status.st_mode)) return;
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    if (flags >= 0) ::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

} // namespace

bool has_worker_pipes() noexcept
{
    for (const int in : {proto::kControlIn, proto::kDataIn, proto::kExitIn})
        if (!is_pipe(in, O_RDONLY)) return false;
    for (const int out : {proto::kControlOut, proto::kDataOut, proto::kExitOut})
        if (!is_pipe(out, O_WRONLY)) return false;
    return true;
}

InheritedSockets take_sockets()
{
    InheritedSockets out;
    out.slot = take_if(is_datagram_socket(proto::kSlotSocket, false), proto::kSlotSocket);
    out.inbox = take_if(is_datagram_socket(proto::kInbox, true), proto::kInbox);
    int next = proto::kFirstSibling;
    while (out.siblings.size() + 1 < proto::kMaxWorkers && is_datagram_socket(next, true))
        out.siblings.push_back(take_if(true, next++));
    // libtorrent's descriptors are not close-on-exec; main closes them before exec, and this makes sure.
    ::close_range(static_cast<unsigned>(next), ~0U, 0);
    return out;
}

void harden_process() noexcept
{
    // Ctrl-C in a terminal goes to the whole group: it is main's alone. A closed pipe is seen as an error of write().
    for (const int ignored : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) std::signal(ignored, SIG_IGN);
    unblock_log();
    // The signal comes when the thread that started us ends, so the pool's spawning thread must live as long as main.
    const pid_t parent = ::getppid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kExitLostPipe); // it died in between, and no signal will come
    if (!kLeakChecker) ::prctl(PR_SET_DUMPABLE, 0); // no dumps even through a piped core_pattern, no ptrace by our user
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    // Here, still without threads and with every descriptor in place: no_new_privs, capabilities, Landlock. The system
    // call filter comes after init_crypto() and after the threads, in forbid_new_processes().
}

void forbid_new_processes() noexcept
{
    if (!kLeakChecker) limit(RLIMIT_NPROC, 0);
}

} // namespace cepa::worker
