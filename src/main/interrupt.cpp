#include "main/interrupt.hpp"

#include "main/user_error.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/signalfd.h>

namespace cepa::main {

Interrupt::Interrupt()
{
    sigset_t taken;
    sigemptyset(&taken);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&taken, signal);
    ::pthread_sigmask(SIG_BLOCK, &taken, &before_);
    signals_ = FileDescriptor(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) throw UserError(std::string("signalfd: ") + std::strerror(errno));
}

Interrupt::~Interrupt()
{
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::wait(std::chrono::milliseconds time)
{
    if (seen_) return true;
    pollfd wait{signals_.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(time.count())) > 0) {
        signalfd_siginfo info;
        seen_ = ::read(signals_.get(), &info, sizeof info) == sizeof info;
    }
    return seen_;
}

} // namespace cepa::main
