// Where settings, state and downloads lie when nobody says so: XDG directories for a user, /etc and /var/lib for root.
// Process: main. Pure functions of the environment given.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace cepa::main {

struct StandardFolders {
    std::filesystem::path settings_file;
    std::filesystem::path state;
    std::filesystem::path downloads;
};

using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

/// `root`: the effective user is root. Throws UserError when a user has neither HOME nor the XDG variables.
[[nodiscard]] StandardFolders standard_folders(bool root, const EnvironmentLookup& environment);
/// Of this process.
[[nodiscard]] StandardFolders standard_folders();

} // namespace cepa::main
