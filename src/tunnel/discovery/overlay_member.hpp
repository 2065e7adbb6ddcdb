// Membership of an overlay other than the tunnels': its own peers, found by walking, and the answers that others get.
// What travels in the extra bytes, and who is worth walking to, the owner says.
// Process: worker 0, io thread. Spec: docs/protocol.md, sections 5, 14.6 and 15.
#pragma once

#include "tunnel/discovery/peer_introductions.hpp"

#include <vector>

namespace cepa::tunnel {

class OverlayMember {
public:
    struct Tools {
        const TunnelSettings& settings;
        const Environment& environment;
        OwnAddresses& own;
        DropCounts& drops;
    };
    using Met = std::function<void(const Sighting& peer, ByteSpan extra)>;

    /// Needs settings.identity; everything given must outlive it. `met` hears of peers that answered us.
    OverlayMember(const OverlayId& overlay, const Tools& tools, MessageSender::Extra extra, Met met)
        : environment_(tools.environment),
          equal_prefixes_(tools.settings.allow_equal_prefixes && !tools.settings.public_network),
          peers_(equal_prefixes_), sender_(tools.settings, tools.own, environment_.packets, overlay, std::move(extra)),
          walker_(environment_.random, equal_prefixes_), bootstrap_(tools.settings.bootstrap),
          context_{tools.settings, environment_.random, peers_, tools.own, walker_, bootstrap_, sender_, tools.drops},
          introductions_(context_, {std::move(met), {}})
    {
    }
    OverlayMember(const OverlayMember&) = delete;
    OverlayMember& operator=(const OverlayMember&) = delete;

    [[nodiscard]] const Prefix& prefix() const noexcept { return sender_.prefix(Overlay::own); }
    /// A packet with this overlay's prefix. False when its message is none of introductions'.
    bool on_packet(const Endpoint& source, ByteSpan packet, TimePoint now)
    {
        return introductions_.on_packet(Overlay::own, source, packet, now);
    }
    /// Something else of this overlay came from there.
    void heard(const Endpoint& source, TimePoint now) { peers_.heard(source, now); }
    /// Asks a peer, as the walk does.
    void request(const Endpoint& to, TimePoint now) { context_.request(to, now); }
    [[nodiscard]] Walker& walker() noexcept { return walker_; }
    [[nodiscard]] const PeerTable& peers() const noexcept { return peers_; }
    [[nodiscard]] MessageSender& sender() noexcept { return sender_; }
    /// One step of the walk, every Walker::kStep. `hungry`: more peers are wanted.
    void step(bool hungry, TimePoint now)
    {
        peers_.expire(now);
        for (const Endpoint& to : walker_.step(peers_, hungry, now))
            context_.request(to, now);
        for (const Endpoint& server : bootstrap_.due(now, peers_.proven() > 0))
            context_.request(server, now);
    }

private:
    const Environment& environment_;
    bool equal_prefixes_;
    PeerTable peers_;
    MessageSender sender_;
    Walker walker_;
    Bootstrap bootstrap_;
    DiscoveryContext context_;
    PeerIntroductions introductions_;
};

} // namespace cepa::tunnel
