#include "tunnel/circuit/joining.hpp"

#include "tunnel/crypto/handshake.hpp"
#include "tunnel/crypto/random.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

constexpr Duration kExtendWithin = 60s;
constexpr Duration kAnswerWithin = 10s;
constexpr std::size_t kMostPending = 3;
constexpr std::uint32_t kMostExtends = 6; // what an originator may send on one circuit
constexpr std::size_t kMostOfferedRelays = 4;
constexpr std::size_t kMostOfferedExits = 4;

void pick(std::vector<Candidate>& from, std::size_t count, RandomSource& random, std::vector<Candidate>& out)
{
    for (std::size_t i = 0; i < from.size() && i < count; ++i) {
        std::swap(from[i], from[i + random.below(static_cast<std::uint32_t>(from.size() - i))]);
        out.push_back(from[i]);
    }
}

Offer as_offer(const std::vector<Candidate>& candidates)
{
    Offer out;
    for (const Candidate& c : candidates)
        (has(c.flags, PeerFlag::exit_bittorrent) ? out.exits : out.relays).push_back(c.key);
    return out;
}

} // namespace

Joining::Joining(Tools tools)
    : tools_(tools),
      limits_(tools.settings.max_joined_circuits, tools.settings.allow_equal_prefixes, tools.settings.workers),
      alive_(std::make_shared<bool>(true))
{
}

std::uint32_t Joining::total() const noexcept
{
    return static_cast<std::uint32_t>(tools_.joined.size() + 2 * tools_.relays.size() + tools_.splices.size());
}

Occupancy Joining::occupancy(const IpAddress& source) const
{
    Occupancy out{total(), 0, 0};
    const IpAddress prefix = source.diversity_prefix();
    const auto count = [&](const IpAddress& other, std::uint32_t places) {
        if (other == source) out.same_address += places;
        if (other.diversity_prefix() == prefix) out.same_prefix += places;
    };
    tools_.joined.for_each([&](const JoinedCircuit& circuit) { count(circuit.previous.ip, 1); });
    tools_.relays.for_each([&](const Relay& relay) { count(relay.previous.address.ip, 2); });
    tools_.splices.for_each([&](const Splice& splice) { count(splice.previous.ip, 1); });
    return out;
}

bool Joining::may_join(const Endpoint& source, const Create& create, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (tools_.discovery.is_own(source) || create.node_key == tools_.settings.identity_public) {
        counters.drop(Drop::create_from_self);
        return false;
    }
    const JoinLimits::Verdict glance = limits_.glance(total(), now); // before all circuits are looked at
    const bool may = glance == JoinLimits::Verdict::admitted;
    switch (may ? limits_.admit(source, occupancy(source.ip), now) : glance) {
    case JoinLimits::Verdict::admitted:
        return true;
    case JoinLimits::Verdict::full:
        counters.drop(Drop::create_full);
        return false;
    case JoinLimits::Verdict::flood:
        counters.drop(Drop::create_flood);
    }
    return false;
}

// Without a list the answer is smaller than the question: an address that was never seen to answer, or a flood, must
// not make us send six times of what we got.
std::vector<Candidate> Joining::offer_for(const Endpoint& source, TimePoint now)
{
    const bool verified = tools_.discovery.key_at(source).has_value() || limits_.proven(source.ip);
    if (!verified || limits_.busy(now)) return {};
    std::vector<Candidate> relays;
    std::vector<Candidate> exits;
    for (const Candidate& candidate : tools_.discovery.candidates()) {
        if (!has(candidate.flags, PeerFlag::relay) || candidate.address == source) continue;
        (has(candidate.flags, PeerFlag::exit_bittorrent) ? exits : relays).push_back(candidate);
    }
    std::vector<Candidate> out;
    pick(relays, kMostOfferedRelays, tools_.environment.random, out);
    pick(exits, kMostOfferedExits, tools_.environment.random, out);
    return out;
}

