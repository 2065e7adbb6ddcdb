#include "tunnel/discovery/discovery.hpp"

#include "tunnel/discovery/address_rules.hpp"
#include "tunnel/discovery/bootstrap.hpp"
#include "tunnel/discovery/candidates.hpp"
#include "tunnel/discovery/liveness.hpp"
#include "tunnel/discovery/message_sender.hpp"
#include "tunnel/discovery/peer_table.hpp"
#include "tunnel/discovery/responder.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "tunnel/discovery/walker.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace cepa::tunnel {
namespace {

/// How long after its start worker 0 takes a snapshot: later it knows better than any echo of what it said itself.
constexpr auto kSnapshotTime = std::chrono::seconds(10);
/// Ticks come every 50 ms; a gap like this means that the machine slept.
constexpr auto kSuspended = std::chrono::seconds(20);
/// Below these many hops to choose from the walk goes on although there are enough peers, only more slowly.
constexpr std::uint32_t kFewRelays = 4;
constexpr std::uint32_t kFewExits = 3;
constexpr auto kSlowStep = std::chrono::seconds(5);
/// With peers enough nobody is asked any more, and pongs carry no address: only a request to a proven peer now and then
/// tells us that our own address has changed. When one says so, as many others are asked as have a vote.
constexpr auto kAskAboutUs = std::chrono::seconds(60);
constexpr std::size_t kAskedInDoubt = 16;

} // namespace

/// What only worker 0 has.
struct Watch {
    Watch(const TunnelSettings& settings, const Environment& environment, PeerTable& table, OwnAddresses& own,
          DropCounts& drops)
        : sender(settings, own, environment.packets),
          walker(environment.random, settings.allow_equal_prefixes && !settings.public_network),
          liveness(environment.random), bootstrap(settings.bootstrap),
          context{settings, environment.random, table, own, walker, bootstrap, sender, drops}, responder(context)
    {
    }

    MessageSender sender;
    Walker walker;
    Liveness liveness;
    Bootstrap bootstrap;
    DiscoveryContext context;
    Responder responder;
    TimePoint next_step{};
    TimePoint next_slow_step{};
    TimePoint next_question{}; ///< about our own address
    TimePoint next_doubt{};    ///< one liar may not make us ask many all the time
    bool in_doubt = false;     ///< somebody saw us at another address than we thought
    std::optional<TimePoint> last_tick;
};

struct Discovery::Parts {
    Parts(const TunnelSettings& s, const Environment& e)
        : settings(s), clock(e.clock), peers(s.allow_equal_prefixes && !s.public_network), own(s), candidates(s)
    {
        if (!s.discover) return;
        started = clock.now();
        watch = std::make_unique<Watch>(s, e, peers, own, drops);
        for (const Endpoint& address : s.walk_to)
            if (!own.is_exactly(address)) watch->walker.add_named(address, started);
    }

