#include "main/hidden_swarms.hpp"

#include "base/log.hpp"
#include "main/hidden_waiting.hpp"
#include "main/node_identity.hpp" // wipe
#include "main/swarm_split.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <set>
#include <utility>

namespace cepa::main {

std::string lookup_hash_of(const std::string& id)
{
    const std::string text = "tribler anonymous download" + id;
    std::string out(proto::kLookupHashSize, '\0');
    if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, EVP_sha1(),
                   nullptr) != 1)
        std::abort(); // OpenSSL without SHA-1: libtorrent would not have come this far
    return out;
}

HiddenSwarms::HiddenSwarms(proto::TunnelService& service, HiddenSwarmsHooks hooks, const Clock& clock)
    : service_(service), hooks_(std::move(hooks)), clock_(clock)
{
}

namespace {

const std::string& lookup_id_of(const TorrentInfo& torrent)
{
    return torrent.lookup_id.empty() ? torrent.id : torrent.lookup_id;
}

} // namespace

void HiddenSwarms::take_in(const TorrentInfo& torrent)
{
    const std::string hash = lookup_hash_of(lookup_id_of(torrent));
    Swarm& swarm = swarms_[hash];
    swarm.torrent = torrent;
    const bool idle = torrent.state == TorrentState::paused || torrent.state == TorrentState::failed ||
                      torrent.state == TorrentState::checking;
    swarm.seed = !idle && torrent.complete;
    swarm.download = !idle && !torrent.complete;
    swarm.seed_key.use(swarm.seed && swarm.served, clock_.now());
    const proto::SwarmInfo& seen = told_of(hash);
    swarm.seed_key.see(seen.introduction_points(), seen.refused(), service_.snapshot().discovery.peers() > 0,
                       clock_.now());
    note_findable(swarm, seen.introduction_points() > 0);
}

void HiddenSwarms::note_findable(Swarm& swarm, bool findable)
{
    if (!swarm.seed) swarm.was_findable = false;
    if (!swarm.seed || findable)
        swarm.unfindable_since.reset();
    else if (!swarm.unfindable_since)
        swarm.unfindable_since = clock_.now();
    if (swarm.seed && findable) swarm.was_findable = true;
}

const proto::SwarmInfo& HiddenSwarms::told_of(const std::string& lookup_hash) const
{
    const auto& swarms = service_.snapshot().swarms;
    const auto told = swarms.find(lookup_hash);
    return told == swarms.end() ? proto::SwarmInfo::default_instance() : told->second;
}

// Whoever was the swarm first stays it: a second one's route must not take its links over.
bool HiddenSwarms::is_of_another(const std::string& hash, const TorrentInfo& torrent,
                                 const std::vector<TorrentInfo>& torrents) const
{
    const auto swarm = swarms_.find(hash);
    if (swarm == swarms_.end() || swarm->second.torrent.id == torrent.id) return false;
    return std::ranges::any_of(torrents, [&](const TorrentInfo& other) {
        return other.id == swarm->second.torrent.id && has_hidden_peers(other.peer_mode) &&
               lookup_id_of(other) == lookup_id_of(torrent);
    });
}

void HiddenSwarms::update(const std::vector<TorrentInfo>& torrents)
{
    std::set<std::string> here;
    for (const TorrentInfo& torrent : torrents) {
        if (!has_hidden_peers(torrent.peer_mode)) continue;
        const std::string hash = lookup_hash_of(lookup_id_of(torrent));
        if (is_of_another(hash, torrent, torrents)) continue;
        here.insert(hash);
        take_in(torrent);
    }
    for (auto entry = swarms_.begin(); entry != swarms_.end();) {
        entry =
            here.contains(entry->first) ? std::next(entry) : swarms_.erase(entry); // gone, or under another name now
    }
    choose_served();
    tell();
    tell_payloads();
    wake_routes();
    say_waiting();
}

