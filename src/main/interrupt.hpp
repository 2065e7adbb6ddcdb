// Ctrl-C, SIGTERM and SIGHUP for commands that have no io loop: while an Interrupt lives the signals are taken from the
// process and wait() sees them. Process: main, a command with one thread.
#pragma once

#include "base/file_descriptor.hpp"

#include <chrono>
#include <csignal>

namespace cepa::main {

class Interrupt {
public:
    /// Throws UserError when the system refuses.
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    /// Sleeps for `time`, or until a signal comes: true then, and from then on.
    [[nodiscard]] bool wait(std::chrono::milliseconds time);
    [[nodiscard]] bool interrupted() { return wait(std::chrono::milliseconds(0)); }

private:
    sigset_t before_{};
    FileDescriptor signals_;
    bool seen_ = false;
};

} // namespace cepa::main
