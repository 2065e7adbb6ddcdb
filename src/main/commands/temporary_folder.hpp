// A folder that is gone when its owner is, also when that is killed: a small process of its own waits for the end of
// the owner and removes what it could not. Process: main (a command's process, one thread).
#pragma once

#include "base/file_descriptor.hpp"

#include <filesystem>
#include <sys/types.h>

namespace cepa::main {

class TemporaryFolder {
public:
    /// Makes `parent`/`prefix`XXXXXX with mode 0700. Throws UserError. Needs a process with one thread: it forks.
    TemporaryFolder(const std::filesystem::path& parent, const std::string& prefix);
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
    FileDescriptor lifeline_; // its other end is the keeper's: closed when we end, however we end
    pid_t keeper_ = -1;
};

} // namespace cepa::main