void Joining::on_create(const Endpoint& source, CircuitId circuit, ByteSpan body, TimePoint now)
{
    Counters& counters = tools_.counters;
    const TunnelSettings& settings = tools_.settings;
    if (!settings.identity || !has(settings.flags(), PeerFlag::relay)) return counters.drop(Drop::no_role);
    if (tools_.budget.exhausted()) return counters.drop(Drop::month_limit);
    const auto create = Create::parse(body);
    if (!create) return counters.drop(Drop::malformed);
    if (!may_join(source, *create, now)) return;
    RandomSource& random = tools_.environment.random;
    Result<HandshakeAnswer> answer =
        answer_handshake(settings.identity->x25519_secret(), EphemeralKey::generate(random), create->ephemeral);
    if (!answer) return counters.drop(Drop::malformed);
    auto joined = std::make_unique<JoinedCircuit>(circuit, source, create->node_key,
                                                  Layer::responder(std::move(answer->keys)), now);
    joined->offered = offer_for(source, now);
    const Result<Bytes> list = joined->layer.seal_offer(tools_.aead, random, as_offer(joined->offered).encode());
    if (!list) return counters.drop(Drop::nonce_exhausted);
    tools_.joined.add(std::move(joined));
    tools_.sender.send_plain(source, circuit, Created{create->identifier, answer->ephemeral, answer->auth, *list});
}

bool Joining::is_known(const JoinedCircuit& circuit, const PublicKey& key) const
{
    const auto offered = [&](const Candidate& c) { return c.key == key; };
    return std::ranges::any_of(circuit.offered, offered) || tools_.discovery.address_of(key).has_value();
}

/// Never ourselves, never straight back, never an address that no node of this network can have.
bool Joining::may_extend_to(const JoinedCircuit& circuit, const PublicKey& key, const Endpoint& address) const
{
    const TunnelSettings& settings = tools_.settings;
    if (key == settings.identity_public || tools_.discovery.is_own(address)) return false;
    if (address.port == 0 || address.ip.is_unspecified() || address == circuit.previous) return false;
    if (address.ip.is_loopback()) return settings.allow_loopback;
    return !settings.public_network || address.ip.is_global_unicast();
}

/// The address of whom we offered, else what we know of the key, else what the originator says.
std::optional<Endpoint> Joining::extend_address(const JoinedCircuit& circuit, const Extend& extend) const
{
    const auto offered =
        std::ranges::find_if(circuit.offered, [&](const Candidate& c) { return c.key == extend.node_key; });
    Endpoint out = extend.address;
    if (offered != circuit.offered.end())
        out = offered->address;
    else if (extend.address.is_null())
        return std::nullopt;
    else if (const auto known = tools_.discovery.address_of(extend.node_key))
        out = *known;
    return may_extend_to(circuit, extend.node_key, out) ? std::optional(out) : std::nullopt;
}

void Joining::on_extend(JoinedCircuit& circuit, ByteSpan body, TimePoint now)
{
    Counters& counters = tools_.counters;
    const auto extend = Extend::parse(body);
    if (!extend) return counters.drop(Drop::malformed);
    if (circuit.role != JoinedRole::none || now - circuit.created > kExtendWithin || circuit.extends >= kMostExtends ||
        circuit.pending.size() >= kMostPending)
        return counters.drop(Drop::extend_refused);
    ++circuit.extends;
    const bool known = is_known(circuit, extend->node_key);
    const auto address = extend_address(circuit, *extend);
    const auto next = address ? begin_extend(circuit, *extend, *address, now) : std::nullopt;
    // A node that we do not know may be behind a NAT that has not heard of us: the DHT has it open its way, and tells
    // where it is if the originator did not.
    const bool searching = !known && (next || extend->address.is_null()) && search(circuit, *extend, next, now);
    if (!next && !searching) counters.drop(Drop::extend_refused);
}

