// One libtorrent session of one route, wrapped so that nothing can reach the settings its anonymity rests on: all of
// them are given to the constructor, and only rates and the DHT change later. An anonymous one is made inside the
// containment, so that its threads and sockets live there, and is watched by the guard. Process: main, io thread.
#pragma once

#include "main/containment.hpp"
#include "main/peer_reconnect.hpp"
#include "main/torrent_settings.hpp"
#include "main/torrent_types.hpp"

#include <boost/asio/io_context.hpp>
#include <libtorrent/session.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cepa::main {

struct TorrentSessionHooks {
    /// Every alert, in order; valid during the call.
    std::function<void(const libtorrent::alert&)> on_alert;
    /// Anonymous sessions: the guard fired. The session is to be aborted now.
    std::function<void(const std::string& why)> on_guard;
};

/// Ends a session in the background: the session's threads stop some time after abort().
class EndingSession {
public:
    explicit EndingSession(libtorrent::session_proxy proxy);
    [[nodiscard]] bool ended() const noexcept { return ended_->load(); }

private:
    std::shared_ptr<std::atomic<bool>> ended_; // shared with the thread that waits, which may outlive everything here
};

class TorrentSession {
public:
    /// Makes the session and may block for some milliseconds. Hooks are called from the io loop, never from inside a
    /// call. It begins paused when `paused`: torrents can be added and wait.
    TorrentSession(boost::asio::io_context& io, Containment& containment, TorrentRoute route,
                   libtorrent::settings_pack settings, bool paused, TorrentSessionHooks hooks);
    /// Waits for the session's threads unless abort() was called.
    ~TorrentSession();
    TorrentSession(const TorrentSession&) = delete;
    TorrentSession& operator=(const TorrentSession&) = delete;

    [[nodiscard]] const TorrentRoute& route() const noexcept { return route_; }
    [[nodiscard]] bool anonymous() const noexcept { return route_.hops > 0; }

    /// Needs cleaned `params`. Answered by an add_torrent_alert.
    void add(libtorrent::add_torrent_params params);
    void remove(const libtorrent::torrent_handle& torrent, bool delete_files);
    /// Asks for a state_update_alert of the torrents that changed.
    void refresh();
    void pause();
    void resume();
    void set_dht(bool on);
    void reconnect(const libtorrent::torrent_handle& torrent, std::span<const Endpoint> peers);
    /// See PeerReconnect.
    void hidden_linked(const libtorrent::torrent_handle& torrent, const Endpoint& peer, bool connect);
    void hidden_lost(const libtorrent::torrent_handle& torrent, const Endpoint& peer);
    [[nodiscard]] PeerPayloads::Bytes hidden_payload(const Endpoint& peer) const;

    /// Ends the session; only the destructor may follow. No hook is called afterwards.
    [[nodiscard]] EndingSession abort();

private:
    class Watch;
    void on_alerts();

    boost::asio::io_context& io_;
    TorrentRoute route_;
    TorrentSessionHooks hooks_;
    std::shared_ptr<TorrentSession*> self_; // handlers posted by libtorrent's threads may come after the end
    std::shared_ptr<PeerReconnect> peers_;  // shared with libtorrent, which calls it until its threads end
    std::unique_ptr<libtorrent::session> session_;
};

[[nodiscard]] libtorrent::tcp::endpoint to_libtorrent(const Endpoint& endpoint);
[[nodiscard]] Endpoint from_libtorrent(const libtorrent::tcp::endpoint& endpoint);

} // namespace cepa::main
