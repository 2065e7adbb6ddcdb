// The overlays in which the introduction points of one swarm meet, and tell each other which seeders they serve. This
// node is a member of those of the swarms for which it is one. They are walked to by what the DHT knows of the swarm,
// because private networks have no server that would introduce them. Process: worker 0, io thread.
// Spec: docs/protocol.md, section 14.6.
#pragma once

#include "tunnel/discovery/overlay_member.hpp"
#include "tunnel/hidden_services/names.hpp"

#include <map>
#include <memory>
#include <vector>

namespace cepa::tunnel {

class Pex {
public:
    static constexpr std::size_t kMostSwarms = 64;
    static constexpr std::size_t kMostKeysSent = 10;
    static constexpr std::size_t kMostFound = 20;
    /// Of those, said by one peer, and by all of one network.
    static constexpr std::size_t kMostFoundOfPeer = 3;
    static constexpr std::size_t kMostFoundOfPrefix = 3;
    static constexpr std::size_t kWantedPeers = 10;
    static constexpr auto kFoundLife = std::chrono::seconds(300);
    static constexpr auto kStep = std::chrono::seconds(5);
    /// How often a peer is asked again what it serves, so that what we know stays known.
    static constexpr auto kAskAgain = std::chrono::seconds(25);

    explicit Pex(const OverlayMember::Tools& tools) : tools_(tools) {}
    Pex(const Pex&) = delete;
    Pex& operator=(const Pex&) = delete;

    /// The seeders that this node serves in `swarm`, by their swarm keys; none of them: it leaves the overlay.
    void serve(const LookupHash& swarm, std::vector<PublicKey> keys);
    /// An introduction point of `swarm` may live there.
    void meet(const LookupHash& swarm, const Endpoint& address);
    /// False when the packet is of none of these overlays.
    bool on_packet(const Endpoint& source, ByteSpan packet);
    void tick(TimePoint now);

    /// What other introduction points of `swarm` said of themselves.
    [[nodiscard]] std::vector<PeersResponse::Peer> found(const LookupHash& swarm, TimePoint now) const;
    [[nodiscard]] std::size_t size() const noexcept { return swarms_.size(); }

private:
    struct Found {
        Endpoint address;
        PublicKey key;
        PublicKey swarm_key;
        TimePoint at;
    };
    struct Swarm {
        std::vector<PublicKey> keys;
        std::vector<Found> found; ///< the newest last
        TimePoint next_step{};
        TimePoint next_question{};
        std::unique_ptr<OverlayMember> member;
    };
    void join(const LookupHash& swarm, std::vector<PublicKey> keys);
    [[nodiscard]] Bytes extra_of(const OverlayId& overlay);
    void on_met(const OverlayId& overlay, const Sighting& peer, ByteSpan extra);
    void make_room(Swarm& swarm, const Sighting& peer) const;
    void note(Swarm& swarm, const Sighting& peer, const PublicKey& swarm_key);

    OverlayMember::Tools tools_;
    std::map<OverlayId, Swarm> swarms_;
};

} // namespace cepa::tunnel