std::optional<CircuitId> Joining::begin_extend(JoinedCircuit& circuit, const Extend& extend, const Endpoint& address,
                                               TimePoint now)
{
    RandomSource& random = tools_.environment.random;
    const auto next = tools_.routes.draw_id(random, tools_.environment.ids);
    if (!next) return std::nullopt;
    const std::uint16_t identifier = random_u16(random);
    tools_.joined.expect(circuit,
                         {*next, identifier, extend.identifier, address, extend.node_key, now + kAnswerWithin});
    tools_.sender.send_plain(address, *next, Create{identifier, tools_.settings.identity_public, extend.ephemeral});
    return next;
}

bool Joining::search(const JoinedCircuit& circuit, const Extend& extend, std::optional<CircuitId> next, TimePoint now)
{
    const bool sensible = tools_.node != nullptr && extend.node_key != tools_.settings.identity_public;
    if (!sensible || !searches_.admit(now)) return false;
    const auto found = [this, id = circuit.id, created = circuit.created, extend, next,
                        alive = std::weak_ptr(alive_)](const std::optional<Endpoint>& address) {
        if (alive.expired()) return;
        const Route route = tools_.routes.find(id);
        const bool there = route.kind == RouteKind::joined && route.joined().created == created;
        if (address && there) return on_node_found(route.joined(), extend, next, *address);
        if (!next) tools_.counters.drop(Drop::extend_unanswered);
    };
    tools_.node->find_node(extend.node_key, found);
    return true;
}

void Joining::on_node_found(JoinedCircuit& circuit, const Extend& extend, std::optional<CircuitId> next,
                            const Endpoint& found)
{
    if (!may_extend_to(circuit, extend.node_key, found)) return tools_.counters.drop(Drop::extend_refused);
    if (!next) {
        const bool late = circuit.role != JoinedRole::none || circuit.pending.size() >= kMostPending;
        if (late || !begin_extend(circuit, extend, found, tools_.environment.clock.now()))
            tools_.counters.drop(Drop::extend_refused);
        return;
    }
    const auto pending = std::ranges::find(circuit.pending, *next, &PendingExtend::next);
    if (pending == circuit.pending.end()) return;
    pending->address = found; // where the node has just proven to be
    tools_.sender.send_plain(found, *next,
                             Create{pending->identifier, tools_.settings.identity_public, extend.ephemeral});
}

void Joining::on_created(JoinedCircuit& circuit, const Endpoint& source, CircuitId next, ByteSpan body, TimePoint now)
{
    Counters& counters = tools_.counters;
    const auto created = Created::parse(body);
    if (!created) return counters.drop(Drop::malformed);
    const auto extend = std::ranges::find_if(circuit.pending, [&](const PendingExtend& p) { return p.next == next; });
    if (extend == circuit.pending.end() || extend->identifier != created->identifier || extend->deadline <= now)
        return counters.drop(Drop::unexpected_answer);
    if (source != extend->address) return counters.drop(Drop::wrong_source);
    const PendingExtend chosen = *extend;
    become_relay(circuit, chosen, *created, now);
}

void Joining::become_relay(JoinedCircuit& circuit, const PendingExtend& extend, const Created& created, TimePoint now)
{
    const std::unique_ptr<JoinedCircuit> was = tools_.joined.release(circuit.id, now);
    auto relay = std::make_unique<Relay>(RelayLink{was->id, was->previous, was->previous_key},
                                         RelayLink{extend.next, extend.address, extend.key}, std::move(was->layer),
                                         std::move(was->window), now);
    MessageRoom room;
    PacketBuffer message =
        room.write(Extended{extend.extend_identifier, created.ephemeral, created.auth, created.candidates_enc});
    if (!message.empty() && relay->layer.seal(tools_.aead, message))
        tools_.sender.send_now(relay->previous.address, message, {relay->previous.id, false, false});
    tools_.relays.add(std::move(relay));
}

} // namespace cepa::tunnel
