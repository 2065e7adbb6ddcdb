#include "tunnel/discovery/message_sender.hpp"

#include "tunnel/discovery/signed_packet.hpp"

#include <stdexcept>
#include <tuple>
#include <utility>

namespace cepa::tunnel {
namespace {

/// In introduction messages the time is reduced to 16 bits, inside its 64-bit field; receivers take any value.
constexpr std::uint64_t kTimeMask = 0xffff;

/// What a walker is told of `peer`: behind our own NAT its address is one of our LAN, and it is reached from outside
/// through our own WAN address.
std::pair<Endpoint, Endpoint> introduced_addresses(const Peer& peer, const Endpoint& own_wan)
{
    const bool behind_us = peer.address.ip.is_private() && own_wan.ip.is_global_unicast();
    if (behind_us) return {peer.address, {own_wan.ip, peer.address.port}};
    return {peer.lan, peer.address};
}

} // namespace

MessageSender::MessageSender(const TunnelSettings& settings, const OwnAddresses& own, PacketSender& packets)
    : MessageSender(settings, own, packets, settings.overlay, [&settings] {
          const auto flags = encode_flags(settings.flags());
          return Bytes(flags.begin(), flags.end());
      })
{
}

MessageSender::MessageSender(const TunnelSettings& settings, const OwnAddresses& own, PacketSender& packets,
                             const OverlayId& overlay, Extra extra)
    : settings_(settings), own_(own), packets_(packets), extra_(std::move(extra)), own_prefix_(make_prefix(overlay)),
      discovery_prefix_(make_prefix(kDiscoveryOverlay))
{
    if (!settings.identity) throw std::invalid_argument("discovery needs an identity key");
}

template <class Message>
void MessageSender::send_signed(Overlay overlay, std::uint8_t id, const Endpoint& to, const Message& message)
{
    const Bytes body = encode_body(message);
    if (body.empty()) return;
    packets_.send_now(to, build_signed(prefix(overlay), id, *settings_.identity, ++time_ & kTimeMask, body));
}

template <class Message>
void MessageSender::send_unsigned(Overlay overlay, std::uint8_t id, const Endpoint& to, const Message& message)
{
    const Bytes body = encode_body(message);
    if (body.empty()) return;
    packets_.send_now(to, build_unsigned(prefix(overlay), id, ++time_ & kTimeMask, body));
}

void MessageSender::introduction_request(const Endpoint& to, std::uint16_t identifier)
{
    const Bytes extra = extra_();
    IntroductionRequest message;
    message.destination = to;
    message.source_lan = own_.lan();
    message.source_wan = own_.wan();
    message.identifier = identifier;
    message.extra = extra;
    send_signed(Overlay::own, message.message_id(), to, message);
}

void MessageSender::introduction_response(Overlay overlay, Style style, const Endpoint& to, std::uint16_t identifier,
                                          const Peer* introduced)
{
    const Bytes extra = extra_();
    IntroductionResponse message;
    message.style = style;
    message.destination = to;
    message.source_lan = own_.lan();
    message.source_wan = own_.wan();
    if (introduced != nullptr) {
        std::tie(message.introduced_lan, message.introduced_wan) = introduced_addresses(*introduced, own_.wan());
        message.introduced_new_style = introduced->new_style;
    }
    message.identifier = identifier;
    if (overlay == Overlay::own) message.extra = extra;
    send_signed(overlay, message.message_id(), to, message);
}

void MessageSender::puncture_request(Overlay overlay, Style style, const Peer& peer, const Endpoint& walker_lan,
                                     const Endpoint& walker_wan, std::uint16_t identifier)
{
    const PunctureRequest message{style, walker_lan, walker_wan, identifier};
    send_unsigned(overlay, message.message_id(), peer.address, message);
}

void MessageSender::puncture(Overlay overlay, Style style, const Endpoint& to, const Endpoint& walker_wan,
                             std::uint16_t identifier)
{
    const Puncture message{style, own_.lan(), walker_wan, identifier};
    send_signed(overlay, message.message_id(), to, message);
}

void MessageSender::similarity_response(const Endpoint& to, std::uint16_t identifier)
{
    SimilarityResponse message{identifier, {settings_.overlay, kDiscoveryOverlay}};
    if (settings_.keeps_directory()) message.overlays.push_back(kDhtOverlay);
    send_signed(Overlay::discovery, discovery_id::kSimilarityResponse, to, message);
}

void MessageSender::ping(const Endpoint& to, std::uint16_t identifier)
{
    send_unsigned(Overlay::discovery, discovery_id::kPing, to, DiscoveryPing{identifier});
}

void MessageSender::pong(const Endpoint& to, std::uint16_t identifier)
{
    send_unsigned(Overlay::discovery, discovery_id::kPong, to, DiscoveryPing{identifier});
}

} // namespace cepa::tunnel
