// Takes out of a torrent what could betray its user or stop it: host names that the system's resolver would look up,
// trackers of other networks, web seeds, addresses inside private networks. Everything a torrent is added from goes
// through here: .torrent files, magnet links and resume data. Process: main; pure functions.
#pragma once

#include "main/torrent_types.hpp"

#include <libtorrent/add_torrent_params.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cepa::main {

struct CleaningPolicy {
    bool anonymous = true; ///< hops >= 1: everything below; plain torrents keep trackers and web seeds as they are
    bool private_network = false; ///< peers and trackers on loopback and private addresses are what we want
    bool hidden_only = false;     ///< hidden peers only: no trackers and no addresses at all
};

/// A .torrent file as bytes -> parameters to add, not cleaned yet but for what cannot be taken out later: the info is
/// rebuilt from its "info" and "piece layers" alone, so no top-level "nodes" is left for libtorrent to look up.
[[nodiscard]] Answer<libtorrent::add_torrent_params> parse_torrent_file(ByteSpan content);

/// A magnet link, likewise.
[[nodiscard]] Answer<libtorrent::add_torrent_params> parse_magnet(std::string_view link);

/// What is left may be added to a session of that kind.
void clean(libtorrent::add_torrent_params& params, const CleaningPolicy& policy);

/// The torrent has been in a plain session: its peers, bans and tracker state would link the two lives.
void forget_plain_life(libtorrent::add_torrent_params& params);

/// Whether an anonymous torrent may announce to this URL: http, https or udp, not .i2p, no address literal from inside
/// a private network (unless it is one).
[[nodiscard]] bool tracker_allowed(std::string_view url, bool private_network);

/// The id that TorrentInfo uses: v1 info hash in hex, or the truncated v2 one.
[[nodiscard]] std::string torrent_id(const libtorrent::info_hash_t& hashes);

/// All that a torrent may be called: a hybrid one has two ids, and a magnet link may name either.
[[nodiscard]] std::vector<std::string> torrent_ids(const libtorrent::info_hash_t& hashes);

} // namespace cepa::main
