#include "tunnel/discovery/responder.hpp"

#include "tunnel/discovery/address_rules.hpp"
#include "tunnel/discovery/signed_packet.hpp"

#include <algorithm>
#include <vector>

namespace cepa::tunnel {
namespace {

/// In the discovery overlay a 246 may begin with 'Y' and the mid of a wanted peer (docs/protocol.md, section 5.4).
constexpr std::uint8_t kWantedMark = 'Y';
constexpr std::size_t kWantedSize = 1 + kMidSize;
constexpr std::size_t kOldRequestSize = 21;

ByteSpan without_wanted(Overlay overlay, Style style, ByteSpan body) noexcept
{
    const bool wanted = overlay == Overlay::discovery && style == Style::old_style &&
                        body.size() >= kWantedSize + kOldRequestSize && body[0] == kWantedMark;
    return wanted ? body.subspan(kWantedSize) : body;
}

/// Prefix, id, key, time and signature around a body of an unverified signed packet of any key type; only used for
/// servers, whose request we answer by its identifier.
std::optional<IntroductionRequest> peek_request(ByteSpan packet) noexcept
{
    Reader reader(packet);
    static_cast<void>(reader.take(kPrefixSize + 1));
    static_cast<void>(reader.varlen());
    static_cast<void>(reader.u64());
    const ByteSpan body = reader.take(kOldRequestSize);
    if (!reader.ok()) return std::nullopt;
    return IntroductionRequest::parse(Style::old_style, body);
}

} // namespace

void DiscoveryContext::request(const Endpoint& to, TimePoint now)
{
    if (const auto identifier = walker.begin_request(to, now)) sender.introduction_request(to, *identifier);
}

bool Responder::may_verify(const Endpoint& source, TimePoint now)
{
    FloodLimit& limit = context_.peers.at(source) != nullptr ? known_ : unknown_;
    if (limit.admit(now)) return true;
    context_.drop("discovery_flood");
    return false;
}

void Responder::introduction_request(Overlay overlay, Style style, const Endpoint& source, ByteSpan packet,
                                     TimePoint now)
{
    if (!may_contact_in_lan(context_.settings, source)) return context_.drop("discovery_source");
    if (context_.bootstrap.is_server(source)) {
        if (servers_.admit(now)) answer_server(overlay, source, packet);
        return;
    }
    if (!may_verify(source, now)) return;
    const auto opened = open_signed(packet, TimeField::present);
    if (!opened) return context_.drop("discovery_signature");
    const auto request = IntroductionRequest::parse(style, without_wanted(overlay, style, opened->body));
    if (!request) return context_.drop("discovery_malformed");
    if (context_.is_us(opened->key)) {
        context_.own.add_self(source);
        return context_.walker.forget(source);
    }
    if (overlay == Overlay::own) {
        const bool new_style = style == Style::new_style || request->supports_new_style;
        const Sighting sighting{opened->key,
                                source,
                                request->source_lan,
                                parse_flags(request->extra),
                                static_cast<std::uint16_t>(opened->global_time),
                                new_style};
        take_note(sighting, now);
    }
    answer(overlay, source, *request, &opened->key);
}

/// Writes the sender into the table. It is answered whatever comes of that: the asker gets to know us, and that is what
/// a relay wants. An old packet from elsewhere changes nothing, but may be that of a peer that was started anew at
/// another address and counts from the beginning: without an answer it would take us, its guard perhaps, for dead.
void Responder::take_note(const Sighting& sighting, TimePoint now)
{
    const PeerTable::Outcome outcome = context_.peers.on_request(sighting, now);
    if (outcome == PeerTable::Outcome::stale) return context_.drop("discovery_replayed");
    const Peer* peer = context_.peers.find(sighting.key);
    const bool wanted = outcome == PeerTable::Outcome::full &&
                        context_.peers.would_admit(sighting.key, role_of(sighting.flags.value_or(0)));
    const bool unproven =
        outcome == PeerTable::Outcome::elsewhere || wanted || (peer != nullptr && peer->proof != PeerProof::answered);
    if (unproven && !context_.walker.awaits(sighting.source, now) && challenges_.admit(now))
        context_.request(sighting.source, now);
}

// Nobody can use one that serves nobody, and who only downloads or seeds hidden need not be told to strangers.
const Peer* Responder::choose_introduced(const Endpoint& walker, const PublicKey* asker)
{
    const auto serves = [](const Peer& peer) { return !peer.flags_known || role_of(peer.flags) != PeerRole::client; };
    std::vector<const Peer*> fit;
    for (const Peer& peer : context_.peers.all())
        if (peer.proof == PeerProof::answered && serves(peer) && peer.address != walker &&
            (asker == nullptr || peer.key != *asker))
            fit.push_back(&peer);
    if (fit.empty()) return nullptr;
    return fit[context_.random.below(static_cast<std::uint32_t>(fit.size()))];
}

void Responder::answer(Overlay overlay, const Endpoint& source, const IntroductionRequest& request,
                       const PublicKey* asker)
{
    const Peer* introduced =
        request.advice || request.style == Style::new_style ? choose_introduced(source, asker) : nullptr;
    context_.sender.introduction_response(overlay, request.style, source, request.identifier, introduced);
    if (introduced == nullptr) return;
    // Deployed nodes put the request's destination in the LAN field; the walker's own LAN address is what it is for.
    const bool has_lan = may_contact_in_lan(context_.settings, request.source_lan);
    context_.sender.puncture_request(overlay, request.style, *introduced, has_lan ? request.source_lan : source, source,
                                     request.identifier);
}

/// A server keeps us only while we answer; its key is of a kind that we do not verify, and it is no peer.
void Responder::answer_server(Overlay overlay, const Endpoint& source, ByteSpan packet)
{
    const auto request = peek_request(packet);
    if (!request) return context_.drop("discovery_malformed");
    context_.sender.introduction_response(overlay, Style::old_style, source, request->identifier, nullptr);
}

void Responder::puncture_request(Overlay overlay, Style style, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (!punctures_.admit(now)) return context_.drop("discovery_flood");
    const auto opened = open_unsigned(packet, TimeField::present);
    const auto request = opened ? PunctureRequest::parse(style, opened->body) : std::nullopt;
    if (!request) return context_.drop("discovery_malformed");
    const bool same_nat = request->wan_walker.ip == context_.own.wan().ip;
    const Endpoint& to = same_nat ? request->lan_walker : request->wan_walker;
    const bool allowed = same_nat ? may_contact_in_lan(context_.settings, to) : may_contact(context_.settings, to);
    if (!allowed || context_.own.is_exactly(to)) return context_.drop("discovery_puncture");
    context_.peers.heard(source, now);
    context_.sender.puncture(overlay, style, to, request->wan_walker, request->identifier);
}

void Responder::similarity_request(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (!may_contact_in_lan(context_.settings, source)) return context_.drop("discovery_source");
    if (!may_verify(source, now)) return;
    const auto opened = open_signed(packet, TimeField::present);
    const auto request = opened ? SimilarityRequest::parse(opened->body) : std::nullopt;
    if (!request) return context_.drop(opened ? "discovery_malformed" : "discovery_signature");
    if (context_.is_us(opened->key)) return;
    context_.sender.similarity_response(source, request->identifier);
    const bool shares_ours = std::ranges::find(request->overlays, context_.settings.overlay) != request->overlays.end();
    if (shares_ours && context_.peers.find(opened->key) == nullptr) context_.walker.add_introduced(source, now);
    context_.peers.heard(source, now);
}

void Responder::ping(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    const auto opened = open_unsigned(packet, TimeField::present);
    const auto request = opened ? DiscoveryPing::parse(opened->body) : std::nullopt;
    if (!request) return context_.drop("discovery_malformed");
    if (!pongs_.admit(now)) return context_.drop("discovery_flood");
    context_.peers.heard(source, now);
    context_.sender.pong(source, request->identifier);
}

} // namespace cepa::tunnel
