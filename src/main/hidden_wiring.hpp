// Joins the hidden swarms to what stands around them in a running node. No logic. Process: main, io thread.
#pragma once

#include "main/hidden_swarms.hpp"
#include "main/proxies.hpp"
#include "main/torrent_service.hpp"

#include <memory>

namespace cepa::main {

/// All of it must outlive the result. `equal_prefixes`: see HiddenSwarmsHooks.
[[nodiscard]] std::unique_ptr<HiddenSwarms> join_hidden_swarms(proto::TunnelService& service, Routing& routing,
                                                               Proxies& proxies, TorrentService& torrents,
                                                               bool equal_prefixes);

} // namespace cepa::main
