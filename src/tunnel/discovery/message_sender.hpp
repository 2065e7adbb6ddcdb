// Builds and sends what discovery says: signs, counts the Lamport time, puts in our own addresses and flags. Decides
// nothing. Process: worker 0, io thread. Spec: docs/protocol.md, sections 4, 5 and 7.
#pragma once

#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/own_addresses.hpp"
#include "tunnel/discovery/peer.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/settings.hpp"

#include <cstdint>
#include <functional>

namespace cepa::tunnel {

/// `own` is the overlay whose peers are collected: the tunnels', the DHT's or a swarm's; in the discovery overlay the
/// peers of the tunnels are only kept alive.
enum class Overlay : std::uint8_t { own, discovery };

class MessageSender {
public:
    /// What introductions carry at their end.
    using Extra = std::function<Bytes()>;

    /// For the tunnel overlay: our flags are its extra bytes. Needs settings.identity. Everything given must outlive it.
    MessageSender(const TunnelSettings& settings, const OwnAddresses& own, PacketSender& packets);
    /// For another overlay.
    MessageSender(const TunnelSettings& settings, const OwnAddresses& own, PacketSender& packets,
                  const OverlayId& overlay, Extra extra);

    [[nodiscard]] const Prefix& prefix(Overlay overlay) const noexcept
    {
        return overlay == Overlay::own ? own_prefix_ : discovery_prefix_;
    }

    /// Always in the old style, which every node reads; we announce no other, so answers come in it unless we were
    /// heard speaking the new one.
    void introduction_request(const Endpoint& to, std::uint16_t identifier);
    /// `introduced` may be null.
    void introduction_response(Overlay overlay, Style style, const Endpoint& to, std::uint16_t identifier,
                               const Peer* introduced);
    /// Asks `peer` to open its way to the walker, in the style of the walker's request.
    void puncture_request(Overlay overlay, Style style, const Peer& peer, const Endpoint& walker_lan,
                          const Endpoint& walker_wan, std::uint16_t identifier);
    void puncture(Overlay overlay, Style style, const Endpoint& to, const Endpoint& walker_wan,
                  std::uint16_t identifier);
    void similarity_response(const Endpoint& to, std::uint16_t identifier);
    void ping(const Endpoint& to, std::uint16_t identifier);
    void pong(const Endpoint& to, std::uint16_t identifier);

private:
    template <class Message>
    void send_signed(Overlay overlay, std::uint8_t id, const Endpoint& to, const Message& message);
    template <class Message>
    void send_unsigned(Overlay overlay, std::uint8_t id, const Endpoint& to, const Message& message);

    const TunnelSettings& settings_;
    const OwnAddresses& own_;
    PacketSender& packets_;
    Extra extra_;
    Prefix own_prefix_;
    Prefix discovery_prefix_;
    std::uint64_t time_ = 0;
};

} // namespace cepa::tunnel
