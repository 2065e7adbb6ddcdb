#include "main/commands/named_torrent.hpp"
#include "main/torrent_creator.hpp"
#include "main/user_error.hpp"
#include "support/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace cepa::main {
namespace {

using testing::HasSubstr;

class NamedTorrentTest : public testing::Test {
protected:
    NamedTorrentTest()
    {
        std::filesystem::create_directories(folder.path() / "album" / "side b");
        write("album/one.flac", 30'000);
        write("album/side b/two.flac", 10'000);
        write("film.mkv", 40'000);
        write("secret.bin", 40'000);
    }
    void write(const char* name, std::size_t bytes) const
    {
        std::ofstream(folder.path() / name) << std::string(bytes, 'x');
    }
    std::filesystem::path torrent_of(const char* name) const
    {
        CreateTorrent request;
        request.path = folder.path() / name;
        const auto made = create_torrent(request, {});
        const auto file = folder.path() / "a.torrent";
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(made->content.data()),
                   static_cast<std::streamsize>(made->content.size()));
        return file;
    }
    std::pair<std::string, int> complaint(const char* torrent, const std::filesystem::path& path) const
    {
        try {
            (void)named_torrent(torrent_of(torrent), path);
        } catch (const UserError& error) {
            return {error.what(), error.status()};
        }
        return {"", kDone};
    }
    cepa::test::TemporaryFolder folder;
};

TEST_F(NamedTorrentTest, ItsOwnFileOrFolderIsTaken)
{
    EXPECT_EQ(complaint("film.mkv", folder.path() / "film.mkv").first, "");
    EXPECT_EQ(complaint("album", folder.path() / "album").first, "");
}

TEST_F(NamedTorrentTest, OneOfSomethingElseIsMisuseAndBothAreNamed)
{
    const auto [text, status] = complaint("film.mkv", folder.path() / "secret.bin");
    EXPECT_THAT(text, HasSubstr("a.torrent is the torrent of film.mkv, not of secret.bin"));
    EXPECT_EQ(status, kMisuse);
    EXPECT_EQ(complaint("album", folder.path() / "album" / "one.flac").second, kMisuse);
}

TEST_F(NamedTorrentTest, WhatIsNotThereIsNotFetched)
{
    const auto alone = folder.path() / "alone";
    std::filesystem::create_directory(alone);
    const auto [text, status] = complaint("film.mkv", alone / "film.mkv");
    EXPECT_THAT(text, HasSubstr("film.mkv: 0 % of it is in " + alone.string() + "; seed does not download"));
    EXPECT_EQ(status, kFailed);
    const auto album = torrent_of("album");
    write("album/side b/two.flac", 9'999);
    try {
        (void)named_torrent(album, folder.path() / "album");
        FAIL() << "a file is too short";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("album: 75 % of it is in"));
    }
}

TEST_F(NamedTorrentTest, AFolderIsNoFileOfTheSameName)
{
    const auto film = torrent_of("film.mkv");
    std::filesystem::remove(folder.path() / "film.mkv");
    std::filesystem::create_directory(folder.path() / "film.mkv");
    EXPECT_THROW((void)named_torrent(film, folder.path() / "film.mkv"), UserError);
}

TEST_F(NamedTorrentTest, WhatIsNoTorrentIsNamed)
{
    write("a.torrent", 5);
    EXPECT_THROW((void)named_torrent(folder.path() / "a.torrent", folder.path() / "film.mkv"), UserError);
    EXPECT_THROW((void)named_torrent(folder.path() / "absent", folder.path() / "film.mkv"), UserError);
}

TEST(SeededPathTest, IsAbsoluteAndWithoutASlashAtItsEnd)
{
    EXPECT_EQ(seeded_path("/a/b/"), "/a/b");
    EXPECT_EQ(seeded_path("/a/./b"), "/a/b");
    EXPECT_EQ(seeded_path("b"), std::filesystem::current_path() / "b");
}

} // namespace
} // namespace cepa::main
