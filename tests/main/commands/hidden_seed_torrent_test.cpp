#include "main/commands/hidden_seed_torrent.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace cepa::main {
namespace {

class HiddenSeedTorrentTest : public testing::Test {
protected:
    HiddenSeedTorrentTest()
    {
        options.torrent.source = (folder.path() / "film.bin").string();
        write("some bytes");
    }
    void write(const std::string& text) { std::ofstream(options.torrent.source) << text; }
    SeedTorrent make()
    {
        CommandContext context{options, settings, folder.path() / "state", {}, {false, "a unit test"}, none, console};
        return seed_torrent(context);
    }
    /// As if the file had been there for an hour before the torrent was made.
    void age() const
    {
        std::filesystem::last_write_time(options.torrent.source,
                                         std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }

    cepa::test::TemporaryFolder folder;
    Options options;
    Settings settings;
    InProcessFactory none;
    Console console{true};
};

TEST_F(HiddenSeedTorrentTest, NamesNoTrackerAndIsKept)
{
    options.create.trackers = {"udp://tracker.example:80/announce"};
    const SeedTorrent made = make();
    EXPECT_EQ(made.folder, folder.path());
    EXPECT_NE(made.magnet.find(made.id), std::string::npos);
    EXPECT_EQ(made.magnet.find("tr="), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(made.file));
}

TEST_F(HiddenSeedTorrentTest, TheKeptOneFitsUntilSomethingChanges)
{
    age();
    const SeedTorrent made = make();
    EXPECT_TRUE(still_fits(made.file, made.content, options.torrent.source));
    EXPECT_EQ(make().id, made.id);
    write("other bytes, and more of them");
    age();
    EXPECT_FALSE(still_fits(made.file, made.content, options.torrent.source)) << "another size";
    EXPECT_NE(make().id, made.id);
    EXPECT_FALSE(still_fits(made.file, {}, options.torrent.source));
}

} // namespace
} // namespace cepa::main
