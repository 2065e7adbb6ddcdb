#include "tunnel/discovery/peer_introductions.hpp"

#include "tunnel/discovery/address_rules.hpp"
#include "tunnel/discovery/signed_packet.hpp"

namespace cepa::tunnel {

bool PeerIntroductions::on_packet(Overlay overlay, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    switch (packet_message_id(packet)) {
    case discovery_id::kIntroductionRequest:
        responder_.introduction_request(overlay, Style::old_style, source, packet, now);
        return true;
    case discovery_id::kIntroductionRequestNew:
        responder_.introduction_request(overlay, Style::new_style, source, packet, now);
        return true;
    case discovery_id::kPunctureRequest:
        responder_.puncture_request(overlay, Style::old_style, source, packet, now);
        return true;
    case discovery_id::kPunctureRequestNew:
        responder_.puncture_request(overlay, Style::new_style, source, packet, now);
        return true;
    case discovery_id::kPuncture:
    case discovery_id::kPunctureNew:
        // Its content says nothing that its arrival does not: no signature is checked for it.
        context_.walker.on_puncture(source, now);
        return true;
    case discovery_id::kIntroductionResponse:
        if (overlay == Overlay::discovery) return false; // there we ask nobody
        on_response(Style::old_style, source, packet, now);
        return true;
    case discovery_id::kIntroductionResponseNew:
        if (overlay == Overlay::discovery) return false;
        on_response(Style::new_style, source, packet, now);
        return true;
    default:
        return false;
    }
}

/// Only answers to requests of ours are looked at, so their signatures need no limit.
void PeerIntroductions::on_response(Style style, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    Walker& walker = context_.walker;
    if (!walker.awaits(source, now)) return context_.drop("discovery_unexpected");
    if (context_.bootstrap.is_server(source)) return on_server_response(source, packet, now);
    const auto opened = open_signed(packet, TimeField::present);
    if (!opened) return context_.drop("discovery_signature");
    const auto response = IntroductionResponse::parse(style, opened->body);
    if (!response) return context_.drop("discovery_malformed");
    if (!walker.finish_request(source, response->identifier, now)) return context_.drop("discovery_unexpected");
    if (context_.is_us(opened->key)) {
        context_.own.add_self(source);
        return walker.forget(source);
    }
    const bool new_style = style == Style::new_style || response->supports_new_style;
    const Sighting sighting{opened->key,
                            source,
                            response->source_lan,
                            parse_flags(response->extra),
                            static_cast<std::uint16_t>(opened->global_time),
                            new_style};
    const PeerTable::Outcome outcome = context_.peers.on_answer(sighting, now);
    if (outcome == PeerTable::Outcome::stale) return context_.drop("discovery_replayed");
    if (outcome == PeerTable::Outcome::full) context_.drop("discovery_full");
    if (hooks_.met) hooks_.met(sighting, response->extra);
    learn_from(source, *response, now);
}

void PeerIntroductions::on_server_response(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    const auto parsed = parse_server_response(packet);
    if (!parsed) return context_.drop("discovery_malformed");
    if (!context_.walker.finish_request(source, parsed->response.identifier, now))
        return context_.drop("discovery_unexpected");
    learn_from(source, parsed->response, now);
}

void PeerIntroductions::learn_from(const Endpoint& source, const IntroductionResponse& response, TimePoint now)
{
    // From a private range a responder sees our LAN address, except where the whole network is private.
    const bool sees_outside = !context_.settings.public_network || source.ip.is_global_unicast();
    if (hooks_.seen && sees_outside && may_contact(context_.settings, response.destination))
        hooks_.seen(source, response.destination);
    walk_to_introduced(response, now);
}

void PeerIntroductions::walk_to_introduced(const IntroductionResponse& response, TimePoint now)
{
    const TunnelSettings& settings = context_.settings;
    const OwnAddresses& own = context_.own;
    const Endpoint& wan = response.introduced_wan;
    const Endpoint& lan = response.introduced_lan;
    const auto hint = [&](const Endpoint& address, bool allowed) {
        const bool useless = own.is_exactly(address) || context_.bootstrap.is_server(address);
        if (allowed && !useless && context_.peers.at(address) == nullptr) context_.walker.add_introduced(address, now);
    };
    if (wan.is_null()) return;
    if (wan.ip != own.wan().ip) {
        hint(wan, may_contact(settings, wan));
        hint(lan, may_contact(settings, lan));
    } else if (!lan.is_null()) {
        hint(lan, may_contact_in_lan(settings, lan));
    } else {
        const Endpoint in_lan{own.lan().ip, wan.port};
        hint(wan, may_contact(settings, wan));
        hint(in_lan, may_contact_in_lan(settings, in_lan));
    }
}

} // namespace cepa::tunnel
