#include "main/settings_file.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

std::string complaint(std::string_view text)
{
    Settings s;
    try {
        apply_settings_text(s, text, "cepa.toml");
    } catch (const Misuse& error) {
        return error.what();
    }
    return {};
}

} // namespace

TEST(SettingsFile, ContainmentIsAFlagOrAWord)
{
    Settings s;
    apply_settings_text(s, "[torrents]\ncontainment = false\n", "cepa.toml");
    EXPECT_FALSE(s.containment);
    apply_settings_text(s, "[torrents]\ncontainment = \"required\"\n", "cepa.toml");
    EXPECT_TRUE(s.containment_required);
    apply_settings_text(s, "[torrents]\ncontainment = true\n", "cepa.toml");
    EXPECT_TRUE(s.containment && !s.containment_required);
}

TEST(SettingsFile, ReadsEverySection)
{
    Settings s;
    apply_settings_text(s, R"(
log_level = "warn"
[network]
join = "private"
peers = ["127.0.0.1:1000", "127.0.0.2:1000"]
allow_loopback = true
[workers]
count = 4
sync_interval = "1s"
[tunnels]
hops = 2
[relay]
enabled = true
rate = "5MB/s"
month = 1000
[torrents]
folder = "/tmp/x"
)",
                        "cepa.toml");
    EXPECT_EQ(s.log_level, log::Level::warn);
    EXPECT_TRUE(s.join_chosen);
    EXPECT_EQ(s.peers.size(), 2u);
    EXPECT_TRUE(s.allow_loopback);
    EXPECT_EQ(s.workers, 4u);
    EXPECT_EQ(s.hops, 2);
    EXPECT_TRUE(s.relay.enabled);
    EXPECT_EQ(s.month_bytes, 1000u);
    EXPECT_EQ(s.download_folder, "/tmp/x");
}

TEST(SettingsFile, UnknownKeysNameFileLineKeyAndTheLikelyOne)
{
    EXPECT_EQ(complaint("[network]\n\njion = \"public\"\n"),
              "cepa.toml:3: unknown key network.jion; did you mean network.join?");
    EXPECT_EQ(complaint("\n[netwrok]\njoin = \"public\"\n"), "cepa.toml:2: unknown section netwrok");
    EXPECT_EQ(complaint("hops = 3\n"), "cepa.toml:1: unknown key hops");
    EXPECT_THAT(complaint("network = 3\n"), HasSubstr("cepa.toml:1: unknown section network"));
}

TEST(SettingsFile, BadValuesSayWhatWouldBeRight)
{
    EXPECT_EQ(complaint("[network]\njoin = \"pubic\"\n"),
              "cepa.toml:2: network.join = 'pubic': expected \"public\" or \"private\"");
    EXPECT_THAT(complaint("[tunnels]\nhops = 9\n"),
                HasSubstr("cepa.toml:2: tunnels.hops = 9: expected a number of hops"));
    EXPECT_THAT(complaint("[tunnels]\nhops = \"3\"\n"), HasSubstr("cepa.toml:2: tunnels.hops"));
    EXPECT_THAT(complaint("[relay]\nenabled = 1\n"), HasSubstr("expected true or false"));
    EXPECT_THAT(complaint("[network]\npeers = \"127.0.0.1:1\"\n"), HasSubstr("expected an array of addresses"));
    EXPECT_THAT(complaint("[network]\npeers = [1]\n"), HasSubstr("expected an array of addresses"));
    EXPECT_THAT(complaint("[network]\npeers = [\"a.example:1\"]\n"), HasSubstr("expected an array of addresses"));
}

TEST(SettingsFile, SyntaxErrorsNameTheLine)
{
    EXPECT_THAT(complaint("[network]\njoin = public\n"), HasSubstr("cepa.toml:2: "));
    EXPECT_THAT(complaint("[network\n"), HasSubstr("cepa.toml:1: "));
}

TEST(SettingsFile, AMissingFileIsAnErrorOnlyWhenItWasNamed)
{
    Settings s;
    EXPECT_NO_THROW(apply_settings_file(s, "/nonexistent/cepa.toml", false));
    try {
        apply_settings_file(s, "/nonexistent/cepa.toml", true);
        FAIL();
    } catch (const Misuse& error) {
        EXPECT_THAT(error.what(), HasSubstr("settings file /nonexistent/cepa.toml: No such file"));
    }
}

TEST(SettingsFile, ReadsFromDisk)
{
    std::string folder = testing::TempDir() + "cepa-settings-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto file = std::filesystem::path(folder) / "cepa.toml";
    std::ofstream(file) << "[tunnels]\nhops = 1\n";
    Settings s;
    apply_settings_file(s, file, true);
    EXPECT_EQ(s.hops, 1);
    try {
        apply_settings_file(s, folder, true);
        FAIL() << "a folder is no file";
    } catch (const Misuse& error) {
        EXPECT_THAT(error.what(), HasSubstr("is a folder, not a settings file"));
    }
    std::filesystem::remove_all(folder);
}
