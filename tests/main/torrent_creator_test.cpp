#include "main/torrent_creator.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>

#include <chrono>
#include <fstream>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
namespace lt = libtorrent;

void write(const fs::path& path, std::size_t size, char fill)
{
    fs::create_directories(path.parent_path());
    std::ofstream(path) << std::string(size, fill);
}

lt::span<const char> view(const Bytes& bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::ptrdiff_t>(bytes.size())};
}

/// The same files made in another order, in another place, with other times and modes.
void make_album(const fs::path& folder, bool backwards)
{
    std::vector<std::pair<const char*, std::size_t>> files{
        {"a/one", 50'000}, {"a/two", 3}, {"b", 200'000}, {"empty", 0}};
    if (backwards) std::ranges::reverse(files);
    for (const auto& [name, size] : files)
        write(folder / name, size, name[0]);
    if (!backwards) return;
    fs::last_write_time(folder / "b", fs::file_time_type::clock::now() - std::chrono::hours(1000));
    fs::permissions(folder / "a/one", fs::perms::owner_all);
}

class Creator : public testing::TestWithParam<TorrentFormat> {};

TEST_P(Creator, SameContentSameBytes)
{
    const cepa::test::TemporaryFolder one;
    const cepa::test::TemporaryFolder two;
    make_album(one.path() / "album", false);
    make_album(two.path() / "deeper" / "album", true);
    const auto first =
        create_torrent({.path = one.path() / "album", .format = GetParam(), .piece_bytes = 16384, .trackers = {}});
    const auto second = create_torrent(
        {.path = two.path() / "deeper" / "album" / "", .format = GetParam(), .piece_bytes = 16384, .trackers = {}});
    ASSERT_TRUE(first) << first.error();
    ASSERT_TRUE(second) << second.error();
    EXPECT_EQ(first->content, second->content);
    EXPECT_EQ(first->id, second->id);
    EXPECT_EQ(first->name, "album");
    EXPECT_EQ(first->id.size(), 40U);
}

TEST_P(Creator, SaysNothingOfItsMaker)
{
    const cepa::test::TemporaryFolder folder;
    write(folder.path() / "file", 100'000, 'x');
    const auto made =
        create_torrent({.path = folder.path() / "file", .format = GetParam(), .piece_bytes = 0, .trackers = {}});
    ASSERT_TRUE(made) << made.error();
    const lt::bdecode_node root = lt::bdecode(view(made->content));
    for (int i = 0; i < root.dict_size(); ++i) {
        const lt::string_view key = root.dict_at(i).first;
        EXPECT_TRUE(key == "info" || key == "piece layers") << key;
    }
    const std::string text(made->content.begin(), made->content.end());
    EXPECT_EQ(text.find("date"), std::string::npos);
    EXPECT_EQ(text.find("created"), std::string::npos);
    EXPECT_EQ(text.find("mtime"), std::string::npos);
    EXPECT_EQ(text.find(folder.path().filename().string()), std::string::npos);
    const lt::torrent_info info(view(made->content), lt::from_span);
    EXPECT_TRUE(info.v1());
    EXPECT_EQ(info.v2(), GetParam() == TorrentFormat::hybrid);
    EXPECT_EQ(made->bytes, 100'000U);
    EXPECT_EQ(static_cast<int>(made->pieces), info.num_pieces());
    EXPECT_EQ(lt::parse_magnet_uri(made->magnet).info_hashes, info.info_hashes());
}

INSTANTIATE_TEST_SUITE_P(Formats, Creator, testing::Values(TorrentFormat::v1, TorrentFormat::hybrid),
                         [](const auto& about) { return about.param == TorrentFormat::v1 ? "V1" : "Hybrid"; });

TEST(TorrentCreator, TrackersGoIntoTiersAndProgressEndsAtOne)
{
    const cepa::test::TemporaryFolder folder;
    write(folder.path() / "file", 100'000, 'x');
    double last = 0;
    int calls = 0;
    const auto made = create_torrent({.path = folder.path() / "file",
                                      .format = TorrentFormat::v1,
                                      .piece_bytes = 16384,
                                      .trackers = {"http://a.example/a", "udp://b.example:1"}},
                                     [&](double value) {
                                         EXPECT_GE(value, last);
                                         last = value;
                                         ++calls;
                                     });
    ASSERT_TRUE(made) << made.error();
    EXPECT_DOUBLE_EQ(last, 1.0);
    EXPECT_EQ(calls, 7);
    const lt::torrent_info info(view(made->content), lt::from_span);
    ASSERT_EQ(info.trackers().size(), 2U);
    EXPECT_EQ(info.trackers()[1].tier, 1);
    EXPECT_EQ(made->magnet.find("tr="), std::string::npos);
}

TEST(TorrentCreator, SymbolicLinksAreNotFollowed)
{
    const cepa::test::TemporaryFolder folder;
    write(folder.path() / "album" / "file", 10, 'x');
    write(folder.path() / "secret", 10, 's');
    fs::create_symlink(folder.path() / "secret", folder.path() / "album" / "link");
    fs::create_directory_symlink(folder.path(), folder.path() / "album" / "loop");
    const auto made = create_torrent(
        {.path = folder.path() / "album", .format = TorrentFormat::v1, .piece_bytes = 0, .trackers = {}});
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(lt::torrent_info(view(made->content), lt::from_span).num_files(), 1);
}

TEST(TorrentCreator, RefusalsNameTheFileAndTheReason)
{
    const cepa::test::TemporaryFolder folder;
    write(folder.path() / "empty", 0, 'x');
    write(folder.path() / "file", 1, 'x');
    fs::create_directory(folder.path() / "nothing");
    const auto refusal = [&](const char* name, std::uint32_t piece = 0) {
        return create_torrent(
                   {.path = folder.path() / name, .format = TorrentFormat::v1, .piece_bytes = piece, .trackers = {}})
            .error();
    };
    EXPECT_NE(refusal("none").find("none: no such file"), std::string::npos);
    EXPECT_NE(refusal("empty").find("nothing in it"), std::string::npos);
    EXPECT_NE(refusal("nothing").find("nothing in it"), std::string::npos);
    EXPECT_NE(refusal("file", 1000).find("power of two"), std::string::npos);
    EXPECT_NE(create_torrent({.path = "/dev/null", .format = TorrentFormat::v1, .piece_bytes = 0, .trackers = {}})
                  .error()
                  .find("neither a file nor"),
              std::string::npos);
}

} // namespace
} // namespace cepa::main
