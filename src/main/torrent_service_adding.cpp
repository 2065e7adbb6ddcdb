// How torrents come into the service, from the user and from the state folder, and how a whole route's torrents fail.
#include "base/log.hpp"
#include "main/plain_marks.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_service_impl.hpp"
#include "main/torrent_source.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <libtorrent/announce_entry.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <utility>

namespace cepa::main {

namespace lt = libtorrent;

void TorrentService::Impl::add(const AddTorrent& request, IdDone done)
{
    auto params = read_source(request);
    const Answer<void> answer = params ? add_read(std::move(*params), request, done) : std::unexpected(params.error());
    if (!answer) post([done, error = answer.error()] { done(std::unexpected(error)); });
}

/// The mode that the torrent gets, or why it cannot have the one that was asked for.
Answer<void> TorrentService::Impl::check_peer_mode(AddTorrent& request, const Id& id, bool plain_life) const
{
    if (!has_hidden_peers(request.peer_mode)) return {};
    if (request.route.hops < 1 || request.route.hops > kMostHiddenHops)
        return std::unexpected(
            fmt::format("torrent {}: hidden peers need 1 to {} hops, not {}", id, kMostHiddenHops, request.route.hops));
    if (request.peer_mode == PeerMode::hidden && !request.peers.empty())
        return std::unexpected(fmt::format("torrent {}: with hidden peers only, none can be named", id));
    if (!plain_life || request.although_seen) return {};
    if (request.peer_mode_chosen)
        return std::unexpected(
            fmt::format("torrent {}: was used without hops before: who saw this computer in its swarm then can guess who "
                        "its hidden peer is now. To go on all the same: --although-seen",
                        id));
    request.peer_mode = PeerMode::open;
    return {};
}

namespace {

std::string counted(std::size_t n, const char* what)
{
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

/// Where its peers will not come from, though somebody named them or they are the default.
std::vector<std::string> notes_of(const AddTorrent& asked, PeerMode mode, const std::string& id, std::size_t trackers,
                                  std::size_t peers)
{
    std::vector<std::string> notes;
    if (has_hidden_peers(asked.peer_mode) && !has_hidden_peers(mode))
        notes.push_back(fmt::format("torrent {:.10} takes no hidden peers: it was used without hops before, and who saw "
                                    "this computer in its swarm then could guess who its hidden peer is. To take them "
                                    "all the same: --peers both --although-seen (in a running service: first cepa "
                                    "remove {:.10})",
                                    id, id));
    if (!asked.peer_mode_chosen && asked.route.hops > kMostHiddenHops)
        notes.push_back(fmt::format("torrent {:.10} takes no hidden peers: they need 1 to {} hops", id, kMostHiddenHops));
    if (mode == PeerMode::hidden && trackers > 0)
        notes.push_back(fmt::format("hidden peers only: {} of torrent {:.10} {} not asked", counted(trackers, "tracker"),
                                    id, trackers == 1 ? "is" : "are"));
    if (mode == PeerMode::hidden && peers > 0)
        notes.push_back(fmt::format("hidden peers only: {} named by the link of torrent {:.10} {} not connected to",
                                    counted(peers, "peer"), id, peers == 1 ? "is" : "are"));
    return notes;
}

} // namespace

/// Looks for what an earlier life left before the torrent's resume data is written anew.
Answer<void> TorrentService::Impl::add_read(lt::add_torrent_params params, const AddTorrent& request, IdDone done)
{
    const Id id = torrent_id(params.info_hashes);
    bool plain_life = false;
    if (!records_.contains(id)) {
        const std::vector<Id> ids = torrent_ids(params.ti ? params.ti->info_hashes() : params.info_hashes);
        if (const TorrentRecord* twin = has_hidden_peers(request.peer_mode) ? hidden_one_of(ids) : nullptr)
            return std::unexpected(fmt::format("torrent {}: already here as {}; first: cepa remove {:.10}", id,
                                               twin->info.id, twin->info.id));
        if (Answer<void> ready = store_.prepare(); !ready) return ready;
        Answer<std::optional<StoredTorrent>> kept = store_.find(id);
        if (!kept) return std::unexpected(kept.error());
        if (*kept && request.go_on) {
            plain_life = (*kept)->plain_life || (*kept)->route.hops == 0;
            params = continued(std::move(params), std::move(**kept), request);
        }
    }
    return add_parsed(std::move(params), request, plain_life, std::move(done));
}

/// Whether peers can come from anywhere. Of an anonymous torrent's trackers only those on UDP can be reached, until the
/// SOCKS5 listener offers CONNECT; nobody connects to it first.
bool TorrentService::Impl::findable(const lt::add_torrent_params& params, const AddTorrent& request) const
{
    const bool plain = request.route.hops == 0;
    const auto reachable = [&](const std::string& url) { return plain || boost::istarts_with(url, "udp://"); };
    return has_hidden_peers(request.peer_mode) || !request.peers.empty() || !params.peers.empty() || !options_.dht_nodes.empty() ||
           (plain && options_.public_network) || std::ranges::any_of(params.trackers, reachable);
}

bool TorrentService::Impl::has_plain_mark(const lt::info_hash_t& hashes) const
{
    return std::ranges::any_of(torrent_ids(hashes), [marks = PlainMarks(options_.plain_marks)](const Id& id) {
        return marks.has(id);
    });
}

Answer<void> TorrentService::Impl::mark_plain(const lt::info_hash_t& hashes) const
{
    for (const Id& id : torrent_ids(hashes))
        if (Answer<void> marked = PlainMarks(options_.plain_marks).add(id); !marked) return marked;
    return {};
}

/// Fills everything in and hands it to the route's session; `done` is only called when this succeeds.
Answer<void> TorrentService::Impl::add_parsed(lt::add_torrent_params params, AddTorrent request, bool plain_life,
                                              IdDone done)
{
    const TorrentRoute route = TorrentSessions::normal(request.route);
    if (stopping_) return std::unexpected(std::string("torrent: the service is stopping"));
    if (route.hops > options_.max_hops)
        return std::unexpected(
            fmt::format("torrent: {} hops are more than the {} allowed", route.hops, options_.max_hops));
    if (params.ti) params.info_hashes = params.ti->info_hashes();
    const Id id = torrent_id(params.info_hashes);
    if (const auto known = records_.find(id); known != records_.end())
        return add_again(known->second, std::move(params), request, std::move(done));
    const std::vector<Id> ids = torrent_ids(params.info_hashes);
    plain_life = plain_life || route.hops == 0 ||
                 (has_hidden_peers(request.peer_mode) && has_plain_mark(params.info_hashes));
    const AddTorrent asked = request;
    const std::size_t trackers = params.trackers.size() + (params.ti ? params.ti->trackers().size() : 0);
    const std::size_t named_peers = params.peers.size();
    if (Answer<void> possible = check_peer_mode(request, id, plain_life); !possible) return possible;
    if (Answer<void> complete = complete_params(params, request, policy_of(route, request.peer_mode)); !complete)
        return complete;
    const Answer<TorrentSession*> session = sessions_.open(route);
    if (!session) return std::unexpected(session.error());

    if (route.hops == 0)
        if (const Answer<void> marked = mark_plain(params.info_hashes); !marked) return marked;
    TorrentRecord& record = records_[id];
    record.info.id = id;
    record.info.lookup_id = id; // the v1 hash where there is one
    record.info.route = route;
    record.info.name = params.ti ? params.ti->name() : params.name.empty() ? id : params.name;
    record.info.save_path = params.save_path;
    record.paused = request.paused;
    record.info.peer_mode = request.peer_mode;
    record.plain_life = plain_life;
    record.although_seen = request.although_seen;
    record.given_complete = request.seed_mode;
    watch_given_files(record, params.ti.get());
    record.uploaded_before = static_cast<std::uint64_t>(std::max<std::int64_t>(params.total_uploaded, 0));
    record.info.uploaded = record.uploaded_before;
    record.ids = ids;
    record.info.notes = notes_of(asked, request.peer_mode, id, trackers, named_peers);
    record.info.seen_plainly = has_hidden_peers(asked.peer_mode) && !has_hidden_peers(request.peer_mode);
    record.first_peers = request.peers;
    record.info.findable = findable(params, request);
    record.waiting_since = clock_.now();
    record.added.push_back(std::move(done));
    (*session)->add(std::move(params));
    return {};
}

Answer<void> TorrentService::Impl::add_again(TorrentRecord& record, lt::add_torrent_params params,
                                             const AddTorrent& request, IdDone done)
{
    const TorrentInfo& info = record.info;
    if (info.route != TorrentSessions::normal(request.route))
        return std::unexpected(fmt::format(
            "torrent {}: already here with {} hops in group \"{}\"; to change that, first: cepa remove {:.10}", info.id,
            info.route.hops, info.route.group, info.id));
    if (request.peer_mode_chosen && info.peer_mode != request.peer_mode)
        return std::unexpected(
            fmt::format("torrent {}: already here with {} peers; to change that, first: cepa remove {:.10}", info.id,
                        to_string(info.peer_mode), info.id));
    if (info.peer_mode == PeerMode::hidden && !request.peers.empty())
        return std::unexpected(fmt::format("torrent {}: with hidden peers only, none can be named", info.id));
    if (!request.any_folder && !same_folder(info.save_path, request.save_path))
        return std::unexpected(
            fmt::format("torrent {}: already here, in folder {}; to change that, first: cepa remove {:.10}", info.id,
                        info.save_path.string(), info.id));
    if (params.ti && info.bytes_total == 0) {
        clean(params, policy_of(info.route, info.peer_mode));
        record.info.findable = record.info.findable || findable(params, request);
        record.description = std::move(params);
        describe(record);
    }
    for (const Endpoint& peer : request.peers)
        connect_peer(info.id, peer, [](const Answer<void>&) {});
    post([done = std::move(done), id = info.id] { done(id); });
    return {};
}

/// Gives a torrent that came as a magnet link the .torrent that came later, once libtorrent has taken it. Of the
/// description only the info section, as peers would send it: libtorrent checks it against the info hash.
void TorrentService::Impl::describe(TorrentRecord& record)
{
    if (!record.handle.is_valid() || !record.description) return;
    const lt::add_torrent_params given = *std::exchange(record.description, std::nullopt);
    if (!given.ti) return; // the cleaning could not keep it
    for (std::size_t i = 0; i < given.trackers.size(); ++i) {
        lt::announce_entry tracker(given.trackers[i]);
        tracker.tier = static_cast<std::uint8_t>(i < given.tracker_tiers.size() ? given.tracker_tiers[i] : 0);
        record.handle.add_tracker(tracker);
    }
    if (record.handle.set_metadata(given.ti->info_section())) record.unsaved = true;
}

void TorrentService::Impl::on_added(const TorrentRoute& route, const lt::add_torrent_alert& alert)
{
    const auto entry = records_.find(torrent_id(alert.params.info_hashes));
    if (entry == records_.end() || entry->second.info.route != route) { // removed before libtorrent had it
        TorrentSession* session = sessions_.find(route);
        if (session != nullptr && !alert.error) session->remove(alert.handle, false);
        return;
    }
    TorrentRecord& record = entry->second;
    const std::vector<IdDone> waiting = std::exchange(record.added, {});
    const Id id = entry->first;
    Answer<Id> answer = id;
    if (alert.error) {
        answer = std::unexpected(fmt::format("torrent {}: {}", id, alert.error.message()));
        forget(id);
    } else {
        record.handle = alert.handle;
        by_handle_[record.handle] = id;
        record.offered_at = clock_.now();
        for (const Endpoint& peer : record.first_peers)
            record.handle.connect_peer(to_libtorrent(peer));
        describe(record);
        save(record, [](const Answer<void>&) {});
    }
    changed();
    for (const IdDone& done : waiting)
        done(answer);
}

void TorrentService::Impl::load(std::function<void(std::vector<std::string>)> done)
{
    std::vector<std::string> messages;
    if (const Answer<void> ready = store_.prepare(); !ready) messages.push_back(ready.error());
    ResumeStore::Loaded loaded = store_.load();
    std::ranges::move(loaded.messages, std::back_inserter(messages));
    // Of two that are one hidden swarm, the one that ran goes on running.
    std::ranges::stable_partition(loaded.torrents, [](const StoredTorrent& torrent) { return !torrent.paused; });
    for (StoredTorrent& torrent : loaded.torrents) {
        const TorrentRecord* const twin =
            has_hidden_peers(torrent.peer_mode) ? hidden_one_of(torrent_ids(torrent.params.info_hashes)) : nullptr;
        if (twin != nullptr && !std::exchange(torrent.paused, true)) torrent.held = same_as(*twin);
        AddTorrent request;
        request.save_path = torrent.params.save_path;
        request.route = torrent.route;
        request.peer_mode = torrent.peer_mode;
        request.although_seen = true; // it was said when it came
        request.paused = torrent.paused;
        request.seed_mode = static_cast<bool>(torrent.params.flags & lt::torrent_flags::seed_mode);
        request.sequential = static_cast<bool>(torrent.params.flags & lt::torrent_flags::sequential_download);
        if (torrent.plain_life && torrent.route.hops > 0) forget_plain_life(torrent.params);
        const auto report = [](const Answer<Id>& answer) {
            if (!answer) log::warn("torrent not loaded", {log::field("why", Sensitive(answer.error()))});
        };
        if (const auto added = add_parsed(std::move(torrent.params), request, torrent.plain_life, report); !added)
            messages.push_back(fmt::format("torrent {}: {}", torrent.id, added.error()));
        const auto entry = records_.find(torrent.id);
        if (entry == records_.end()) continue;
        TorrentRecord& record = entry->second;
        record.although_seen = torrent.plain_life; // it was said of what was known
        if (torrent.held.empty()) continue;
        record.held = std::move(torrent.held);
        record.info.state = TorrentState::failed;
        record.info.error = record.held;
    }
    post([done = std::move(done), messages = std::move(messages)] { done(messages); });
}

void TorrentService::Impl::fail_all_of(const TorrentRoute& route, const std::string& why)
{
    for (auto& [id, record] : records_) {
        if (record.info.route != route) continue;
        by_handle_.erase(record.handle);
        record.handle = {};
        record.info.state = TorrentState::failed;
        record.info.error = "stopped to protect its anonymity: " + why;
        for (const IdDone& done : std::exchange(record.added, {}))
            done(std::unexpected(record.info.error));
        for (const Done& done : std::exchange(record.saved, {}))
            done(std::unexpected(record.info.error));
    }
    if (hooks_.on_guard) hooks_.on_guard(route, why);
}

} // namespace cepa::main
