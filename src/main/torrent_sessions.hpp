// The libtorrent sessions of a node, one per route, each made on first use and ended at once when its guard fires.
// Keeps what the tunnels say of a route, and pauses a session whose route is not there: libtorrent would use its
// patience with every peer up meanwhile. Process: main, io thread.
#pragma once

#include "main/torrent_record.hpp"
#include "main/torrent_service.hpp"
#include "main/torrent_session.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace cepa::main {

struct TorrentSessionsHooks {
    std::function<Answer<std::uint16_t>(const TorrentRoute&)> open_proxy;
    std::function<void(const TorrentRoute&, const libtorrent::alert&)> on_alert;
    /// The session is gone by then.
    std::function<void(const TorrentRoute&, const std::string& why)> on_guard;
};

class TorrentSessions {
public:
    /// How long a route may be without circuits before its session is paused.
    static constexpr std::chrono::seconds kPauseAfter{10};
    /// How long a session lives before its DHT starts.
    static constexpr std::chrono::seconds kDhtAfter{1};

    /// `options` must outlive it.
    TorrentSessions(boost::asio::io_context& io, Containment& containment, const TorrentServiceOptions& options,
                    const Clock& clock, TorrentSessionsHooks hooks);

    /// The session of `route`, which must be normal(); made when there is none yet. Fails when its guard has ended it,
    /// when no listener can be opened, or when libtorrent refuses.
    [[nodiscard]] Answer<TorrentSession*> open(const TorrentRoute& route);
    /// nullptr when it was not made yet or was ended.
    [[nodiscard]] TorrentSession* find(const TorrentRoute& route) const;
    [[nodiscard]] RouteState state(const TorrentRoute& route) const;
    [[nodiscard]] std::vector<TorrentSessionInfo> list() const;

    void set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for);
    /// The routes with a torrent that takes open peers: an anonymous session has a DHT only for those. Its node id is one
    /// for the whole session, and it makes the session heard of.
    void set_open(std::set<TorrentRoute> routes) { open_ = std::move(routes); }
    /// Pauses and resumes by readiness and asks every session for its state.
    void refresh();
    /// Ends all. ended() tells when their threads are gone.
    void end();
    [[nodiscard]] bool ended() const;

    /// All plain torrents share one session.
    [[nodiscard]] static TorrentRoute normal(TorrentRoute route);

private:
    struct Entry {
        TorrentSessionInfo info;
        RouteState state;
        std::unique_ptr<TorrentSession> session;
        bool paused = false;
        TimePoint awake_since{}; ///< made or resumed
    };

    void start_dht(Entry& entry);
    Entry& entry(const TorrentRoute& route);
    [[nodiscard]] Answer<libtorrent::settings_pack> settings_of(Entry& entry);
    [[nodiscard]] Answer<void> make(Entry& entry);
    void apply_readiness(Entry& entry);
    void on_alert(Entry& entry, const libtorrent::alert& alert);
    void on_guard(Entry& entry, const std::string& why);
    void end(Entry& entry);

    boost::asio::io_context& io_;
    Containment& containment_;
    const TorrentServiceOptions& options_;
    const Clock& clock_;
    TorrentSessionsHooks hooks_;
    std::map<TorrentRoute, std::unique_ptr<Entry>> entries_; // their addresses are in the sessions' hooks
    std::set<TorrentRoute> open_;
    std::vector<EndingSession> ending_;
};

} // namespace cepa::main
