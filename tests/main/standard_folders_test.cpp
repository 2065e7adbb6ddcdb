#include "main/standard_folders.hpp"
#include "main/user_error.hpp"

#include <gtest/gtest.h>

#include <map>

using namespace cepa::main;

namespace {

EnvironmentLookup from(std::map<std::string, std::string> variables)
{
    return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

} // namespace

TEST(StandardFolders, RootUsesTheSystemsFolders)
{
    const auto folders = standard_folders(true, from({{"HOME", "/root"}}));
    EXPECT_EQ(folders.settings_file, "/etc/cepa/cepa.toml");
    EXPECT_EQ(folders.state, "/var/lib/cepa");
}

TEST(StandardFolders, AUserHasXdgDirectories)
{
    const auto plain = standard_folders(false, from({{"HOME", "/home/a"}}));
    EXPECT_EQ(plain.settings_file, "/home/a/.config/cepa/cepa.toml");
    EXPECT_EQ(plain.state, "/home/a/.local/state/cepa");
    EXPECT_EQ(plain.downloads, "/home/a/Downloads");
    const auto chosen =
        standard_folders(false, from({{"HOME", "/home/a"}, {"XDG_STATE_HOME", "/s"}, {"XDG_CONFIG_HOME", "relative"}}));
    EXPECT_EQ(chosen.state, "/s/cepa");
    EXPECT_EQ(chosen.settings_file, "/home/a/.config/cepa/cepa.toml"); // a relative one does not count
}

TEST(StandardFolders, WithoutAHomeItSaysWhatToDo)
{
    EXPECT_THROW((void)standard_folders(false, from({})), UserError);
}
