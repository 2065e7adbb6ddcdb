// The peers of the tunnel overlay: at most 30, found by key and by address. Decides who gets in, who has to leave, and
// when a peer's address may change. A valid request only claims an address (signed packets can be replayed); an answer
// to a request of ours proves it. Process: worker 0, io thread. Spec: docs/protocol.md, sections 5.3 and 18.
#pragma once

#include "tunnel/discovery/peer.hpp"
#include "tunnel/tunnel.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

inline constexpr std::size_t kMaxPeers = 30;
/// Peers of one /16, except where equal prefixes are allowed.
inline constexpr std::size_t kMaxPeersPerPrefix = 3;
/// Peers that have only claimed their address.
inline constexpr std::size_t kMaxClaimed = 10;
/// A peer that was silent for this long is forgotten.
inline constexpr auto kPeerLife = std::chrono::milliseconds(57'500);

class PeerTable {
public:
    explicit PeerTable(bool equal_prefixes_allowed) : equal_prefixes_(equal_prefixes_allowed) {}

    enum class Outcome : std::uint8_t {
        added,     ///< new, or new at this address
        refreshed, ///< known at this address
        elsewhere, ///< known at another address; a request must be answered from here before it moves
        stale,     ///< from another address, and not newer than what we have: looks replayed
        full,      ///< no room for it
    };
    /// Its sender asked us something.
    Outcome on_request(const Sighting& sighting, TimePoint now);
    /// Its sender answered a request of ours, from the address that we asked.
    Outcome on_answer(const Sighting& sighting, TimePoint now);
    /// Whether a peer with this key and role would be let in if it proved its address.
    [[nodiscard]] bool would_admit(const PublicKey& key, PeerRole role) const noexcept;
    /// Peers that nobody else may push out, and that always get in (our guards): only their own silence removes them.
    void pin(std::vector<PublicKey> keys) { pinned_ = std::move(keys); }
    /// From the last snapshot: usable, and forgotten like any other when silent. Known peers stay as they are.
    void remember(const Candidate& candidate, TimePoint now);
    /// After a suspend: all get the time to show that they live.
    void doubt_all(TimePoint now);

    /// Any packet from `address` that concerned this node. False when nobody lives there.
    bool heard(const Endpoint& address, TimePoint now) noexcept;
    void mark_connectable(const PublicKey& key);
    /// Forgets the silent ones; returns how many.
    std::size_t expire(TimePoint now);

    [[nodiscard]] std::span<const Peer> all() const noexcept { return peers_; }
    [[nodiscard]] std::size_t proven() const noexcept;
    [[nodiscard]] const Peer* find(const PublicKey& key) const noexcept;
    /// The proven peer there, else any.
    [[nodiscard]] const Peer* at(const Endpoint& address) const noexcept;
    /// Whether a change that candidates depend on happened since the last call.
    [[nodiscard]] bool take_changed() noexcept;

private:
    Peer* find_mutable(const PublicKey& key) noexcept;
    [[nodiscard]] bool prefix_has_room(const Endpoint& address, const PublicKey& except) const noexcept;
    [[nodiscard]] std::size_t count(PeerRole role) const noexcept;
    [[nodiscard]] std::optional<std::size_t> oldest(auto&& fits) const;
    [[nodiscard]] std::optional<std::size_t> victim_for(const PublicKey& key, PeerRole role) const;
    [[nodiscard]] bool is_pinned(const PublicKey& key) const noexcept;
    bool make_room(const PublicKey& key, PeerRole role, PeerProof proof);
    void note(Peer& peer, const Sighting& sighting, TimePoint now);
    Outcome add(const Sighting& sighting, PeerProof proof, TimePoint now);
    void remove_others_at(const Endpoint& address, const PublicKey& except);
    void index();

    bool equal_prefixes_;
    bool changed_ = false;
    std::vector<Peer> peers_;
    std::vector<PublicKey> pinned_;
    std::unordered_map<Endpoint, std::size_t> by_address_;
};

} // namespace cepa::tunnel
