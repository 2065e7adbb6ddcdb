// A folder that is gone when its owner is. Process: main (a command's process).
#pragma once

#include <filesystem>

namespace cepa::main {

class TemporaryFolder {
public:
    /// Makes `parent`/`prefix`XXXXXX with mode 0700. Throws UserError.
    TemporaryFolder(const std::filesystem::path& parent, const std::string& prefix);
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

} // namespace cepa::main
