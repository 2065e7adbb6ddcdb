// The requests about the node itself: status, circuits, workers, set-workers, stop. Process: main, io thread.
#pragma once

#include "base/clock.hpp"
#include "main/api.hpp"
#include "main/containment.hpp"
#include "main/route_status.hpp"
#include "main/settings.hpp"
#include "main/torrent_types.hpp"
#include "proto/tunnel_service.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cepa::main {

/// What the handlers look at. Functions, because parts of a node come and go; empty ones mean "not in this node".
struct NodeView {
    const Settings& settings;
    std::string command;
    const Clock& clock;
    TimePoint started{};
    proto::TunnelService* tunnels = nullptr; ///< nullptr: none
    std::function<std::vector<RouteStatus>()> routes = {};
    std::function<std::string(const RouteStatus&)> group_name = {};
    std::function<std::vector<TorrentInfo>()> torrents = {};
    std::function<std::vector<TorrentSessionInfo>()> sessions = {};
    std::function<ContainmentStatus()> containment = {};
    std::function<std::uint64_t()> month_bytes = {};
    std::function<Json()> proxy_stats = {};
    std::function<std::string()> buffer_hint = {};
    std::function<void()> stop = {};
};

/// What `view` refers to must outlive `api`.
void add_node_methods(Api& api, NodeView view);

[[nodiscard]] Json to_json(const proto::CircuitInfo& circuit);
[[nodiscard]] Json to_json(const proto::WorkerInfo& worker);

} // namespace cepa::main
