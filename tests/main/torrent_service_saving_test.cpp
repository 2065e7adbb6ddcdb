#include "support/torrent_node.hpp"

namespace cepa::main {
namespace {

using TorrentServiceSavingTest = TorrentNodesTest;

TEST_F(TorrentServiceSavingTest, ASecondStartResumesWithoutACheckAndKeepsThePause)
{
    const CreatedTorrent torrent = make_torrent(1'000'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    const Endpoint peer = seeder.plain_endpoint();
    {
        TorrentNode getter(io, containment, options("127.0.5.2", "state"));
        EXPECT_TRUE(getter.load().empty());
        getter.service.set_route({2, "default"}, true, "");
        ASSERT_TRUE(getter.add(get(torrent, 2, peer)));
        ASSERT_TRUE(getter.complete(torrent.id));
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.pause(torrent.id, done); }));
        ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.stop(10s, done); }));
    }
    TorrentNode again(io, containment, options("127.0.5.2", "state"));
    EXPECT_TRUE(again.load().empty());
    ASSERT_TRUE(run_until(io, [&] {
        const auto info = again.service.show(torrent.id);
        return info && info->bytes_done > 0;
    }));
    const TorrentInfo info = *again.service.show(torrent.id);
    EXPECT_EQ(info.route.hops, 2U);
    EXPECT_EQ(info.state, TorrentState::paused);
    EXPECT_TRUE(info.complete);
    EXPECT_EQ(info.save_path, folder.path() / "got");
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.remove(torrent.id, false, done); }));
    ASSERT_TRUE(again.wait_for([&](auto done) { again.service.stop(10s, done); }));
    EXPECT_TRUE(fs::is_empty(folder.path() / "state" / "torrents"));
}

} // namespace
} // namespace cepa::main
