#include "main/torrent_creator.hpp"
#include "main/torrent_source.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <fstream>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
namespace flags = libtorrent::torrent_flags;

constexpr CleaningPolicy kAnonymous{true, false};
constexpr const char* kMagnet = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dht=name.example:1";

CreatedTorrent make(const fs::path& folder)
{
    std::ofstream(folder / "file") << std::string(50'000, 'x');
    return create_torrent({.path = folder / "file", .format = TorrentFormat::hybrid, .piece_bytes = 0, .trackers = {}})
        .value();
}

AddTorrent from(const std::string& source)
{
    AddTorrent request;
    request.source = source;
    return request;
}

TEST(TorrentSource, LinksFilesAndBytes)
{
    const cepa::test::TemporaryFolder folder;
    const CreatedTorrent torrent = make(folder.path());
    std::ofstream(folder.path() / "t.torrent", std::ios::binary)
        .write(reinterpret_cast<const char*>(torrent.content.data()),
               static_cast<std::streamsize>(torrent.content.size()));
    EXPECT_EQ(torrent_id(read_source(from((folder.path() / "t.torrent").string()))->ti->info_hashes()), torrent.id);
    EXPECT_EQ(torrent_id(read_source(from(torrent.magnet))->info_hashes), torrent.id);
    AddTorrent both = from(kMagnet);
    both.content = torrent.content;
    EXPECT_EQ(torrent_id(read_source(both)->ti->info_hashes()), torrent.id) << "the bytes win";
    EXPECT_TRUE(read_source(from("MAGNET:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567")));
    EXPECT_NE(read_source(from("http://host/t.torrent")).error().find("http://host/t.torrent"), std::string::npos)
        << "never fetched, in the clear or otherwise";
}

TEST(TorrentSource, CompletesCleansAndMakesTheFolder)
{
    const cepa::test::TemporaryFolder folder;
    AddTorrent request = from(kMagnet);
    request.save_path = folder.path() / "a" / "b";
    request.seed_mode = request.paused = true;
    auto params = read_source(request).value();
    ASSERT_FALSE(params.dht_nodes.empty());
    ASSERT_TRUE(complete_params(params, request, kAnonymous));
    EXPECT_TRUE(params.dht_nodes.empty());
    EXPECT_TRUE(fs::is_directory(folder.path() / "a" / "b"));
    EXPECT_EQ(params.save_path, (folder.path() / "a" / "b").string());
    EXPECT_TRUE(static_cast<bool>(params.flags & flags::paused));
    EXPECT_TRUE(static_cast<bool>(params.flags & flags::seed_mode));
    EXPECT_TRUE(static_cast<bool>(params.flags & flags::upload_mode)) << "a seed never downloads";
    EXPECT_FALSE(static_cast<bool>(params.flags & flags::auto_managed))
        << "libtorrent's queue would pause it by itself";
    EXPECT_FALSE(static_cast<bool>(params.flags & flags::sequential_download));
}

TEST(TorrentSource, TheFilterIsForTorrentsWithHiddenPeersOnly)
{
    const cepa::test::TemporaryFolder folder;
    for (const PeerMode mode : {PeerMode::open, PeerMode::hidden, PeerMode::both}) {
        AddTorrent request = from(kMagnet);
        request.save_path = folder.path();
        request.peer_mode = mode;
        auto params = read_source(request).value();
        params.flags |= flags::apply_ip_filter; // as libtorrent has it by itself
        ASSERT_TRUE(complete_params(params, request, kAnonymous));
        const auto has = [&](libtorrent::torrent_flags_t flag) { return static_cast<bool>(params.flags & flag); };
        EXPECT_EQ(has(flags::apply_ip_filter), mode == PeerMode::hidden) << to_string(mode);
        EXPECT_EQ(has(flags::disable_dht), mode == PeerMode::hidden) << to_string(mode);
        EXPECT_EQ(has(flags::disable_lsd), mode == PeerMode::hidden) << to_string(mode);
        EXPECT_EQ(has(flags::disable_pex), mode != PeerMode::open) << to_string(mode);
    }
}

TEST(TorrentSource, AFileInPlaceOfTheFolderIsNamed)
{
    const cepa::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "file") << "x";
    AddTorrent request = from(kMagnet);
    request.save_path = folder.path() / "file";
    auto params = read_source(request).value();
    EXPECT_NE(complete_params(params, request, kAnonymous).error().find((folder.path() / "file").string()),
              std::string::npos);
}

TEST(TorrentSource, OnAnotherRouteOnlyThePiecesComeAlong)
{
    const cepa::test::TemporaryFolder folder;
    const CreatedTorrent torrent = make(folder.path());
    AddTorrent request = from(torrent.magnet);
    request.save_path = folder.path();
    request.route = {3, "default"};
    StoredTorrent kept{torrent.id, {0, ""}, false, true, parse_torrent_file(torrent.content).value()};
    kept.params.save_path = folder.path().string() + "/";
    kept.params.have_pieces.resize(4, true);
    kept.params.peers.emplace_back(boost::asio::ip::make_address("8.8.8.8"), std::uint16_t{1});
    kept.params.banned_peers = kept.params.peers;
    kept.params.trackers = {"http://plain.example/announce"};
    kept.params.trackerid = "known";
    kept.params.url_seeds = {"http://plain.example/file"};

    const auto other = continued(read_source(request).value(), kept, request);
    EXPECT_TRUE(other.ti) << "the description is the same for everyone";
    EXPECT_EQ(other.have_pieces.count(), 4);
    EXPECT_TRUE(other.peers.empty() && other.banned_peers.empty() && other.trackers.empty() && other.url_seeds.empty());
    EXPECT_TRUE(other.trackerid.empty());

    kept.route = request.route;
    kept.plain_life = false;
    EXPECT_EQ(continued(read_source(request).value(), kept, request).peers.size(), 1U)
        << "the same life goes on as it was";
    kept.plain_life = true;
    EXPECT_TRUE(continued(read_source(request).value(), kept, request).peers.empty()) << "it was plain before that";
    kept.params.save_path = "/elsewhere";
    EXPECT_EQ(continued(read_source(request).value(), kept, request).have_pieces.count(), 0) << "nothing is there yet";
}

} // namespace
} // namespace cepa::main
