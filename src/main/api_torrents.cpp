#include "main/api_torrents.hpp"

#include "main/quantity.hpp"

#include <fmt/format.h>

#include <set>

namespace cepa::main {
namespace {

constexpr std::size_t kMostPeers = 256;

std::vector<Endpoint> endpoints(const Json& params)
{
    std::vector<Endpoint> out;
    for (const std::string& text : texts_param(params, "peers", kMostPeers)) {
        const auto endpoint = Endpoint::parse(text);
        if (!endpoint || endpoint->port == 0)
            throw ApiError{fmt::format("parameter peers: {}: expected ADDRESS:PORT", text), true};
        out.push_back(*endpoint);
    }
    return out;
}

void take_peer_mode(AddTorrent& request, const Json& params)
{
    const std::string given = text_param(params, "peer_mode", "");
    const auto mode = given.empty() ? default_peer_mode(request.route.hops) : parse_peer_mode(given);
    if (!mode) throw ApiError{fmt::format("parameter peer_mode: {}: expected public, hidden or both", given), true};
    request.peer_mode = *mode;
    request.peer_mode_chosen = !given.empty();
    request.although_seen = flag_param(params, "although_seen", false);
}

AddTorrent add_request(const Json& params, const TorrentDefaults& defaults)
{
    AddTorrent request;
    request.source = text_param(params, "source");
    request.save_path = text_param(params, "folder", defaults.folder.string());
    if (!request.save_path.is_absolute()) throw ApiError{"parameter folder: expected an absolute path", true};
    request.any_folder = !params.contains("folder");
    request.route.hops = static_cast<unsigned>(number_param(params, "hops", 0, 5, defaults.hops));
    if (request.route.hops > defaults.max_hops)
        throw ApiError{defaults.max_hops == 0 ? "this node has no tunnels: only hops 0 (plain) is possible"
                                              : fmt::format("parameter hops: at most {} here", defaults.max_hops),
                       true};
    request.route.group = text_param(params, "group", request.route.group);
    take_peer_mode(request, params);
    request.seed_mode = flag_param(params, "seed", false);
    request.paused = flag_param(params, "paused", false);
    request.sequential = flag_param(params, "sequential", false);
    request.peers = endpoints(params);
    return request;
}

TorrentService::Done respond_done(Api::Respond respond)
{
    return [respond = std::move(respond)](Answer<void> answer) {
        if (answer)
            respond(Json::object());
        else
            respond(std::unexpected(ApiError{answer.error()}));
    };
}

void list(const TorrentService& torrents, const Api::Respond& respond)
{
    Json out = Json::array();
    for (const TorrentInfo& torrent : torrents.list())
        out.push_back(to_json(torrent));
    respond(Json{{"torrents", std::move(out)}});
}

void show(TorrentService& torrents, const std::string& id, const Api::Respond& respond)
{
    torrents.update(); // who asks again and again measures: the next answer is of now
    const auto torrent = torrents.show(id);
    if (!torrent)
        return respond(std::unexpected(ApiError{fmt::format("no torrent {}, or more than one begins so", id)}));
    respond(Json{{"torrent", to_json(*torrent)}});
}

/// Every remote address that any torrent was connected to, when the setting has them remembered.
void peers_seen(const TorrentService& torrents, const Api::Respond& respond)
{
    std::set<std::string> seen;
    for (const IpAddress& ip : torrents.peers_seen())
        seen.insert(ip.to_string());
    respond(Json{{"addresses", seen}});
}

} // namespace

Json to_json(const TorrentInfo& t)
{
    Json out{{"id", t.id},
             {"name", t.name},
             {"hops", t.route.hops},
             {"group", t.route.group},
             {"peer_mode", to_string(t.peer_mode)},
             {"state", to_string(t.state)},
             {"complete", t.complete},
             {"progress", t.progress},
             {"bytes_done", t.bytes_done},
             {"bytes_total", t.bytes_total},
             {"downloaded", t.downloaded},
             {"uploaded", t.uploaded},
             {"wasted", t.wasted},
             {"download_bytes_per_s", t.download_bytes_per_s},
             {"upload_bytes_per_s", t.upload_bytes_per_s},
             {"peers", t.peers},
             {"seeds", t.seeds},
             {"ratio", t.ratio},
             {"pieces_done", t.pieces_done},
             {"pieces", t.pieces},
             {"piece_bytes", t.piece_bytes},
             {"error", t.error},
             {"folder", t.save_path.string()},
             {"waiting_for", t.waiting_for},
             {"waiting_s", in_seconds(t.waiting)},
             {"notes", t.notes}};
    out["eta_s"] = t.eta ? Json(t.eta->count()) : Json();
    return out;
}

namespace {

/// "plain", "3 hops", "2 hops, hidden peers".
std::string path_text(const Json& t)
{
    const int hops = t.value("hops", 0);
    if (hops == 0) return "plain";
    const std::string mode = t.value("peer_mode", "");
    return fmt::format("{} hop{}{}", hops, hops == 1 ? "" : "s",
                       mode == "hidden" ? ", hidden peers"
                       : mode == "both" ? ", hidden and public peers"
                                        : "");
}

} // namespace

std::vector<std::string> notes_of(const Json& answer)
{
    const auto notes = answer.find("notes");
    if (notes == answer.end() || !notes->is_array()) return {};
    std::vector<std::string> out;
    for (const Json& note : *notes)
        if (note.is_string()) out.push_back(note.get<std::string>());
    return out;
}

std::string torrent_line(const Json& t)
{
    const std::string name = t.value("name", "");
    std::string out = fmt::format("{:.10}  {:>5.1f} %  {:>10}  {}", t.value("id", ""), 100.0 * t.value("progress", 0.0),
                                  t.value("state", ""), name.empty() ? "(name not known yet)" : name);
    out += "  " + path_text(t);
    // libtorrent's rate is a mean that outlives the download.
    if (t.value("download_bytes_per_s", std::uint64_t{0}) > 0 && !t.value("complete", false))
        out += "  down " + format_rate(t.value("download_bytes_per_s", 0.0));
    if (t.value("upload_bytes_per_s", std::uint64_t{0}) > 0)
        out += "  up " + format_rate(t.value("upload_bytes_per_s", 0.0));
    if (const std::string error = t.value("error", ""); !error.empty()) out += "  error: " + error;
    if (const std::string what = t.value("waiting_for", ""); !what.empty()) {
        const std::chrono::duration<double> waited(t.value("waiting_s", 0.0));
        out += fmt::format("  waits {} for: {}", format_duration(std::chrono::duration_cast<Duration>(waited)), what);
    }
    return out;
}

void add_torrent_methods(Api& api, TorrentService& torrents, TorrentDefaults defaults)
{
    api.add("add", [&torrents, defaults = std::move(defaults)](const Json& params, Api::Respond respond) {
        const auto answer = [&torrents, respond = std::move(respond)](const Answer<std::string>& id) {
            if (!id) return respond(std::unexpected(ApiError{id.error()}));
            const auto added = torrents.show(*id);
            respond(Json{{"id", *id}, {"notes", added ? added->notes : std::vector<std::string>{}}});
        };
        torrents.add(add_request(params, defaults), answer);
    });
    api.add("list", [&torrents](const Json&, Api::Respond respond) { list(torrents, respond); });
    api.add("show", [&torrents](const Json& params, Api::Respond respond) {
        show(torrents, text_param(params, "id"), respond);
    });
    api.add("pause", [&torrents](const Json& params, Api::Respond respond) {
        torrents.pause(text_param(params, "id"), respond_done(std::move(respond)));
    });
    api.add("resume", [&torrents](const Json& params, Api::Respond respond) {
        torrents.resume(text_param(params, "id"), respond_done(std::move(respond)));
    });
    api.add("remove", [&torrents](const Json& params, Api::Respond respond) {
        torrents.remove(text_param(params, "id"), flag_param(params, "delete_files", false),
                        respond_done(std::move(respond)));
    });
    api.add("peers-seen", [&torrents](const Json&, Api::Respond respond) { peers_seen(torrents, respond); });
}

} // namespace cepa::main