    bool on_tunnel_packet(std::uint8_t id, const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_discovery_packet(std::uint8_t id, const Endpoint& source, ByteSpan packet, TimePoint now);
    bool on_introduction(Overlay overlay, std::uint8_t id, const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_response(Style style, const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_server_response(const Endpoint& source, ByteSpan packet, TimePoint now);
    void learn_from(const Endpoint& source, const IntroductionResponse& response, TimePoint now);
    void walk_to_introduced(const IntroductionResponse& response, TimePoint now);
    void on_pong(const Endpoint& source, ByteSpan packet, TimePoint now);
    void probe_silent(TimePoint now);
    void walk(TimePoint now);
    void ask_about_us(TimePoint now);
    void after_suspend(TimePoint now);
    void refresh();

    const TunnelSettings& settings;
    const Clock& clock;
    PeerTable peers;
    OwnAddresses own;
    Candidates candidates;
    DropCounts drops;
    DiscoveryChanges changes;
    TimePoint started{};
    std::unique_ptr<Watch> watch; ///< null in workers without discovery
};

Discovery::Discovery(const TunnelSettings& settings, Environment environment)
    : parts_(std::make_unique<Parts>(settings, environment))
{
}
Discovery::~Discovery() = default;

// --- packets ---------------------------------------------------------------------------------------------------------

bool Discovery::on_packet(const Endpoint& source, ByteSpan packet)
{
    Parts& p = *parts_;
    if (!p.watch) return false;
    const TimePoint now = p.clock.now();
    bool ours = true;
    if (has_prefix(packet, p.watch->sender.prefix(Overlay::tunnel)))
        ours = p.on_tunnel_packet(packet_message_id(packet), source, packet, now);
    else if (has_prefix(packet, p.watch->sender.prefix(Overlay::discovery)))
        p.on_discovery_packet(packet_message_id(packet), source, packet, now);
    else
        return false;
    p.refresh();
    return ours;
}

bool Discovery::Parts::on_introduction(Overlay overlay, std::uint8_t id, const Endpoint& source, ByteSpan packet,
                                       TimePoint now)
{
    Responder& responder = watch->responder;
    switch (id) {
    case discovery_id::kIntroductionRequest:
        responder.introduction_request(overlay, Style::old_style, source, packet, now);
        return true;
    case discovery_id::kIntroductionRequestNew:
        responder.introduction_request(overlay, Style::new_style, source, packet, now);
        return true;
    case discovery_id::kPunctureRequest:
        responder.puncture_request(overlay, Style::old_style, source, packet, now);
        return true;
    case discovery_id::kPunctureRequestNew:
        responder.puncture_request(overlay, Style::new_style, source, packet, now);
        return true;
    case discovery_id::kPuncture:
    case discovery_id::kPunctureNew:
        // Its content says nothing that its arrival does not: no signature is checked for it.
        watch->walker.on_puncture(source, now);
        return true;
    default:
        return false;
    }
}

bool Discovery::Parts::on_tunnel_packet(std::uint8_t id, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (on_introduction(Overlay::tunnel, id, source, packet, now)) return true;
    if (id == discovery_id::kIntroductionResponse) return on_response(Style::old_style, source, packet, now), true;
    if (id == discovery_id::kIntroductionResponseNew) return on_response(Style::new_style, source, packet, now), true;
    return false;
}

void Discovery::Parts::on_discovery_packet(std::uint8_t id, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (on_introduction(Overlay::discovery, id, source, packet, now)) return;
    switch (id) {
    case discovery_id::kSimilarityRequest:
        return watch->responder.similarity_request(source, packet, now);
    case discovery_id::kPing:
        return watch->responder.ping(source, packet, now);
    case discovery_id::kPong:
        return on_pong(source, packet, now);
    default:
        return watch->context.drop("discovery_unexpected"); // we ask nothing else in this overlay
    }
}

void Discovery::Parts::on_pong(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    const auto opened = open_unsigned(packet, TimeField::present);
    const auto pong = opened ? DiscoveryPing::parse(opened->body) : std::nullopt;
    if (!pong || !watch->liveness.on_pong(source, pong->identifier)) return watch->context.drop("discovery_unexpected");
    peers.heard(source, now);
}

/// Only answers to requests of ours are looked at, so their signatures need no limit.
void Discovery::Parts::on_response(Style style, const Endpoint& source, ByteSpan packet, TimePoint now)
{
    DiscoveryContext& context = watch->context;
    if (!watch->walker.awaits(source, now)) return context.drop("discovery_unexpected");
    if (watch->bootstrap.is_server(source)) return on_server_response(source, packet, now);
    const auto opened = open_signed(packet, TimeField::present);
    if (!opened) return context.drop("discovery_signature");
    const auto response = IntroductionResponse::parse(style, opened->body);
    if (!response) return context.drop("discovery_malformed");
    if (!watch->walker.finish_request(source, response->identifier, now)) return context.drop("discovery_unexpected");
    if (context.is_us(opened->key)) {
        own.add_self(source);
        return watch->walker.forget(source);
    }
    const bool new_style = style == Style::new_style || response->supports_new_style;
    const Sighting sighting{opened->key,
                            source,
                            response->source_lan,
                            parse_flags(response->extra),
                            static_cast<std::uint16_t>(opened->global_time),
                            new_style};
    const PeerTable::Outcome outcome = peers.on_answer(sighting, now);
    if (outcome == PeerTable::Outcome::stale) return context.drop("discovery_replayed");
    if (outcome == PeerTable::Outcome::full) context.drop("discovery_full");
    learn_from(source, *response, now);
}

void Discovery::Parts::on_server_response(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    const auto parsed = parse_server_response(packet);
    if (!parsed) return watch->context.drop("discovery_malformed");
    if (!watch->walker.finish_request(source, parsed->response.identifier, now))
        return watch->context.drop("discovery_unexpected");
    learn_from(source, parsed->response, now);
}

void Discovery::Parts::learn_from(const Endpoint& source, const IntroductionResponse& response, TimePoint now)
{
    // From a private range a responder sees our LAN address, except where the whole network is private.
    const bool sees_outside = !settings.public_network || source.ip.is_global_unicast();
    if (sees_outside && may_contact(settings, response.destination)) {
        if (own.on_seen(source, response.destination, now)) changes.addresses = true;
        if (response.destination.ip != own.wan().ip) watch->in_doubt = true;
    }
    walk_to_introduced(response, now);
}

void Discovery::Parts::walk_to_introduced(const IntroductionResponse& response, TimePoint now)
{
    const Endpoint& wan = response.introduced_wan;
    const Endpoint& lan = response.introduced_lan;
    const auto hint = [&](const Endpoint& address, bool allowed) {
        const bool useless = own.is_exactly(address) || watch->bootstrap.is_server(address);
        if (allowed && !useless && peers.at(address) == nullptr) watch->walker.add_introduced(address, now);
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

void Discovery::heard_from(const Endpoint& source) noexcept
{
    parts_->peers.heard(source, parts_->clock.now());
}

// --- time ------------------------------------------------------------------------------------------------------------

void Discovery::tick()
{
    Parts& p = *parts_;
    if (!p.watch) return;
    const TimePoint now = p.clock.now();
    if (p.watch->last_tick && now - *p.watch->last_tick >= kSuspended) p.after_suspend(now);
    p.watch->last_tick = now;
    p.peers.expire(now);
    p.probe_silent(now);
    if (now >= p.watch->next_step) {
        p.watch->next_step = now + Walker::kStep;
        p.walk(now);
        p.ask_about_us(now);
    }
    p.refresh();
}

/// All peers were silent, but so were we.
void Discovery::Parts::after_suspend(TimePoint now)
{
    peers.doubt_all(now);
    for (const Peer& peer : peers.all())
        watch->walker.add_remembered(peer.address, now);
}

void Discovery::Parts::probe_silent(TimePoint now)
{
    for (const Liveness::Probe& probe : watch->liveness.due(peers, now)) {
        if (probe.means == Liveness::Means::ping)
            watch->sender.ping(probe.to, probe.identifier);
        else
            watch->context.request(probe.to, now);
    }
}

void Discovery::Parts::walk(TimePoint now)
{
    DiscoveryView have;
    candidates.describe(have);
    bool hungry = peers.proven() < Walker::kWantedPeers;
    if (!hungry && (have.relays < kFewRelays || have.exits < kFewExits) && now >= watch->next_slow_step) {
        watch->next_slow_step = now + kSlowStep;
        hungry = true;
    }
    for (const Endpoint& to : watch->walker.step(peers, hungry, now))
        watch->context.request(to, now);
    for (const Endpoint& server : watch->bootstrap.due(now, peers.proven() > 0))
        watch->context.request(server, now);
}

void Discovery::Parts::ask_about_us(TimePoint now)
{
    const bool doubt = watch->in_doubt && now >= watch->next_doubt;
    if (!doubt && now < watch->next_question) return;
    std::vector<Endpoint> proven;
    for (const Peer& peer : peers.all())
        if (peer.proof == PeerProof::answered) proven.push_back(peer.address);
    if (proven.empty()) return;
    watch->next_question = now + kAskAboutUs;
    if (doubt) watch->next_doubt = now + kAskAboutUs;
    watch->in_doubt = false;
    for (std::size_t asked = 0; asked < (doubt ? kAskedInDoubt : 1) && !proven.empty(); ++asked) {
        const std::size_t at = watch->context.random.below(static_cast<std::uint32_t>(proven.size()));
        watch->context.request(proven[at], now);
        proven.erase(proven.begin() + static_cast<std::ptrdiff_t>(at));
    }
}

void Discovery::Parts::refresh()
{
    if (!peers.take_changed() && !changes.addresses) return;
    const bool had_none = candidates.list().empty();
    if (!candidates.rebuild(peers.all(), own)) return;
    changes.candidates = true;
    if (had_none) watch->walker.hurry(clock.now()); // their silence was that of the network
}

// --- facts -----------------------------------------------------------------------------------------------------------

void Discovery::share(const std::vector<Candidate>& candidates, const std::vector<Endpoint>& own_addresses)
{
    Parts& p = *parts_;
    if (!p.watch) {
        p.own.share(own_addresses);
        static_cast<void>(p.candidates.replace(candidates, p.own));
        return;
    }
    const TimePoint now = p.clock.now();
    if (now - p.started > kSnapshotTime) return;
    p.own.share(own_addresses);
    for (const Candidate& candidate : candidates) {
        if (!p.candidates.is_fit(candidate, p.own)) continue;
        p.peers.remember(candidate, now);
        p.watch->walker.add_remembered(candidate.address, now);
    }
    p.refresh();
}

void Discovery::keep_guards(const std::vector<Guard>& guards)
{
    Parts& p = *parts_;
    if (!p.watch) return;
    std::vector<PublicKey> keys;
    std::vector<Endpoint> addresses;
    for (const Guard& guard : guards) {
        if (!p.candidates.is_fit({guard.key, guard.address, static_cast<PeerFlags>(PeerFlag::relay), false}, p.own))
            continue;
        keys.push_back(guard.key);
        addresses.push_back(guard.address);
    }
    p.peers.pin(std::move(keys));
    p.watch->walker.set_guards(addresses, p.clock.now());
}

void Discovery::mark_connectable(const PublicKey& key)
{
    parts_->peers.mark_connectable(key);
    if (!parts_->watch)
        parts_->candidates.mark_connectable(key);
    else
        parts_->refresh();
}

const std::vector<Candidate>& Discovery::candidates() const noexcept
{
    return parts_->candidates.list();
}

std::optional<Candidate> Discovery::find(const PublicKey& key) const
{
    const Candidate* candidate = parts_->candidates.find(key);
    return candidate == nullptr ? std::nullopt : std::optional(*candidate);
}

std::optional<Endpoint> Discovery::address_of(const PublicKey& key) const
{
    if (const Peer* peer = parts_->peers.find(key)) return peer->address;
    if (const Candidate* candidate = parts_->candidates.find(key)) return candidate->address;
    return std::nullopt;
}

std::optional<PublicKey> Discovery::key_at(const Endpoint& address) const
{
    const Peer* peer = parts_->peers.at(address);
    if (peer != nullptr && peer->proof != PeerProof::claimed) return peer->key;
    const auto it = std::ranges::find(candidates(), address, &Candidate::address);
    return it == candidates().end() ? std::nullopt : std::optional(it->key);
}

std::vector<Endpoint> Discovery::own_addresses() const
{
    return parts_->own.all();
}
bool Discovery::is_own(const Endpoint& address) const
{
    return parts_->own.is_own(address);
}
Endpoint Discovery::wan() const
{
    return parts_->own.wan();
}
DiscoveryChanges Discovery::take_changes() noexcept
{
    return std::exchange(parts_->changes, {});
}

DiscoveryView Discovery::view() const
{
    DiscoveryView out;
    parts_->candidates.describe(out);
    out.peers = static_cast<std::uint32_t>(parts_->peers.all().size());
    out.wan = parts_->own.wan();
    out.bootstrapping = parts_->watch != nullptr && parts_->peers.proven() == 0;
    return out;
}

void Discovery::add_drops(std::map<std::string, std::uint64_t>& drops) const
{
    for (const auto& [why, count] : parts_->drops)
        drops[why] += count;
}

} // namespace cepa::tunnel
