#include "main/peer_reconnect.hpp"

#include <libtorrent/error_code.hpp>
#include <libtorrent/peer_connection_handle.hpp>

#include <map>

namespace cepa::main {

namespace lt = libtorrent;

class PeerReconnect::Connections final : public lt::torrent_plugin, public std::enable_shared_from_this<Connections> {
public:
    std::shared_ptr<lt::peer_plugin> new_connection(const lt::peer_connection_handle& connection) override;

    /// Those to a peer; a copy, because disconnecting one takes it out of here.
    [[nodiscard]] std::vector<lt::peer_connection_handle> to(const lt::tcp::endpoint& peer) const
    {
        std::vector<lt::peer_connection_handle> found;
        for (auto [entry, end] = open_.equal_range(peer); entry != end; ++entry) found.push_back(entry->second);
        return found;
    }
    void forget(const lt::tcp::endpoint& peer, const lt::peer_connection_handle& connection)
    {
        for (auto [entry, end] = open_.equal_range(peer); entry != end; ++entry) {
            if (entry->second != connection) continue;
            open_.erase(entry);
            return;
        }
    }

private:
    std::multimap<lt::tcp::endpoint, lt::peer_connection_handle> open_; // several per endpoint for a moment
};

class PeerReconnect::Connection final : public lt::peer_plugin {
public:
    Connection(std::weak_ptr<Connections> owner, const lt::peer_connection_handle& connection)
        : owner_(std::move(owner)), connection_(connection), peer_(connection.remote())
    {
    }
    lt::string_view type() const override { return "cepa_reconnect"; }
    void on_disconnect(const lt::error_code&) override
    {
        if (const auto owner = owner_.lock()) owner->forget(peer_, connection_);
    }

private:
    std::weak_ptr<Connections> owner_; // shared with libtorrent, which frees torrents and peers in its own order
    lt::peer_connection_handle connection_;
    lt::tcp::endpoint peer_;
};

std::shared_ptr<lt::peer_plugin> PeerReconnect::Connections::new_connection(const lt::peer_connection_handle& connection)
{
    if (connection.type() != lt::connection_type::bittorrent) return nullptr;
    open_.emplace(connection.remote(), connection);
    return std::make_shared<Connection>(weak_from_this(), connection);
}

std::shared_ptr<lt::torrent_plugin> PeerReconnect::new_torrent(const lt::torrent_handle& torrent, lt::client_data_t)
{
    std::erase_if(torrents_, [](const auto& entry) { return entry.second.expired(); });
    auto connections = std::make_shared<Connections>();
    torrents_.emplace_back(torrent, connections);
    return connections;
}

void PeerReconnect::reconnect(const lt::torrent_handle& torrent, const std::vector<lt::tcp::endpoint>& peers)
{
    for (const auto& [handle, weak] : torrents_) {
        const auto connections = weak.lock();
        if (handle != torrent || !connections) continue;
        for (const lt::tcp::endpoint& peer : peers) {
            const auto open = connections->to(peer);
            // Severity "normal" is what spares the peer the blame.
            for (lt::peer_connection_handle connection : open)
                connection.disconnect(lt::errors::optimistic_disconnect, lt::operation_t::bittorrent,
                                      lt::peer_connection_interface::normal);
            if (!open.empty()) torrent.connect_peer(peer);
        }
        return;
    }
}

void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, lt::torrent_handle torrent,
                     std::vector<lt::tcp::endpoint> peers)
{
    if (!torrent.is_valid() || peers.empty()) return;
    // libtorrent has no "run this on the network thread". Adding an extension to a torrent runs the maker there, and a
    // maker that makes none adds none.
    try {
        torrent.add_extension(
            [extension, peers = std::move(peers)](const lt::torrent_handle& handle, lt::client_data_t) {
                extension->reconnect(handle, peers);
                return std::shared_ptr<lt::torrent_plugin>();
            },
            {});
    } catch (const lt::system_error&) {
        // the torrent was removed between the check and the call: nobody to reconnect
    }
}

} // namespace cepa::main
