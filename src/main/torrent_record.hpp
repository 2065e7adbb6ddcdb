// What the torrent service knows of one torrent between two refreshes, and how it becomes the plain TorrentInfo.
// Process: main, io thread; pure state, time is a parameter.
#pragma once

#include "main/torrent_types.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_status.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cepa::main {

class FileWatch;

/// What the tunnels said of a route last; a plain route is always ready.
struct RouteState {
    bool ready = false;
    std::string waiting_for = "a circuit";
    TimePoint since{};
};

struct TorrentRecord {
    TorrentInfo info;
    libtorrent::torrent_handle handle; ///< invalid until libtorrent has taken it
    bool paused = false;               ///< by the user
    bool plain_life = false;           ///< see StoredTorrent
    bool although_seen = false;        ///< its user knows
    std::vector<std::string> ids;      ///< all that are known of it
    std::string held;                  ///< why it was paused against its user's will; cleared by resume
    std::shared_ptr<FileWatch> files;  ///< while it is seeded
    TimePoint look_at_files{};         ///< when next
    bool recheck = false;              ///< with the next resume
    bool given_complete = false;       ///< its user said that the files are there
    bool unsaved = true;               ///< changed since its resume data was last asked for
    std::string hidden_waiting;        ///< what its hidden side waits for; empty: nothing, or there is none
    std::string write_error;           ///< the first thing that failed with a file; cleared by resume
    std::uint64_t uploaded_before = 0; ///< in its life before this start
    TimePoint waiting_since{};
    std::vector<Endpoint> first_peers;                           ///< that the user named
    std::set<Endpoint> hidden_seeders;                           ///< made-up addresses of those linked now
    std::optional<libtorrent::add_torrent_params> description;   ///< cleaned; of a .torrent that came after the magnet
    TimePoint offered_at{};                                      ///< when libtorrent was given them last
    std::vector<std::function<void(Answer<std::string>)>> added; ///< who waits for that
    std::deque<std::function<void(Answer<void>)>> saved; ///< who asked for resume data; libtorrent answers in order
};

/// Takes over what libtorrent says.
void update_record(TorrentRecord& record, const libtorrent::torrent_status& status);

/// Sets waiting_for and waiting, from what the record and its route say.
void update_waiting(TorrentRecord& record, const RouteState& route, TimePoint now);

/// What a torrent that is not finished needs to go on; empty while nothing is missing. `hidden`: what its hidden side
/// waits for.
[[nodiscard]] std::string missing_of(const TorrentInfo& info, const RouteState& route, const std::string& hidden = {});

} // namespace cepa::main
