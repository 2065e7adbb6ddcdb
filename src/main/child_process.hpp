// Starts one child process with exactly the descriptors that are named, in a process group of its own. The only place
// that knows Boost.Process. Process: main.
#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace cepa::main {

/// `source` is a descriptor of ours, which we keep; the child finds it open as `target`.
struct PassedDescriptor {
    int source = -1;
    int target = -1;
};

struct ChildPlan {
    std::string executable;
    /// What `ps` shows as the program's name.
    std::string name;
    std::vector<std::string> arguments;
    /// 0 to 2 that are not named here are /dev/null. Everything else of ours is closed in the child, whatever opened it.
    std::vector<PassedDescriptor> descriptors;
};

struct Child {
    pid_t pid = -1;
    /// Becomes readable when the child has ended.
    FileDescriptor pidfd;
};

/// The caller reaps the child. Signals are unblocked in it.
[[nodiscard]] Result<Child> start_child(const ChildPlan& plan);

} // namespace cepa::main
