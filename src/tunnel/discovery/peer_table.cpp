#include "tunnel/discovery/peer_table.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

/// Exits and relays may push each other out of a full table only down to this many.
constexpr std::size_t kKeptPerRole = 10;

} // namespace

Peer* PeerTable::find_mutable(const PublicKey& key) noexcept
{
    const auto it = std::ranges::find(peers_, key, &Peer::key);
    return it == peers_.end() ? nullptr : &*it;
}

const Peer* PeerTable::find(const PublicKey& key) const noexcept
{
    const auto it = std::ranges::find(peers_, key, &Peer::key);
    return it == peers_.end() ? nullptr : &*it;
}

const Peer* PeerTable::at(const Endpoint& address) const noexcept
{
    const auto it = by_address_.find(address);
    return it == by_address_.end() ? nullptr : &peers_[it->second];
}

std::size_t PeerTable::proven() const noexcept
{
    return static_cast<std::size_t>(std::ranges::count(peers_, PeerProof::answered, &Peer::proof));
}

std::size_t PeerTable::count(PeerRole role) const noexcept
{
    return static_cast<std::size_t>(
        std::ranges::count_if(peers_, [role](const Peer& p) { return role_of(p.flags) == role; }));
}

bool PeerTable::take_changed() noexcept
{
    return std::exchange(changed_, false);
}

void PeerTable::index()
{
    changed_ = true;
    by_address_.clear();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const auto [it, fresh] = by_address_.try_emplace(peers_[i].address, i);
        if (!fresh && peers_[i].proof == PeerProof::answered) it->second = i;
    }
}

bool PeerTable::is_pinned(const PublicKey& key) const noexcept
{
    return std::ranges::find(pinned_, key) != pinned_.end();
}

bool PeerTable::prefix_has_room(const Endpoint& address, const PublicKey& except) const noexcept
{
    if (equal_prefixes_ || is_pinned(except)) return true;
    const IpAddress prefix = address.ip.diversity_prefix();
    const auto same = [&](const Peer& p) { return p.key != except && p.address.ip.diversity_prefix() == prefix; };
    return static_cast<std::size_t>(std::ranges::count_if(peers_, same)) < kMaxPeersPerPrefix;
}

std::optional<std::size_t> PeerTable::oldest(auto&& fits) const
{
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < peers_.size(); ++i)
        if (!is_pinned(peers_[i].key) && fits(peers_[i]) &&
            (!found || peers_[i].last_heard < peers_[*found].last_heard))
            found = i;
    return found;
}

/// Whom a full table would give up for a proven peer of `role`: it gives way to what it lacks, never to more of the
/// same, so that many new keys cannot flush the old ones out.
std::optional<std::size_t> PeerTable::victim_for(const PublicKey& key, PeerRole role) const
{
    if (const auto claimed = oldest([](const Peer& p) { return p.proof == PeerProof::claimed; })) return claimed;
    if (is_pinned(key)) return oldest([](const Peer&) { return true; });
    if (role == PeerRole::client) return std::nullopt;
    if (const auto client = oldest([](const Peer& p) { return role_of(p.flags) == PeerRole::client; })) return client;
    const PeerRole other = role == PeerRole::exit ? PeerRole::relay : PeerRole::exit;
    if (count(role) >= kKeptPerRole || count(other) <= kKeptPerRole) return std::nullopt;
    return oldest([other](const Peer& p) { return role_of(p.flags) == other; });
}

bool PeerTable::would_admit(const PublicKey& key, PeerRole role) const noexcept
{
    return peers_.size() < kMaxPeers || victim_for(key, role);
}

bool PeerTable::make_room(const PublicKey& key, PeerRole role, PeerProof proof)
{
    const auto claims = [](const Peer& p) { return p.proof == PeerProof::claimed; };
    std::optional<std::size_t> victim;
    if (proof == PeerProof::claimed) {
        // Claims cost a stranger nothing: they only displace each other.
        const bool many = static_cast<std::size_t>(std::ranges::count_if(peers_, claims)) >= kMaxClaimed;
        if (!many && peers_.size() < kMaxPeers) return true;
        victim = oldest(claims);
    } else {
        if (peers_.size() < kMaxPeers) return true;
        victim = victim_for(key, role);
    }
    if (!victim) return false;
    peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(*victim));
    return true;
}

