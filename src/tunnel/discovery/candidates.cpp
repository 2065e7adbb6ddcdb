#include "tunnel/discovery/candidates.hpp"

#include "tunnel/discovery/address_rules.hpp"
#include "tunnel/discovery/peer_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace cepa::tunnel {

bool Candidates::is_fit(const Candidate& candidate, const OwnAddresses& own) const
{
    if (role_of(candidate.flags) == PeerRole::client) return false;
    if (candidate.key == settings_.identity_public) return false;
    if (std::ranges::find(settings_.family, candidate.key) != settings_.family.end()) return false;
    // On the public network this leaves out peers of our own LAN too: they are no independent hops.
    return may_contact(settings_, candidate.address) && !own.is_own(candidate.address);
}

bool Candidates::take(std::vector<Candidate> fresh)
{
    if (fresh == list_) return false;
    list_ = std::move(fresh);
    return true;
}

bool Candidates::rebuild(std::span<const Peer> peers, const OwnAddresses& own)
{
    std::vector<Candidate> fresh;
    for (const Peer& peer : peers) {
        if (peer.proof == PeerProof::claimed || !peer.flags_known) continue;
        const bool exit = role_of(peer.flags) == PeerRole::exit;
        const Candidate candidate{peer.key, peer.address, peer.flags, peer.connectable || exit};
        if (is_fit(candidate, own)) fresh.push_back(candidate);
    }
    return take(std::move(fresh));
}

bool Candidates::replace(const std::vector<Candidate>& shared, const OwnAddresses& own)
{
    std::vector<Candidate> fresh;
    for (const Candidate& candidate : shared) {
        if (fresh.size() == kMaxPeers) break;
        const bool twice = std::ranges::find(fresh, candidate.key, &Candidate::key) != fresh.end();
        if (twice || !is_fit(candidate, own)) continue;
        fresh.push_back(candidate);
        if (reached_.contains(candidate.key)) fresh.back().connectable = true;
    }
    std::erase_if(reached_,
                  [&](const PublicKey& key) { return std::ranges::find(fresh, key, &Candidate::key) == fresh.end(); });
    return take(std::move(fresh));
}

void Candidates::mark_connectable(const PublicKey& key)
{
    const auto it = std::ranges::find(list_, key, &Candidate::key);
    if (it == list_.end()) return;
    it->connectable = true;
    reached_.insert(key);
}

const Candidate* Candidates::find(const PublicKey& key) const noexcept
{
    const auto it = std::ranges::find(list_, key, &Candidate::key);
    return it == list_.end() ? nullptr : &*it;
}

void Candidates::describe(DiscoveryView& view) const
{
    std::set<IpAddress> prefixes;
    view.relays = view.exits = 0;
    for (const Candidate& candidate : list_) {
        prefixes.insert(candidate.address.ip.diversity_prefix());
        if (has(candidate.flags, PeerFlag::relay)) ++view.relays;
        if (role_of(candidate.flags) == PeerRole::exit) ++view.exits;
    }
    view.distinct_prefixes = static_cast<std::uint32_t>(prefixes.size());
}

} // namespace cepa::tunnel
