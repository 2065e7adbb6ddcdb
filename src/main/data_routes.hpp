// Which routes need circuits that end at an exit. Hidden peers are looked for and linked over circuits of the tunnels'
// own (docs/protocol.md, section 36), so a route whose torrents have no other peers needs none. Process: main, io
// thread.
#pragma once

#include "main/torrent_types.hpp"

#include <set>
#include <vector>

namespace cepa::main {

/// Those with torrents, all of which have hidden peers only.
[[nodiscard]] std::set<TorrentRoute> routes_without_data(const std::vector<TorrentInfo>& torrents);

} // namespace cepa::main
