#include "support/torrent_node.hpp"

namespace cepa::main {
namespace {

using TorrentServiceAddingTest = TorrentNodesTest;

TEST_F(TorrentServiceAddingTest, GroupsHaveSessionsOfTheirOwn)
{
    const CreatedTorrent one = make_torrent(100'000);
    const CreatedTorrent two = make_torrent(200'000);
    TorrentNode getter(io, containment, options("127.0.5.2"));
    AddTorrent request = get(one, 1, {});
    request.peers.clear();
    ASSERT_TRUE(getter.add(request));
    request.content = two.content;
    ASSERT_TRUE(getter.add(request));
    EXPECT_EQ(getter.service.sessions().size(), 1U) << "all torrents share one group unless asked otherwise";
    request.route.group = "other";
    const auto elsewhere = getter.add(request);
    ASSERT_FALSE(elsewhere) << "a torrent has one route";
    EXPECT_NE(elsewhere.error().find("already here with 1 hops"), std::string::npos);
    ASSERT_TRUE(getter.wait_for([&](auto done) { getter.service.remove(two.id, false, done); }));
    ASSERT_TRUE(getter.add(request));
    EXPECT_EQ(getter.service.sessions().size(), 2U);
    EXPECT_EQ(getter.proxies, 2);
}

TEST_F(TorrentServiceAddingTest, BadRequestsAreAnsweredInWords)
{
    TorrentNode node(io, containment, options("127.0.5.1"));
    const auto error = [&](const std::string& source, unsigned hops = 0) {
        AddTorrent request;
        request.source = source;
        request.save_path = folder.path() / "got";
        request.route.hops = hops;
        const auto answer = node.add(request);
        return answer ? "no error" : answer.error();
    };
    EXPECT_NE(error("/no/such.torrent").find("/no/such.torrent: No such file"), std::string::npos);
    EXPECT_NE(error(folder.path().string()).find("directory"), std::string::npos);
    EXPECT_NE(error("magnet:?xt=urn:btih:12").find("expected magnet"), std::string::npos);
    EXPECT_NE(error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567", 4).find("4 hops are more than the 3"), std::string::npos);
    std::ofstream(folder.path() / "text.torrent") << "hello";
    EXPECT_NE(error((folder.path() / "text.torrent").string()).find("not a .torrent file"), std::string::npos);
    std::ofstream(folder.path() / "got") << "a file where the folder should be";
    EXPECT_NE(error("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567").find("folder "), std::string::npos);
    EXPECT_TRUE(node.service.list().empty());
}

TEST_F(TorrentServiceAddingTest, AMagnetGetsItsDescriptionFromPeers)
{
    const CreatedTorrent torrent = make_torrent(500'000);
    TorrentNode seeder(io, containment, options("127.0.5.1"));
    TorrentNode getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    AddTorrent request = get(torrent, 0, seeder.plain_endpoint());
    request.content.clear();
    request.source = torrent.magnet;
    ASSERT_EQ(getter.add(request), torrent.id);
    ASSERT_TRUE(getter.complete(torrent.id));
    EXPECT_TRUE(same_file());
}

} // namespace
} // namespace cepa::main
