#include "main/data_routes.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

TorrentInfo on_route(const TorrentRoute& route, PeerMode mode)
{
    TorrentInfo out;
    out.route = route;
    out.peer_mode = mode;
    return out;
}

TEST(DataRoutes, AreNotNeededWhereAllPeersAreHidden)
{
    const TorrentRoute hidden{2, "default"};
    const TorrentRoute mixed{3, "default"};
    const TorrentRoute both{2, "films"};
    const TorrentRoute plain{0, "default"};
    EXPECT_TRUE(routes_without_data({}).empty());
    EXPECT_EQ(routes_without_data({on_route(hidden, PeerMode::hidden), on_route(hidden, PeerMode::hidden),
                                   on_route(mixed, PeerMode::hidden), on_route(mixed, PeerMode::open),
                                   on_route(both, PeerMode::both), on_route(plain, PeerMode::hidden)}),
              std::set<TorrentRoute>{hidden});
}

} // namespace
} // namespace cepa::main
