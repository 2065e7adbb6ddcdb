#include "support/torrent_node.hpp"

namespace cepa::main {
namespace {

using PeerReconnectTest = TorrentNodesTest;

TEST_F(PeerReconnectTest, WhenCircuitsDieThePeersAreBackAtOnceAndTheAssociationStays)
{
    const CreatedTorrent torrent = make_torrent(6'000'000);
    TorrentServiceOptions slow = options("127.0.5.1");
    slow.upload_bytes_per_s = 0;
    TorrentNode seeder(io, containment, std::move(slow));
    TorrentNode getter(io, containment, options("127.0.5.2"));
    ASSERT_TRUE(seeder.add(seed(torrent)));
    getter.service.set_route({1, "default"}, true, "");
    ASSERT_TRUE(getter.add(get(torrent, 1, seeder.plain_endpoint())));
    // Five times in one download, which is more than libtorrent forgives a peer by itself.
    for (int round = 0; round < 5; ++round) {
        const std::uint64_t before = getter.sink.bytes_in;
        ASSERT_TRUE(run_until(io, [&] { return getter.sink.bytes_in > before + 200'000 || getter.service.show(torrent.id)->complete; }, 10s)) << round;
        const std::vector<Endpoint> moved = getter.sink.break_flows();
        getter.service.peers_lost({1, "default"}, moved);
    }
    ASSERT_TRUE(getter.complete(torrent.id));
    EXPECT_TRUE(same_file());
    EXPECT_EQ(getter.sink.opened, 1) << "the association never drops";
    EXPECT_EQ(getter.sink.closed, 0);
}

} // namespace
} // namespace cepa::main
