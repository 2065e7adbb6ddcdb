#include "main/api_node.hpp"

#include "main/api_torrents.hpp"
#include "main/node_settings.hpp"
#include "main/waiting.hpp"
#include "main/worker_pool_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unistd.h>

namespace cepa::main {
namespace {

std::string hex(const std::string& bytes)
{
    std::string out;
    for (const char c : bytes)
        out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

Json route_json(const RouteStatus& route, const NodeView& view)
{
    const proto::DiscoveryInfo& discovery = view.tunnels->snapshot().discovery;
    // Above the wish: they carry what they have until they are replaced or the route is let go.
    const std::uint32_t closing = route.ready > route.wanted ? route.ready - route.wanted : 0;
    return {{"hops", route.route.hops},
            {"group", view.group_name ? view.group_name(route) : ""},
            {"wanted", route.wanted},
            {"ready", route.ready},
            {"closing", closing},
            {"building", route.building},
            {"built", route.built},
            {"failed", route.failed},
            {"last_error", route.last_error},
            {"in_state_s", in_seconds(route.in_state)},
            {"flows", route.flows},
            // One that nobody uses any more lingers, and waits for nothing.
            {"waiting_for",
             route.wanted == 0 ? "" : waiting_text(route, discovery, view.settings.allow_equal_prefixes)}};
}

Json network_json(const NodeView& view)
{
    const Settings& s = view.settings;
    Json out{{"join", s.join == Join::public_network ? "public" : "private"},
             {"overlay", overlay_hex(s.effective_overlay())}};
    if (view.tunnels == nullptr) return out;
    const proto::DiscoveryInfo& d = view.tunnels->snapshot().discovery;
    const Endpoint wan = endpoint_of(d.wan());
    out.update({{"listen", view.tunnels->info().listen.to_string()},
                {"peers", d.peers()},
                {"relays", d.relays()},
                {"exits", d.exits()},
                {"distinct_prefixes", d.distinct_prefixes()},
                {"wan", wan.is_null() ? "" : wan.to_string()},
                {"bootstrapping", d.bootstrapping()},
                {"dht_nodes", d.dht_nodes()},
                {"dht_values", d.dht_values()},
                {"introductions", d.introductions()},
                {"says", network_text(d)},
                {"reach", reach_text(d, s.relay.enabled || s.exit.enabled)}});
    return out;
}

Json roles_json(const NodeView& view)
{
    const Settings& s = view.settings;
    return {{"relay", s.relay.enabled || s.exit.enabled},
            {"exit", s.exit.enabled},
            {"relay_rate", s.relay.rate_bytes_per_s},
            {"exit_rate", s.exit.rate_bytes_per_s},
            {"month_cap", s.month_bytes},
            {"month_bytes", view.month_bytes ? view.month_bytes() : 0}};
}

Json workers_json(const NodeView& view)
{
    Json list = Json::array();
    if (view.tunnels == nullptr)
        return {{"count", 0}, {"draining", 0}, {"steering", "none"}, {"restarts", 0}, {"workers", list}};
    const proto::ServiceInfo info = view.tunnels->info();
    std::uint32_t draining = 0;
    for (const auto& [id, worker] : view.tunnels->snapshot().workers) {
        const bool drains = info.workers > 0 && id >= info.workers; // stopped ones are the highest
        draining += drains ? 1 : 0;
        list.push_back(to_json(worker));
        list.back().update({{"worker", id}, {"state", drains ? "draining" : "running"}});
    }
    return {{"count", info.workers},
            {"draining", draining},
            {"drain_limit_s", in_seconds(WorkerPoolConfig{}.drain_limit)},
            {"steering", info.steering},
            {"restarts", info.restarts},
            {"workers", std::move(list)}};
}

Json sessions_json(const NodeView& view)
{
    Json out = Json::array();
    for (const TorrentSessionInfo& s : view.sessions())
        out.push_back({{"hops", s.route.hops},
                       {"group", s.route.group},
                       {"proxy_port", s.proxy_port},
                       {"listen", s.listen},
                       {"listen_error", s.listen_error},
                       {"ready", s.ready},
                       {"waiting_for", s.waiting_for},
                       {"stopped_by_guard", s.stopped_by_guard}});
    return out;
}

Json status_json(const NodeView& view)
{
    Json out{{"version", CEPA_VERSION},
             {"command", view.command},
             {"pid", ::getpid()},
             {"uptime_s", in_seconds(view.clock.now() - view.started)},
             {"network", network_json(view)},
             {"roles", roles_json(view)},
             {"pool", workers_json(view)}};
    if (view.containment) {
        const ContainmentStatus containment = view.containment();
        out["containment"] = {{"on", containment.on}, {"why_off", containment.why_off}};
    }
    if (view.routes && view.tunnels != nullptr) {
        out["routes"] = Json::array();
        for (const RouteStatus& route : view.routes())
            out["routes"].push_back(route_json(route, view));
    }
    if (view.sessions) out["sessions"] = sessions_json(view);
    if (view.torrents) {
        out["torrents"] = Json::array();
        for (const TorrentInfo& torrent : view.torrents())
            out["torrents"].push_back(to_json(torrent));
    }
    if (view.proxy_stats) out["socks5"] = view.proxy_stats();
    if (view.buffer_hint) out["hint"] = view.buffer_hint();
    return out;
}

Json circuits_json(const NodeView& view)
{
    Json circuits = Json::array();
    Json relays = Json::array();
    Json exits = Json::array();
    if (view.tunnels != nullptr) {
        const proto::TunnelSnapshot& snapshot = view.tunnels->snapshot();
        for (const auto& [id, circuit] : snapshot.circuits)
            circuits.push_back(to_json(circuit));
        for (const auto& [id, relay] : snapshot.relays)
            relays.push_back({{"id", relay.circuit_id()},
                              {"worker", relay.worker_id()},
                              {"next_id", relay.next_circuit_id()},
                              {"bytes_forward", relay.bytes_forward()},
                              {"bytes_backward", relay.bytes_backward()},
                              {"age_s", static_cast<double>(relay.age_ms()) / 1e3}});
        for (const auto& [id, exit] : snapshot.exits)
            exits.push_back({{"id", exit.circuit_id()},
                             {"worker", exit.worker_id()},
                             {"open", exit.open()},
                             {"bytes_out", exit.bytes_out()},
                             {"bytes_in", exit.bytes_in()},
                             {"destinations", exit.destinations()},
                             {"age_s", static_cast<double>(exit.age_ms()) / 1e3}});
    }
    return {{"circuits", std::move(circuits)}, {"relays", std::move(relays)}, {"exits", std::move(exits)}};
}

void set_workers(const NodeView& view, const Json& params, const Api::Respond& respond)
{
    const auto count = static_cast<std::uint32_t>(number_param(params, "count", 1, 64, 0));
    if (count == 0) throw ApiError{"parameter count: expected a whole number from 1 to 64", true};
    if (view.tunnels == nullptr) return respond(std::unexpected(ApiError{"this node has no tunnels"}));
    const auto set = view.tunnels->set_workers(count);
    if (set) return respond(workers_json(view));
    const std::uint32_t most = effective_max_workers(view.settings);
    const std::string why = view.tunnels->info().workers == 0 ? "this node runs without worker processes (--workers 0)"
                            : count > most                    ? fmt::format("at most {} here (workers.max)", most)
                                                              : set.error().message();
    respond(std::unexpected(ApiError{fmt::format("workers {}: {}", count, why)}));
}

} // namespace

Json to_json(const proto::CircuitInfo& circuit)
{
    static constexpr const char* kStates[] = {"extending", "ready", "closing"};
    static constexpr const char* kPurposes[] = {"data", "lookup", "introduction", "rendezvous"};
    Json hops = Json::array();
    for (const proto::HopInfo& hop : circuit.hops()) {
        const Endpoint address = endpoint_of(hop.address());
        hops.push_back({{"mid", hex(hop.mid())},
                        {"address", address.is_null() ? "" : address.to_string()},
                        {"flags", hop.flags()}});
    }
    return {{"id", circuit.circuit_id()},
            {"worker", circuit.worker_id()},
            {"group", circuit.group()},
            {"wanted_hops", circuit.wanted_hops()},
            {"state", kStates[std::min<unsigned>(static_cast<unsigned>(circuit.state()), 2)]},
            {"purpose", kPurposes[std::min<unsigned>(static_cast<unsigned>(circuit.purpose()), 3)]},
            {"hops", std::move(hops)},
            {"bytes_up", circuit.bytes_up()},
            {"bytes_down", circuit.bytes_down()},
            {"age_s", static_cast<double>(circuit.age_ms()) / 1e3},
            {"round_trip_ms", static_cast<double>(circuit.round_trip_us()) / 1e3}};
}

Json to_json(const proto::WorkerInfo& w)
{
    Json drops = Json::object();
    for (const auto& [reason, count] : w.drops())
        drops[reason] = count;
    return {{"worker", w.worker_id()},
            {"pid", w.pid()},
            {"cpu_s", static_cast<double>(w.cpu_us()) / 1e6},
            {"cells_in", w.cells_in()},
            {"cells_out", w.cells_out()},
            {"udp_bytes_in", w.udp_bytes_in()},
            {"udp_bytes_out", w.udp_bytes_out()},
            {"bytes_up", w.data_bytes_up()},
            {"bytes_down", w.data_bytes_down()},
            {"relayed_bytes", w.relayed_bytes()},
            {"exited_bytes", w.exited_bytes()},
            {"handed_over", w.handed_over()},
            {"pipe_drops", w.pipe_drops()},
            {"drops", std::move(drops)}};
}

void add_node_methods(Api& api, NodeView view)
{
    const auto shared = std::make_shared<const NodeView>(std::move(view)); // shared by the handlers below
    api.add("status", [shared](const Json&, Api::Respond respond) { respond(status_json(*shared)); });
    api.add("circuits", [shared](const Json&, Api::Respond respond) { respond(circuits_json(*shared)); });
    api.add("workers", [shared](const Json&, Api::Respond respond) { respond(workers_json(*shared)); });
    api.add("set-workers",
            [shared](const Json& params, Api::Respond respond) { set_workers(*shared, params, respond); });
    api.add("stop", [shared](const Json&, Api::Respond respond) {
        respond(Json::object());
        shared->stop();
    });
}

} // namespace cepa::main
