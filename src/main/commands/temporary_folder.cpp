#include "main/commands/temporary_folder.hpp"

#include "main/user_error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace cepa::main {

TemporaryFolder::TemporaryFolder(const std::filesystem::path& parent, const std::string& prefix)
{
    std::string made = (parent / (prefix + "XXXXXX")).string();
    if (::mkdtemp(made.data()) == nullptr) throw UserError(fmt::format("temporary folder in {}: {}", parent.string(), std::strerror(errno)));
    path_ = made;
}

TemporaryFolder::~TemporaryFolder()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

} // namespace cepa::main
