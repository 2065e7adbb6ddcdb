#include "main/commands/torrent_argument.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

std::pair<std::string, int> complaint(const std::string& source)
{
    try {
        (void)checked_source(source);
    } catch (const UserError& error) {
        return {error.what(), error.status()};
    }
    return {"", 0};
}

std::string small_torrent()
{
    return "d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee";
}

} // namespace

TEST(TorrentArgument, MagnetsStayAsTheyAreAndPathsBecomeAbsolute)
{
    const std::string magnet = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789";
    EXPECT_EQ(checked_source(magnet), magnet);
    const std::string file = testing::TempDir() + "cepa-source.torrent";
    std::ofstream(file) << small_torrent();
    EXPECT_EQ(checked_source(file), file);
    std::filesystem::remove(file);
}

TEST(TorrentArgument, BadOnesAreNamed)
{
    EXPECT_THAT(complaint("/nonexistent/a.torrent").first, HasSubstr("torrent /nonexistent/a.torrent: No such file"));
    EXPECT_EQ(complaint("/nonexistent/a.torrent").second, kFailed);
    const std::string v1(40, 'a');
    EXPECT_THAT(complaint(v1).first, HasSubstr("not a file; for an info hash write magnet:?xt=urn:btih:" + v1));
    EXPECT_EQ(complaint(v1).second, kMisuse);
    const std::string v2(64, 'B');
    EXPECT_THAT(complaint(v2).first, HasSubstr("magnet:?xt=urn:btmh:1220" + v2));
    EXPECT_EQ(checked_source("magnet:?xt=urn:btmh:1220" + v2), "magnet:?xt=urn:btmh:1220" + v2);
    EXPECT_THAT(complaint(std::string(40, 'x')).first, HasSubstr("No such file"));
    EXPECT_THAT(complaint("magnet:?dn=x").first, HasSubstr("bad magnet link"));
    EXPECT_EQ(complaint("magnet:?dn=x").second, kMisuse);
    EXPECT_THAT(complaint("https://example.org/a.torrent").first, HasSubstr("not fetched from the Web"));
    EXPECT_THAT(complaint("HTTP://example.org/a.torrent").first, HasSubstr("not fetched from the Web"));
    EXPECT_THAT(complaint("/").first, HasSubstr("a folder, not a .torrent file"));
    EXPECT_THAT(complaint("magnet:?xt=urn:btih:zzz").first, HasSubstr("bad magnet link"));
    EXPECT_EQ(complaint("magnet:?xt=urn:btih:zzz").second, kMisuse);
    const std::string file = testing::TempDir() + "cepa-no-torrent.bin";
    for (const std::string& content : {std::string("some film"), std::string("d3:abc"), std::string()}) {
        std::ofstream(file) << content;
        EXPECT_THAT(complaint(file).first, HasSubstr("cepa-no-torrent.bin: not a .torrent file")) << content;
        EXPECT_EQ(complaint(file).second, kFailed);
    }
    std::filesystem::remove(file);
}

TEST(TorrentArgument, FoldersAreMadeAndChecked)
{
    std::string made = testing::TempDir() + "cepa-folder-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    const auto folder = std::filesystem::path(made) / "a" / "b";
    EXPECT_EQ(checked_folder(folder), folder);
    EXPECT_TRUE(std::filesystem::is_directory(folder));
    std::ofstream(folder / "file") << "x";
    EXPECT_THROW((void)checked_folder(folder / "file"), UserError);
    std::filesystem::remove_all(made);
}

TEST(TorrentArgument, ParametersAndProgress)
{
    TorrentOptions options;
    options.seeders = {*Endpoint::parse("127.0.0.1:6881")};
    EXPECT_FALSE(add_params(options, "m", "/f").contains("hops"));
    options.hops = 2;
    const Json params = add_params(options, "m", "/f");
    EXPECT_EQ(params["hops"], 2);
    EXPECT_EQ(params["peers"][0], "127.0.0.1:6881");
    const Progress waiting =
        progress_of({{"state", "metadata"}, {"waiting_for", "no exits known"}, {"waiting_s", 3.0}});
    EXPECT_EQ(waiting.detail, "waits 3.0s for: no exits known");
    const Progress running =
        progress_of({{"state", "downloading"}, {"bytes_done", 5}, {"bytes_total", 10}, {"peers", 4}, {"eta_s", 7}});
    EXPECT_EQ(running.detail, "4 peers");
    EXPECT_EQ(running.left, std::chrono::seconds(7));
}