/// Who has a place keeps it: which of too many come first must not depend on their hashes.
void HiddenSwarms::choose_served()
{
    std::size_t places = proto::kMaxSwarms;
    for (auto& [hash, swarm] : swarms_) {
        swarm.served = swarm.served && (swarm.seed || swarm.download);
        if (swarm.served) --places;
    }
    for (auto& [hash, swarm] : swarms_) {
        if (swarm.served || !(swarm.seed || swarm.download)) continue;
        swarm.served = places > 0;
        if (swarm.served) --places;
        swarm.seed_key.use(swarm.seed && swarm.served, clock_.now());
    }
}

void HiddenSwarms::wake_routes()
{
    for (const auto& [hash, swarm] : swarms_) {
        const TorrentRoute& route = swarm.torrent.route;
        if (keeps_awake(route) ? !awake_.insert(route).second : awake_.erase(route) != 0) continue;
        if (awake_.contains(route)) hooks_.usable(route);
    }
}

std::vector<proto::SwarmRequest> HiddenSwarms::requests() const
{
    std::vector<proto::SwarmRequest> out;
    out.reserve(swarms_.size()); // a vector that grew would leave keys behind
    for (const auto& [hash, swarm] : swarms_) {
        if (!swarm.served) continue;
        const Route route = hooks_.route_of(swarm.torrent.route);
        out.push_back({hash, route.hops, route.group, swarm.download, swarm.seed ? swarm.seed_key.value() : ""});
    }
    return out;
}

void HiddenSwarms::tell()
{
    std::vector<proto::SwarmRequest> wanted = requests();
    std::vector<std::string> now;
    std::vector<std::string> hashes;
    for (const proto::SwarmRequest& swarm : wanted) {
        const unsigned key = swarms_.at(swarm.lookup_hash).seed_key.number();
        now.push_back(fmt::format("{}{}{}", swarm.lookup_hash, swarm.download ? "d" : "s", swarm.download ? 0 : key));
        hashes.push_back(swarm.lookup_hash);
    }
    if (now != told_) {
        service_.set_swarms(wanted);
        service_.monitor(hashes);
        told_ = std::move(now);
    }
    for (proto::SwarmRequest& swarm : wanted)
        wipe(swarm.seed_key);
}

// The tunnels see cells, and anybody can fill those. What links are worth is what libtorrent makes of them.
void HiddenSwarms::tell_payloads()
{
    std::vector<proto::LinkPayload> changed;
    for (auto& [circuit, link] : links_) {
        const std::uint64_t total = payload_of(link);
        link.payload_from = std::min(link.payload_from, total); // what came before was taken back, or is counted anew
        const std::uint64_t now = total - link.payload_from;
        if (now == link.payload_told) continue;
        link.payload_told = now;
        changed.push_back({circuit, now});
    }
    if (!changed.empty()) service_.set_payloads(changed);
}

std::uint64_t HiddenSwarms::payload_of(const Link& link) const
{
    return hooks_.payload ? hooks_.payload(link.id, link.peer, link.seeder) : 0;
}

// ---- links

void HiddenSwarms::on_link(CircuitId circuit, const proto::HiddenLink& link)
{
    const auto swarm = swarms_.find(link.lookup_hash());
    const bool seeder = !link.seeder_key().empty();
    const auto peer = swarm == swarms_.end() ? std::nullopt
                      : seeder               ? peers_.of_seeder(link.lookup_hash(), link.seeder_key())
                                             : peers_.of_link(circuit);
    if (!peer) return service_.close_circuit(circuit);
    const TorrentInfo& torrent = swarm->second.torrent;
    log::debug("hidden link", {log::field("circuit", circuit.value), log::field("to", seeder ? "a seeder" : "us")});
    ++swarm->second.linked_ever;
    Link& made = links_[circuit] = {torrent.id, torrent.route, *peer, seeder};
    made.payload_from = payload_of(made);
    hooks_.add_circuit(hooks_.route_of(torrent.route), circuit, *peer);
    wake_routes(); // before the peer is tried: the session may be asleep
    hooks_.linked(torrent.id, *peer, seeder);
    say_waiting();
}

