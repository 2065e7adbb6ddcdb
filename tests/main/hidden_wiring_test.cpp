#include "main/fake_tunnel_service.hpp"
#include "main/hidden_wiring.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TEST(HiddenWiringTest, ATorrentWithHiddenPeersReachesTheTunnelsUnderItsRoute)
{
    boost::asio::io_context io;
    BootClock clock;
    Containment containment{{false, "a unit test"}};
    test::FakeTunnelService service;
    Routing routing(io, service, clock, {}, {});
    Proxies proxies(io, containment, routing.sink(), clock);
    TorrentService torrents(io, containment, {}, {});
    const auto hidden = join_hidden_swarms(service, routing, proxies, torrents, false);
    TorrentInfo torrent;
    torrent.id = std::string(40, 'a');
    torrent.route = {2, "work"};
    torrent.peer_mode = PeerMode::hidden;
    torrent.state = TorrentState::downloading;
    hidden->update({torrent});
    ASSERT_EQ(service.swarms.size(), 1U);
    EXPECT_EQ(service.swarms[0].group, proxies.route_of(torrent.route).group);
    proto::HiddenLink link;
    link.set_lookup_hash(service.swarms[0].lookup_hash);
    link.set_seeder_key(std::string(proto::kSwarmKeySize, 'k'));
    hidden->on_link(CircuitId(9), link); // of a torrent that is not there: nothing to connect
    EXPECT_TRUE(hidden->keeps_awake(torrent.route));
    EXPECT_EQ(hidden->status().at(0).tunnels.links(), 1U);
}

} // namespace
} // namespace cepa::main
