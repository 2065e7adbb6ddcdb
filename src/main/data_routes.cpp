#include "main/data_routes.hpp"

namespace cepa::main {

std::set<TorrentRoute> routes_without_data(const std::vector<TorrentInfo>& torrents)
{
    std::set<TorrentRoute> out;
    for (const TorrentInfo& torrent : torrents)
        if (torrent.route.hops > 0) out.insert(torrent.route);
    for (const TorrentInfo& torrent : torrents)
        if (torrent.peer_mode != PeerMode::hidden) out.erase(torrent.route);
    return out;
}

} // namespace cepa::main
