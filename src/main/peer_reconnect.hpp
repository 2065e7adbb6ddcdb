// When a circuit dies the peers it carried have got another address, and their uTP connections are dead. libtorrent alone
// needs a time-out to notice, blames the peer and gives up after some such blames. This extension of a session keeps the
// connections at hand, so that exactly these peers are dropped without blame and connected to again at once.
// It also keeps the hidden and the open side of torrents apart: the other end of a hidden circuit may connect to the
// torrent of its swarm and to no other, and to a torrent with hidden peers only nobody else may; and it keeps what a
// torrent with hidden peers says to them free of addresses (peer_discretion.hpp).
// Process: main; everything here runs on the session's network thread but for reconnect_peers().
#pragma once

#include "main/peer_payload.hpp"
#include "main/torrent_types.hpp"

#include <libtorrent/client_data.hpp>
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
    /// Of hidden peers that are linked. From any thread.
    [[nodiscard]] PeerPayloads::Bytes payload_of(const libtorrent::tcp::endpoint& peer) const
    {
        return payloads_->of(peer);
    }

private:
    friend void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                                std::vector<libtorrent::tcp::endpoint> peers);
    friend void hidden_peer_linked(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                                   libtorrent::tcp::endpoint peer, bool connect);
    friend void hidden_peer_lost(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                                 libtorrent::tcp::endpoint peer);
    class Connections; // of one torrent
    class Connection;  // notices that one ended

    void reconnect(const libtorrent::torrent_handle& torrent, const std::vector<libtorrent::tcp::endpoint>& peers);
    [[nodiscard]] std::shared_ptr<Connections> connections_of(const libtorrent::torrent_handle& torrent) const;

    std::vector<std::pair<libtorrent::torrent_handle, std::weak_ptr<Connections>>> torrents_;
    std::shared_ptr<PeerPayloads> payloads_ = std::make_shared<PeerPayloads>(); // shared with the torrents' connections
};

/// Drops those of `peers` that `torrent` is connected to and connects to them again. From any thread; returns at once.
void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                     std::vector<libtorrent::tcp::endpoint> peers);

/// A hidden circuit leads to `peer`, a made-up address, for `torrent`: it may connect now, and with `connect` is
/// connected to. What is open to it from before is dropped without blame. From any thread; returns at once.
void hidden_peer_linked(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                        libtorrent::tcp::endpoint peer, bool connect);
/// No hidden circuit leads there any more.
void hidden_peer_lost(const std::shared_ptr<PeerReconnect>& extension, libtorrent::torrent_handle torrent,
                      libtorrent::tcp::endpoint peer);

/// For add_torrent_params::userdata.
[[nodiscard]] libtorrent::client_data_t peer_mode_mark(PeerMode mode) noexcept;

} // namespace cepa::main
