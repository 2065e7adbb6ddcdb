// The requests about torrents: add, list, show, pause, resume, remove, peers-seen. Process: main, io thread.
#pragma once

#include "main/api.hpp"
#include "main/torrent_service.hpp"

#include <filesystem>

namespace cepa::main {

/// What an add request leaves open.
struct TorrentDefaults {
    std::filesystem::path folder; ///< absolute
    std::uint8_t hops = 3;
    std::uint8_t max_hops = 3; ///< 0: this node has no tunnels
};

/// `torrents` must outlive `api`.
void add_torrent_methods(Api& api, TorrentService& torrents, TorrentDefaults defaults);

/// A torrent as clients see it.
[[nodiscard]] Json to_json(const TorrentInfo& torrent);
/// What the user of a torrent should know of how it was taken, from an answer to add or show.
[[nodiscard]] std::vector<std::string> notes_of(const Json& answer);
/// The same text and units as list and show have them: "waiting: ..., for 12.0s" and so on.
[[nodiscard]] std::string torrent_line(const Json& torrent);

} // namespace cepa::main