void HiddenSwarms::on_gone(CircuitId circuit, const Endpoint& peer)
{
    const auto found = links_.find(circuit);
    if (found == links_.end()) return;
    const std::string id = found->second.id;
    links_.erase(found);
    peers_.release(peer);
    // Two may lead to one seeder while a link is made anew.
    if (std::ranges::any_of(links_, [&](const auto& entry) { return entry.second.peer == peer; })) return;
    hooks_.lost(id, peer);
    say_waiting();
}

bool HiddenSwarms::has_links(const TorrentRoute& route) const
{
    return std::ranges::any_of(links_, [&](const auto& entry) { return entry.second.route == route; });
}

bool HiddenSwarms::keeps_awake(const TorrentRoute& route) const
{
    return has_links(route) || std::ranges::any_of(swarms_, [&](const auto& entry) {
               const Swarm& swarm = entry.second;
               const bool only = swarm.torrent.peer_mode == PeerMode::hidden;
               return swarm.torrent.route == route && (swarm.seed || (swarm.download && only));
           });
}

std::uint32_t HiddenSwarms::links_of(const std::string& id) const
{
    return static_cast<std::uint32_t>(
        std::ranges::count_if(links_, [&](const auto& entry) { return entry.second.id == id; }));
}

// ---- what is said

void HiddenSwarms::on_seen(const std::string& lookup_hash)
{
    const auto swarm = swarms_.find(lookup_hash);
    if (swarm != swarms_.end()) ++swarm->second.seen;
}

std::string HiddenSwarms::waiting_of(const std::string& lookup_hash, const Swarm& swarm) const
{
    if (!swarm.served && (swarm.download || swarm.seed))
        return fmt::format("a place among the {} hidden swarms that are served at a time", proto::kMaxSwarms);
    if (!swarm.download && !swarm.seed) return {};
    const Route route = hooks_.route_of(swarm.torrent.route);
    const HiddenOutlook outlook{told_of(lookup_hash), service_.snapshot().discovery, swarm.torrent.route.hops,
                                hooks_.equal_prefixes, can_search(route), swarm.was_findable};
    return swarm.download ? download_wait(outlook) : findable_wait(outlook);
}

bool HiddenSwarms::can_search(const Route& route) const
{
    return std::ranges::any_of(service_.snapshot().circuits, [&](const auto& entry) {
        const proto::CircuitInfo& circuit = entry.second;
        return circuit.purpose() == proto::PURPOSE_LOOKUP && circuit.state() == proto::CIRCUIT_READY &&
               circuit.group() == route.group.value && circuit.wanted_hops() == route.hops;
    });
}

void HiddenSwarms::say_waiting()
{
    for (const auto& [hash, swarm] : swarms_)
        hooks_.waiting(swarm.torrent.id, waiting_of(hash, swarm));
}

std::vector<HiddenSwarmStatus> HiddenSwarms::status() const
{
    std::vector<HiddenSwarmStatus> out;
    for (const auto& [hash, swarm] : swarms_) {
        HiddenSwarmStatus& status = out.emplace_back();
        status.id = swarm.torrent.id;
        status.name = swarm.torrent.name;
        status.lookup_hash = hash;
        status.route = swarm.torrent.route;
        status.download = swarm.download;
        status.seed = swarm.seed;
        status.served = swarm.served;
        status.state = swarm.torrent.state;
        status.waiting_for = waiting_of(hash, swarm);
        status.was_findable = swarm.was_findable;
        if (swarm.unfindable_since) status.unfindable = clock_.now() - *swarm.unfindable_since;
        status.seen = swarm.seen;
        if (swarm.seed) status.introduction_points = SwarmSplit::introduction_points(service_.info().workers);
        status.tunnels = told_of(hash);
        status.tunnels.set_links(links_of(status.id));
        status.tunnels.set_linked_ever(swarm.linked_ever);
        status.estimated_size =
            swarm.seed ? 1 + status.tunnels.links() : std::max(status.tunnels.seeders_found(), status.tunnels.links());
    }
    return out;
}

} // namespace cepa::main
