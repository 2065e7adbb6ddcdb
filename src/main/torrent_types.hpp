// Torrents as plain values: what goes into and comes out of the torrent service. No libtorrent type stands here, so
// that sessions can move to another process one day. Process: main, io thread.
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cepa::main {

/// A value, or a text for the user that names what failed and what would be right.
template <class T>
using Answer = std::expected<T, std::string>;

/// How a session reaches its peers: `hops` 0 (plain) to 3 (more by setting), and the isolation group.
/// All plain torrents share one session: a plain route has no group.
struct TorrentRoute {
    unsigned hops = 3;
    std::string group = "default";

    friend auto operator<=>(const TorrentRoute&, const TorrentRoute&) = default;
};

/// Whom a torrent takes its peers from: open ones (trackers, DHT, by name), the other ends of hidden circuits, or both.
enum class PeerMode : std::uint8_t { open, hidden, both };
/// "public", "hidden", "both".
[[nodiscard]] const char* to_string(PeerMode mode) noexcept;
[[nodiscard]] std::optional<PeerMode> parse_peer_mode(std::string_view text) noexcept;
[[nodiscard]] constexpr bool has_hidden_peers(PeerMode mode) noexcept
{
    return mode != PeerMode::open;
}
/// An introduction needs a hop more, and circuits have five at most.
inline constexpr unsigned kMostHiddenHops = 4;
/// Of a torrent whose user said nothing: both, where hidden peers are possible.
[[nodiscard]] PeerMode default_peer_mode(unsigned hops) noexcept;

struct AddTorrent {
    std::string source;              ///< a magnet link or the path of a .torrent file
    Bytes content;                   ///< the bytes of a .torrent file; wins over `source` when not empty
    std::filesystem::path save_path; ///< made when missing
    TorrentRoute route;
    PeerMode peer_mode = PeerMode::open; ///< with hidden ones: hops 1..kMostHiddenHops
    /// The user asked for that mode. If not, a torrent that was used without hops before takes open peers only.
    bool peer_mode_chosen = false;
    bool although_seen = false; ///< hidden peers, although it was used without hops before
    bool seed_mode = false; ///< the files are said to be complete: no check before seeding
    bool paused = false;
    bool sequential = false;
    std::vector<Endpoint> peers; ///< to connect to at once, as if a tracker had named them
    /// Takes over the pieces that an earlier life left in the state folder for the same `save_path`. Of a life on
    /// another route nothing else comes along, and that route is not opened.
    bool go_on = false;
    bool any_folder = false; ///< `save_path` is only a default: a torrent that is here already stays where it is
};

enum class TorrentState : std::uint8_t { checking, metadata, downloading, seeding, paused, failed };
[[nodiscard]] const char* to_string(TorrentState state) noexcept;

/// One torrent as of the last refresh.
struct TorrentInfo {
    std::string id; ///< v1 info hash in hex, or the truncated v2 one; fixed when it was added
    std::string lookup_id; ///< what its hidden swarm is named by: the v1 hash as soon as that is known; empty: `id`
    std::string name;
    TorrentRoute route;
    PeerMode peer_mode = PeerMode::open;
    TorrentState state = TorrentState::checking;
    bool complete = false;         ///< every wanted byte is there and verified
    double progress = 0;           ///< 0 to 1, of the wanted bytes; of the check while checking
    std::uint64_t bytes_done = 0;  ///< verified, of bytes_total
    std::uint64_t bytes_total = 0; ///< 0 while the metadata is missing
    std::uint64_t downloaded = 0;  ///< payload since it was first added, kept over restarts
    std::uint64_t uploaded = 0;
    std::uint64_t wasted = 0; ///< payload that failed its hash or came twice, since this start
    std::uint64_t download_bytes_per_s = 0;
    std::uint64_t upload_bytes_per_s = 0;
    unsigned peers = 0; ///< connected now
    unsigned seeds = 0; ///< of these, complete ones
    double ratio = 0;   ///< uploaded / size; 0 while unknown
    std::optional<std::chrono::seconds> eta;
    std::uint32_t pieces_done = 0;
    std::uint32_t pieces = 0;
    std::uint32_t piece_bytes = 0;
    std::string error; ///< why it stopped, when state == failed
    std::filesystem::path save_path;
    std::string waiting_for; ///< what it needs to go on, for the user; empty while nothing is missing
    Duration waiting{};      ///< for how long already
    /// What its user should know of how it was taken: whom it is not to get peers from, though they were named or are
    /// the default. Since this start.
    std::vector<std::string> notes;
    bool seen_plainly = false; ///< has no hidden peers, because it was used without hops before
    bool findable = true;    ///< it has a peer, a tracker that its route can reach, or a DHT with an entry point
};

/// What a torrent session is, for `cepa status`.
struct TorrentSessionInfo {
    TorrentRoute route;
    std::uint16_t proxy_port = 0; ///< of its SOCKS5 listener; 0 for the plain session
    std::string listen;           ///< where it listens, as libtorrent says
    std::string listen_error;     ///< why it does not listen
    bool ready = false;           ///< the route carries traffic
    bool dht = false;             ///< its DHT was started for torrents that take open peers
    std::string waiting_for;
    std::string stopped_by_guard; ///< why the guard ended it; empty while it runs
};

} // namespace cepa::main
