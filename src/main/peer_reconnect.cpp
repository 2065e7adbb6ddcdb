#include "main/peer_reconnect.hpp"

#include "main/hidden_peers.hpp"
#include "main/peer_discretion.hpp"
#include "main/torrent_session.hpp"

#include <libtorrent/error_code.hpp>
#include <libtorrent/peer_connection_handle.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>

namespace cepa::main {

namespace lt = libtorrent;

namespace {

struct Mark {};
Mark g_hidden_only; // addresses, never values
Mark g_hidden_too;

bool is_made_up_peer(const lt::tcp::endpoint& peer)
{
    return is_made_up(from_libtorrent(peer).ip);
}

} // namespace

lt::client_data_t peer_mode_mark(PeerMode mode) noexcept
{
    if (!has_hidden_peers(mode)) return {};
    return lt::client_data_t(mode == PeerMode::hidden ? &g_hidden_only : &g_hidden_too);
}

class PeerReconnect::Connections final : public lt::torrent_plugin, public std::enable_shared_from_this<Connections> {
public:
    Connections(bool hidden_only, bool discreet, std::shared_ptr<PeerPayloads> payloads)
        : hidden_only_(hidden_only), discreet_(discreet), payloads_(std::move(payloads))
    {
    }
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
    /// Severity "normal" is what spares the peer the blame.
    std::size_t drop(const lt::tcp::endpoint& peer) const
    {
        const auto open = to(peer);
        for (lt::peer_connection_handle connection : open)
            connection.disconnect(lt::errors::optimistic_disconnect, lt::operation_t::bittorrent,
                                  lt::peer_connection_interface::normal);
        return open.size();
    }
    void link(const lt::tcp::endpoint& peer)
    {
        linked_.insert(peer);
        payloads_->begin(peer);
    }
    void unlink(const lt::tcp::endpoint& peer)
    {
        linked_.erase(peer);
        payloads_->end(peer);
    }
    [[nodiscard]] std::optional<PayloadMeter> meter_of(const lt::tcp::endpoint& peer) const
    {
        auto payload = payloads_->find(peer);
        return payload ? std::optional(PayloadMeter(std::move(payload))) : std::nullopt;
    }
    [[nodiscard]] bool allows(const lt::tcp::endpoint& peer) const
    {
        return is_made_up_peer(peer) ? linked_.contains(peer) : !hidden_only_;
    }
    /// It has hidden peers: see peer_discretion.hpp.
    [[nodiscard]] bool discreet() const noexcept { return discreet_; }

private:
    bool hidden_only_;
    bool discreet_;
    std::shared_ptr<PeerPayloads> payloads_; // shared with the session's extension, which main reads
    std::set<lt::tcp::endpoint> linked_;
    std::multimap<lt::tcp::endpoint, lt::peer_connection_handle> open_; // several per endpoint for a moment
};

class PeerReconnect::Connection final : public lt::peer_plugin {
public:
    Connection(const std::shared_ptr<Connections>& owner, const lt::peer_connection_handle& connection)
        : owner_(owner), connection_(connection), peer_(connection.remote()), discreet_(owner->discreet()),
          meter_(owner->meter_of(peer_))
    {
    }
    lt::string_view type() const override { return "cepa_reconnect"; }
    /// One of our own making, before a word was said on it: a peer may have made us try an address, and one that stands
    /// for another torrent's peer would show that both torrents are ours.
    void on_connected() override
    {
        const auto owner = owner_.lock();
        if (owner && !owner->allows(peer_))
            connection_.disconnect(lt::errors::optimistic_disconnect, lt::operation_t::bittorrent,
                                   lt::peer_connection_interface::normal);
    }
    void add_handshake(lt::entry& handshake) override
    {
        if (discreet_) leave_out_addresses(handshake);
    }
    bool on_extension_handshake(const lt::bdecode_node& handshake) override
    {
        if (discreet_) blind_to_addresses(handshake);
        return true;
    }
    void sent_request(const lt::peer_request& block) override
    {
        if (meter_) meter_->asked(block);
    }
    bool on_reject(const lt::peer_request& block) override
    {
        if (meter_) meter_->refused(block);
        return false;
    }
    bool on_piece(const lt::peer_request& block, lt::span<const char>) override
    {
        if (meter_) meter_->came(block);
        return false;
    }
    void on_piece_pass(lt::piece_index_t piece) override
    {
        if (meter_) meter_->passed(piece);
    }
    void on_piece_failed(lt::piece_index_t piece) override
    {
        if (meter_) meter_->failed(piece);
    }
    void sent_payload(int bytes) override
    {
        if (meter_) meter_->sent(bytes);
    }
    void on_disconnect(const lt::error_code&) override
    {
        if (meter_) meter_->end();
        if (const auto owner = owner_.lock()) owner->forget(peer_, connection_);
    }

private:
    std::weak_ptr<Connections> owner_; // shared with libtorrent, which frees torrents and peers in its own order
    lt::peer_connection_handle connection_;
    lt::tcp::endpoint peer_;
    bool discreet_;
    std::optional<PayloadMeter> meter_; ///< of hidden peers only
};

std::shared_ptr<lt::peer_plugin> PeerReconnect::Connections::new_connection(const lt::peer_connection_handle& connection)
{
    // libtorrent takes what is thrown here as the reason to end an incoming connection, before anything was said on it.
    // One of its own making must not end so (the peer would be lost to it): on_connected() ends those.
    if (!connection.is_outgoing() && !allows(connection.remote()))
        throw lt::system_error(lt::errors::banned_by_ip_filter);
    if (connection.type() != lt::connection_type::bittorrent) return nullptr;
    open_.emplace(connection.remote(), connection);
    return std::make_shared<Connection>(shared_from_this(), connection);
}

std::shared_ptr<lt::torrent_plugin> PeerReconnect::new_torrent(const lt::torrent_handle& torrent, lt::client_data_t data)
{
    std::erase_if(torrents_, [](const auto& entry) { return entry.second.expired(); });
    const Mark* const mark = data.get<Mark>();
    auto connections = std::make_shared<Connections>(mark == &g_hidden_only, mark != nullptr, payloads_);
    torrents_.emplace_back(torrent, connections);
    return connections;
}

std::shared_ptr<PeerReconnect::Connections> PeerReconnect::connections_of(const lt::torrent_handle& torrent) const
{
    for (const auto& [handle, connections] : torrents_)
        if (handle == torrent) return connections.lock();
    return nullptr;
}

void PeerReconnect::reconnect(const lt::torrent_handle& torrent, const std::vector<lt::tcp::endpoint>& peers)
{
    const auto connections = connections_of(torrent);
    if (!connections) return;
    for (const lt::tcp::endpoint& peer : peers)
        if (connections->drop(peer) != 0) torrent.connect_peer(peer);
}

namespace {

/// libtorrent has no "run this on the network thread". Adding an extension to a torrent runs the maker there, and a
/// maker that makes none adds none.
void on_network_thread(lt::torrent_handle torrent, std::function<void(const lt::torrent_handle&)> what)
{
    if (!torrent.is_valid()) return;
    try {
        torrent.add_extension(
            [what = std::move(what)](const lt::torrent_handle& handle, lt::client_data_t) {
                what(handle);
                return std::shared_ptr<lt::torrent_plugin>();
            },
            {});
    } catch (const lt::system_error&) {
        // the torrent was removed between the check and the call
    }
}

} // namespace

void reconnect_peers(const std::shared_ptr<PeerReconnect>& extension, lt::torrent_handle torrent,
                     std::vector<lt::tcp::endpoint> peers)
{
    if (peers.empty()) return;
    on_network_thread(torrent, [extension, peers = std::move(peers)](const lt::torrent_handle& handle) {
        extension->reconnect(handle, peers);
    });
}

void hidden_peer_linked(const std::shared_ptr<PeerReconnect>& extension, lt::torrent_handle torrent,
                        lt::tcp::endpoint peer, bool connect)
{
    on_network_thread(torrent, [extension, peer, connect](const lt::torrent_handle& handle) {
        const auto connections = extension->connections_of(handle);
        if (!connections) return;
        connections->drop(peer);
        connections->link(peer);
        if (connect) lt::torrent_handle(handle).connect_peer(peer);
    });
}

void hidden_peer_lost(const std::shared_ptr<PeerReconnect>& extension, lt::torrent_handle torrent,
                      lt::tcp::endpoint peer)
{
    on_network_thread(torrent, [extension, peer](const lt::torrent_handle& handle) {
        const auto connections = extension->connections_of(handle);
        if (!connections) return;
        connections->unlink(peer);
        connections->drop(peer);
    });
}

} // namespace cepa::main
