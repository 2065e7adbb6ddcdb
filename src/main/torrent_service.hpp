// The torrents of this node, whatever route they take: an asynchronous service of plain values. It makes one libtorrent
// session per route on first use, with all its settings in the constructor and, for hops >= 1, inside the containment;
// keeps resume data in <state>/torrents; and drops, with a loud message, an anonymous session whose guard fired.
// Process: main, io thread. Calls return at once; every callback comes from the io loop, exactly once.
#pragma once

#include "main/containment.hpp"
#include "main/torrent_types.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace cepa::main {

struct TorrentServiceOptions {
    std::filesystem::path plain_marks; ///< see PlainMarks; empty: none are kept
    std::filesystem::path state_folder; ///< resume data goes to its torrents/ folder; empty: nothing is kept
    /// Where the plain session listens, "ADDRESS:PORT"; port 0 lets the system choose. A private network's seeders
    /// listen on a loopback address of their own.
    std::string plain_listen = "0.0.0.0:0";
    bool public_network = false; ///< allows the DHT; for the plain session local discovery and UPnP too
    unsigned max_hops = 3;
    std::vector<Endpoint> dht_nodes;        ///< entry points of the DHT; without any it finds nobody
    bool record_peers = false;              ///< peers_seen() has something to tell
    std::uint32_t download_bytes_per_s = 0; ///< per session; 0 is no limit
    std::uint32_t upload_bytes_per_s = 0;
    std::chrono::milliseconds refresh{500}; ///< how often list() and show() are brought up to date
    std::chrono::seconds save_every{60};    ///< resume data of torrents that changed
    std::chrono::milliseconds look_at_files{10'000}; ///< how often files that are seeded are looked at
};

/// What the service asks of the tunnels' side.
struct TorrentServiceHooks {
    /// Opens the loopback SOCKS5 listener that carries `route` (its sockets inside the containment) and returns its
    /// port. Called once per route, before its session is made.
    std::function<Answer<std::uint16_t>(const TorrentRoute&)> open_proxy;
    /// An anonymous session was ended by its guard: the text says why. The listener may be closed.
    std::function<void(const TorrentRoute&, const std::string&)> on_guard = {};
    /// list() was brought up to date, or a torrent came, went, or was paused or resumed.
    std::function<void()> on_change = {};
};

class TorrentService {
public:
    using Id = std::string;
    using IdDone = std::function<void(Answer<Id>)>;
    using Done = std::function<void(Answer<void>)>;

    TorrentService(boost::asio::io_context& io, Containment& containment, TorrentServiceOptions options,
                   TorrentServiceHooks hooks);
    ~TorrentService();
    TorrentService(const TorrentService&) = delete;
    TorrentService& operator=(const TorrentService&) = delete;

    /// Adds again every torrent kept in the state folder. What cannot be read is set aside and named in the answer,
    /// one message each; the others are added. Call it once, at start.
    void load(std::function<void(std::vector<std::string> messages)> done);

    /// Adds a torrent. Adding one that is there with the same route and folder is no error and adds the peers; with
    /// another route or folder it is one, and so is resume data of a newer version, which would be overwritten. Answers
    /// with its id once libtorrent has taken it.
    void add(const AddTorrent& request, IdDone done);
    /// `id` may be shortened to any unique beginning, here and below.
    void remove(const Id& id, bool delete_files, Done done);
    void pause(const Id& id, Done done);
    void resume(const Id& id, Done done);
    void connect_peer(const Id& id, const Endpoint& peer, Done done);

    [[nodiscard]] std::vector<TorrentInfo> list() const;
    [[nodiscard]] std::optional<TorrentInfo> show(const Id& id) const;
    /// Asks for the present state of all torrents, ahead of the next refresh: list() and show() have it a moment later.
    /// For those who measure time.
    void update();
    [[nodiscard]] std::vector<TorrentSessionInfo> sessions() const;
    /// The remote addresses that connected to a torrent or that one tried, since this start; bounded, and empty unless
    /// options.record_peers.
    [[nodiscard]] const std::set<IpAddress>& peers_seen() const;
    /// Called after every refresh, so that a progress bar or a waiting command can look. One listener; empty: none.
    void on_refresh(std::function<void()> listener);

    /// What the tunnels say of a route: ready to carry traffic, or what they wait for ("no exits known"). Torrents of
    /// the route show it. The DHT of an anonymous session only starts once its route is ready.
    void set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for);
    /// A hidden circuit leads to `peer`, a made-up address, for the torrent: it may connect, and with `seeder` is connected
    /// to at once, and again when it was before. Unknown torrents are ignored, here and below.
    void hidden_linked(const Id& id, const Endpoint& peer, bool seeder);
    /// No hidden circuit leads there any more: the peer is dropped without blame.
    void hidden_lost(const Id& id, const Endpoint& peer);
    /// Payload since the first link there: what `peer`, a seeder, gave and was asked for, or else what it was sent.
    [[nodiscard]] std::uint64_t hidden_payload(const Id& id, const Endpoint& peer, bool seeder) const;
    /// What the torrent's hidden side waits for, for its user; empty: nothing.
    void set_hidden_waiting(const Id& id, const std::string& what);
    /// The circuit that carried these peers of the route died: they are dropped without blame and tried again at once.
    void peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers);

    /// Writes the resume data of every torrent. Answers with the first failure when there was one.
    void save_all(Done done);
    /// Saves, then ends every session; `done` comes at the latest after `grace`. Nothing may be called afterwards.
    void stop(Duration grace, Done done);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace cepa::main
