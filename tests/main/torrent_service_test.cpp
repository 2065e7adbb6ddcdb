// The whole service against itself, over loopback, plainly or through a SOCKS5 server.
#include "support/torrent_node.hpp"

namespace cepa::main {
namespace {

using TorrentServiceTest = TorrentNodesTest;

TEST_F(TorrentServiceTest, PlainDownloadOfBothFormats)
{
    for (const TorrentFormat format : {TorrentFormat::v1, TorrentFormat::hybrid}) {
        fs::remove_all(folder.path() / "got");
        const CreatedTorrent torrent = make_torrent(1'000'000, format);
        TorrentServiceOptions recording = options("127.0.5.1");
        recording.record_peers = true;
        TorrentNode seeder(io, containment, std::move(recording));
        TorrentNode getter(io, containment, options("127.0.5.2"));
        ASSERT_EQ(seeder.add(seed(torrent)), torrent.id);
        const auto id = getter.add(get(torrent, 0, seeder.plain_endpoint()));
        ASSERT_EQ(id, torrent.id);
        ASSERT_TRUE(getter.complete(*id));
        EXPECT_TRUE(same_file());
        const TorrentInfo info = *getter.service.show(id->substr(0, 8));
        EXPECT_DOUBLE_EQ(info.progress, 1.0);
        EXPECT_EQ(info.bytes_total, 1'000'000U);
        EXPECT_EQ(info.pieces_done, info.pieces);
        EXPECT_EQ(info.pieces, torrent.pieces);
        EXPECT_EQ(info.name, "file");
        EXPECT_TRUE(getter.service.peers_seen().empty()) << "nobody is remembered unless asked for";
        EXPECT_EQ(seeder.service.peers_seen(), (std::set<IpAddress>{IpAddress::parse("127.0.5.2").value()}));
    }
}

TEST_F(TorrentServiceTest, AFolderOfManyFilesOfAllSizes)
{
    const fs::path album = folder.path() / "seed" / "album";
    for (int i = 0; i < 60; ++i) {
        fs::create_directories(album / std::to_string(i % 7));
        std::ofstream(album / std::to_string(i % 7) / std::to_string(i))
            << std::string(static_cast<std::size_t>(i * 977), static_cast<char>('a' + i % 26));
    }
    for (const TorrentFormat format : {TorrentFormat::v1, TorrentFormat::hybrid}) {
        fs::remove_all(folder.path() / "got");
        const CreatedTorrent torrent =
            create_torrent({.path = album, .format = format, .piece_bytes = 16384, .trackers = {}}).value();
        TorrentNode seeder(io, containment, options("127.0.5.1"));
        TorrentNode getter(io, containment, options("127.0.5.2"));
        AddTorrent checked = seed(torrent);
        checked.seed_mode = false; // the seeder reads and checks them all
        ASSERT_TRUE(seeder.add(checked));
        ASSERT_TRUE(seeder.complete(torrent.id));
        ASSERT_TRUE(getter.add(get(torrent, 0, seeder.plain_endpoint())));
        ASSERT_TRUE(getter.complete(torrent.id));
        int compared = 0;
        for (const auto& entry : fs::recursive_directory_iterator(album)) {
            if (!entry.is_regular_file()) continue;
            const fs::path got = folder.path() / "got" / "album" / fs::relative(entry.path(), album);
            EXPECT_EQ(read_file(entry.path()).value(), read_file(got).value_or(Bytes{1, 2, 3})) << got;
            ++compared;
        }
        EXPECT_EQ(compared, 60);
    }
}

TEST_F(TorrentServiceTest, AnonymousDownloadGoesThroughTheProxyOnly)
{
    const CreatedTorrent torrent = make_torrent(2'000'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    TorrentNode getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    const Endpoint peer = seeder.plain_endpoint();
    const auto id = getter.add(get(torrent, 2, peer));
    ASSERT_TRUE(id) << id.error();
    // Until the route is ready nothing leaves, and the torrent says why.
    getter.service.set_route({2, "default"}, false, "no exits known");
    ASSERT_TRUE(run_until(io, [&] { return getter.service.show(*id)->waiting_for == "no exits known"; }));
    EXPECT_TRUE(getter.sink.destinations.empty());
    EXPECT_EQ(getter.service.sessions()[0].waiting_for, "no exits known");

    getter.service.set_route({2, "default"}, true, "");
    ASSERT_TRUE(getter.complete(*id));
    EXPECT_TRUE(same_file());
    EXPECT_GE(getter.sink.bytes_in, 2'000'000U);
    EXPECT_EQ(getter.proxies, 1);
    EXPECT_EQ(getter.sink.opened, 1);
    EXPECT_TRUE(getter.engine_found) << "the engine's socket is found by the association's port";
    EXPECT_TRUE(getter.guard_text.empty()) << getter.guard_text;
    const std::vector<TorrentSessionInfo> sessions = getter.service.sessions();
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions[0].proxy_port, getter.server->port());
    EXPECT_EQ(getter.service.show(*id)->waiting_for, "");
}

TEST_F(TorrentServiceTest, PauseResumeRemove)
{
    const CreatedTorrent torrent = make_torrent(300'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.pause(torrent.id, done); }));
    EXPECT_EQ(seeder.service.show(torrent.id)->state, TorrentState::paused);
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.resume(torrent.id, done); }));
    EXPECT_TRUE(run_until(io, [&] { return seeder.service.show(torrent.id)->state == TorrentState::seeding; }));
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, false, done); }));
    EXPECT_TRUE(seeder.service.list().empty());
    EXPECT_TRUE(fs::exists(folder.path() / "seed" / "file"));
    ASSERT_TRUE(seeder.add(seed(torrent))) << "it can be added again";
    EXPECT_TRUE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, true, done); }));
    EXPECT_TRUE(run_until(io, [&] { return !fs::exists(folder.path() / "seed" / "file"); }));
    EXPECT_FALSE(seeder.wait_for([&](auto done) { seeder.service.remove(torrent.id, false, done); }));
}

TEST_F(TorrentServiceTest, APortInUseIsSaid)
{
    TorrentNode first(io, containment, options("127.0.5.1"));
    const CreatedTorrent torrent = make_torrent(100'000);
    ASSERT_TRUE(first.add(seed(torrent)));
    TorrentServiceOptions taken = options("127.0.5.1");
    taken.plain_listen = first.plain_endpoint().to_string();
    TorrentNode second(io, containment, std::move(taken));
    ASSERT_TRUE(second.add(seed(torrent)));
    EXPECT_TRUE(
        run_until(io, [&] { return second.service.sessions()[0].listen_error.find("in use") != std::string::npos; }));
}

} // namespace
} // namespace cepa::main