void PeerTable::note(Peer& peer, const Sighting& sighting, TimePoint now)
{
    peer.last_heard = now;
    peer.lan = sighting.lan;
    peer.new_style = peer.new_style || sighting.new_style;
    peer.global_time = sighting.global_time;
    if (sighting.flags && (!peer.flags_known || peer.flags != *sighting.flags)) {
        peer.flags = *sighting.flags;
        peer.flags_known = true;
        changed_ = true;
    }
}

PeerTable::Outcome PeerTable::add(const Sighting& sighting, PeerProof proof, TimePoint now)
{
    if (!prefix_has_room(sighting.source, sighting.key)) return Outcome::full;
    if (!make_room(sighting.key, role_of(sighting.flags.value_or(0)), proof)) return Outcome::full;
    Peer peer;
    peer.key = sighting.key;
    peer.address = sighting.source;
    peer.proof = proof;
    note(peer, sighting, now);
    peers_.push_back(peer);
    index();
    return Outcome::added;
}

PeerTable::Outcome PeerTable::on_request(const Sighting& sighting, TimePoint now)
{
    Peer* peer = find_mutable(sighting.key);
    if (peer == nullptr) return add(sighting, PeerProof::claimed, now);
    const bool newer = !peer->global_time || is_newer(sighting.global_time, *peer->global_time);
    if (peer->address == sighting.source) {
        // The packet may be an old one: it shows life, but only a newer one changes what we know.
        if (newer) note(*peer, sighting, now);
        peer->last_heard = now;
        return Outcome::refreshed;
    }
    if (!newer) return Outcome::stale;
    if (peer->proof != PeerProof::claimed) return Outcome::elsewhere;
    if (!prefix_has_room(sighting.source, sighting.key)) return Outcome::full;
    peer->address = sighting.source; // nothing was proven that could be lost
    note(*peer, sighting, now);
    index();
    return Outcome::added;
}

/// Two keys cannot live at one address: the one that just answered from there does.
void PeerTable::remove_others_at(const Endpoint& address, const PublicKey& except)
{
    const auto other = [&](const Peer& p) { return p.address == address && p.key != except; };
    if (std::erase_if(peers_, other) > 0) index();
}

PeerTable::Outcome PeerTable::on_answer(const Sighting& sighting, TimePoint now)
{
    remove_others_at(sighting.source, sighting.key);
    Peer* peer = find_mutable(sighting.key);
    if (peer == nullptr) return add(sighting, PeerProof::answered, now);
    const bool moves = peer->address != sighting.source;
    if (moves && peer->global_time && !is_newer(sighting.global_time, *peer->global_time)) return Outcome::stale;
    if (moves && !prefix_has_room(sighting.source, sighting.key)) return Outcome::full;
    const bool known = !moves && peer->proof == PeerProof::answered;
    peer->address = sighting.source;
    peer->proof = PeerProof::answered;
    note(*peer, sighting, now);
    if (!known) index();
    return known ? Outcome::refreshed : Outcome::added;
}

void PeerTable::remember(const Candidate& candidate, TimePoint now)
{
    if (find(candidate.key) != nullptr || peers_.size() >= kMaxPeers) return;
    if (!prefix_has_room(candidate.address, candidate.key)) return;
    Peer peer;
    peer.key = candidate.key;
    peer.address = candidate.address;
    peer.flags = candidate.flags;
    peer.flags_known = true;
    peer.connectable = candidate.connectable;
    peer.proof = PeerProof::remembered;
    peer.last_heard = now;
    peers_.push_back(peer);
    index();
}

void PeerTable::doubt_all(TimePoint now)
{
    for (Peer& peer : peers_) {
        peer.last_heard = now;
        if (peer.proof == PeerProof::answered) peer.proof = PeerProof::remembered;
    }
    index();
}

bool PeerTable::heard(const Endpoint& address, TimePoint now) noexcept
{
    const auto it = by_address_.find(address);
    if (it == by_address_.end()) return false;
    peers_[it->second].last_heard = now;
    return true;
}

void PeerTable::mark_connectable(const PublicKey& key)
{
    Peer* peer = find_mutable(key);
    if (peer == nullptr || peer->connectable) return;
    peer->connectable = true;
    changed_ = true;
}

std::size_t PeerTable::expire(TimePoint now)
{
    const std::size_t gone = std::erase_if(peers_, [now](const Peer& p) { return now - p.last_heard >= kPeerLife; });
    if (gone > 0) index();
    return gone;
}

} // namespace cepa::tunnel
