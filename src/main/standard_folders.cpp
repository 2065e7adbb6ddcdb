#include "main/standard_folders.hpp"

#include "main/user_error.hpp"

#include <cstdlib>
#include <unistd.h>

namespace cepa::main {
namespace {

/// An XDG variable counts only when it is absolute (XDG Base Directory Specification); else HOME and `below`.
std::filesystem::path xdg(const EnvironmentLookup& environment, const char* variable, const char* below)
{
    if (const auto value = environment(variable); value && value->starts_with('/')) return *value;
    const auto home = environment("HOME");
    if (!home || !home->starts_with('/'))
        throw UserError(std::string("neither ") + variable +
                        " nor HOME is set: name the folder with --state and the settings with --config");
    return std::filesystem::path(*home) / below;
}

} // namespace

StandardFolders standard_folders(bool root, const EnvironmentLookup& environment)
{
    if (root) return {"/etc/cepa/cepa.toml", "/var/lib/cepa", "/var/lib/cepa/downloads"};
    return {xdg(environment, "XDG_CONFIG_HOME", ".config") / "cepa/cepa.toml",
            xdg(environment, "XDG_STATE_HOME", ".local/state") / "cepa",
            xdg(environment, "XDG_DOWNLOAD_DIR", "Downloads")};
}

StandardFolders standard_folders()
{
    return standard_folders(::geteuid() == 0, [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    });
}

} // namespace cepa::main
