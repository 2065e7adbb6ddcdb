#include "tunnel/discovery/discovery.hpp"

#include "tunnel/discovery/address_rules.hpp"
#include "tunnel/discovery/bootstrap.hpp"
#include "tunnel/discovery/candidates.hpp"
#include "tunnel/discovery/peer_introductions.hpp"
#include "tunnel/discovery/liveness.hpp"
#include "tunnel/discovery/message_sender.hpp"
#include "tunnel/discovery/peer_table.hpp"
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
/// Below these many hops to choose from the walk goes on although there are enough peers.
constexpr std::uint32_t kFewRelays = 4;
constexpr std::uint32_t kFewExits = 3;
constexpr auto kSlowStep = std::chrono::seconds(5);
constexpr auto kNewsLast = std::chrono::seconds(60);
/// With peers enough nobody is asked any more, and pongs carry no address: only a request to a proven peer now and then
/// tells us that our own address has changed. When one says so, as many others are asked as have a vote.
constexpr auto kAskAboutUs = std::chrono::seconds(60);
constexpr std::size_t kAskedInDoubt = 16;

} // namespace

/// What only worker 0 has.
struct Watch {
    Watch(const TunnelSettings& settings, const Environment& environment, PeerTable& table, OwnAddresses& own,
          DropCounts& drops, PeerIntroductions::Hooks hooks)
        : sender(settings, own, environment.packets),
          walker(environment.random, settings.allow_equal_prefixes && !settings.public_network),
          liveness(environment.random), bootstrap(settings.bootstrap),
          context{settings, environment.random, table, own, walker, bootstrap, sender, drops},
          introductions(context, std::move(hooks))
    {
    }

    MessageSender sender;
    Walker walker;
    Liveness liveness;
    Bootstrap bootstrap;
    DiscoveryContext context;
    PeerIntroductions introductions;
    TimePoint next_step{};
    TimePoint next_slow_step{};
    TimePoint last_news{}; ///< of a change among the peers
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
        const auto on_own = [this](const Endpoint& responder, const Endpoint& seen) { on_seen(responder, seen); };
        watch = std::make_unique<Watch>(s, e, peers, own, drops, PeerIntroductions::Hooks{{}, on_own});
        for (const Endpoint& address : s.walk_to)
            if (!own.is_exactly(address)) watch->walker.add_named(address, started);
    }

    void on_discovery_packet(const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_seen(const Endpoint& responder, const Endpoint& seen);
    void on_pong(const Endpoint& source, ByteSpan packet, TimePoint now);
    void probe_silent(TimePoint now);
    void walk(TimePoint now);
    void ask_about_us(TimePoint now);
    [[nodiscard]] std::vector<Endpoint> proven_addresses() const;
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
    if (has_prefix(packet, p.watch->sender.prefix(Overlay::own)))
        ours = p.watch->introductions.on_packet(Overlay::own, source, packet, now);
    else if (has_prefix(packet, p.watch->sender.prefix(Overlay::discovery)))
        p.on_discovery_packet(source, packet, now);
    else
        return false;
    p.refresh();
    return ours;
}

void Discovery::Parts::on_discovery_packet(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    if (watch->introductions.on_packet(Overlay::discovery, source, packet, now)) return;
    switch (packet_message_id(packet)) {
    case discovery_id::kSimilarityRequest:
        return watch->introductions.responder().similarity_request(source, packet, now);
    case discovery_id::kPing:
        return watch->introductions.responder().ping(source, packet, now);
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

void Discovery::Parts::on_seen(const Endpoint& responder, const Endpoint& seen)
{
    if (own.on_seen(responder, seen, clock.now())) changes.addresses = true;
    if (seen.ip != own.wan().ip) watch->in_doubt = true;
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
    const bool alone = peers.proven() == 0;
    const bool few_hops = have.relays < kFewRelays || have.exits < kFewExits;
    const bool wanted = peers.proven() < Walker::kWantedPeers || few_hops;
    // In a small network nobody is left to be found: without news the walk only goes on slowly.
    bool hungry = wanted && (alone || now - watch->last_news < kNewsLast);
    if (wanted && !hungry && now >= watch->next_slow_step) {
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
    std::vector<Endpoint> proven = proven_addresses();
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
    const bool news = peers.take_changed();
    if (news && watch) watch->last_news = clock.now();
    if (!news && !changes.addresses) return;
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

std::vector<Endpoint> Discovery::Parts::proven_addresses() const
{
    std::vector<Endpoint> out;
    for (const Peer& peer : peers.all())
        if (peer.proof == PeerProof::answered) out.push_back(peer.address);
    return out;
}

std::vector<Endpoint> Discovery::proven_addresses() const
{
    return parts_->proven_addresses();
}

OwnAddresses& Discovery::own() noexcept
{
    return parts_->own;
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

void Discovery::set_host_addresses(const std::vector<IpAddress>& addresses)
{
    parts_->own.set_host_addresses(addresses);
}

DiscoveryView Discovery::view() const
{
    DiscoveryView out;
    parts_->candidates.describe(out);
    out.peers = static_cast<std::uint32_t>(parts_->peers.all().size());
    out.wan = parts_->own.wan();
    out.bootstrapping = parts_->watch != nullptr && parts_->peers.proven() == 0;
    out.reach.translation = parts_->own.translation();
    return out;
}

void Discovery::add_drops(std::map<std::string, std::uint64_t>& drops) const
{
    for (const auto& [why, count] : parts_->drops)
        drops[why] += count;
}

} // namespace cepa::tunnel
