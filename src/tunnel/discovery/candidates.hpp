// The peers fit to be a hop: proven or remembered ones that relay or exit, or what worker 0 shared. Never ourselves,
// our addresses or our family. Process: worker, io thread. Spec: docs/protocol.md, section 7.
#pragma once

#include "tunnel/discovery/own_addresses.hpp"
#include "tunnel/discovery/peer.hpp"
#include "tunnel/tunnel.hpp"

#include <set>
#include <span>
#include <vector>

namespace cepa::tunnel {

class Candidates {
public:
    explicit Candidates(const TunnelSettings& settings) : settings_(settings) {}

    /// Makes the list anew from the peers that worker 0 watches. True when it differs from before.
    bool rebuild(std::span<const Peer> peers, const OwnAddresses& own);
    /// Takes what worker 0 shared; unfit ones are left out. True when it differs from before.
    bool replace(const std::vector<Candidate>& shared, const OwnAddresses& own);
    /// In a worker without discovery: an extend by address to `key` succeeded.
    void mark_connectable(const PublicKey& key);

    [[nodiscard]] const std::vector<Candidate>& list() const noexcept { return list_; }
    [[nodiscard]] const Candidate* find(const PublicKey& key) const noexcept;
    /// Whether this node may use it as a hop at all.
    [[nodiscard]] bool is_fit(const Candidate& candidate, const OwnAddresses& own) const;
    /// Fills the counts of candidates in `view`.
    void describe(DiscoveryView& view) const;

private:
    bool take(std::vector<Candidate> fresh);

    const TunnelSettings& settings_;
    std::vector<Candidate> list_;
    std::set<PublicKey> reached_; ///< by this worker; what worker 0 shares does not know of it
};

} // namespace cepa::tunnel
