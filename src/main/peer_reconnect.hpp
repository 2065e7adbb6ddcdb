// When a circuit dies the peers it carried have got another address, and their uTP connections are dead. libtorrent alone
// needs a time-out to notice, blames the peer and gives up after some such blames. This extension of a session keeps the
// connections at hand, so that exactly these peers are dropped without blame and connected to again at once.
// Process: main; everything here runs on the session's network thread but for reconnect_peers().
#pragma once

#include <libtorrent/extensions.hpp>
#include <libtorrent/socket.hpp>
#include <libtorrent/torrent_handle.hpp>

#include <memory>
#include <vector>

namespace cepa::main {

class PeerReconnect final : public libtorrent::plugin, public std::enable_shared_from_this<PeerReconnect> {
public:
    std::shared_ptr<libtorrent::torrent_plugin> new_torrent(const libtorrent::torrent_handle& torrent,
                                                            libtorrent::client_data_t data) override;

private:
    friend void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                                std::vector<libtorrent::tcp::endpoint> peers);
    class Connections; // of one torrent
    class Connection;  // notices that one ended

    void reconnect(const libtorrent::torrent_handle& torrent, const std::vector<libtorrent::tcp::endpoint>& peers);

    std::vector<std::pair<libtorrent::torrent_handle, std::weak_ptr<Connections>>> torrents_;
};

/// Drops those of `peers` that `torrent` is connected to and connects to them again. From any thread; returns at once.
void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                     std::vector<libtorrent::tcp::endpoint> peers);

} // namespace cepa::main
