// A real child: this test program forked, with the descriptors of a worker put where they belong and run_worker() in
// it. Main's ends are in the test's hand.
#pragma once

#include "base/file_descriptor.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cepa::test {

class Child {
public:
    struct Options {
        std::uint32_t siblings = 0;
        bool slot_socket = true;
        bool stray_descriptors = false; ///< leaves some open that no worker should have
    };

    explicit Child(const Options& options);
    Child() : Child(Options()) {}
    /// Kills it if it still runs.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// The exit code, or -signal; nullopt when it still runs after 10 s.
    [[nodiscard]] std::optional<int> wait();
    /// The numbers in /proc/PID/fd, sorted; nullopt when the system shows them to root only: a worker is not dumpable.
    [[nodiscard]] std::optional<std::vector<int>> open_descriptors() const;
    /// Leaves no room in the pipe that is its stderr.
    void fill_log();

    FileDescriptor control_in; ///< "in" and "out" as the worker sees them
    FileDescriptor control_out;
    FileDescriptor data_in;
    FileDescriptor data_out;
    FileDescriptor exit_in;
    FileDescriptor exit_out;
    FileDescriptor slot;  ///< our copy of its socket
    FileDescriptor inbox; ///< the write end

private:
    pid_t pid_ = -1;
    FileDescriptor log_;
    FileDescriptor log_writer_;
};

} // namespace cepa::test
