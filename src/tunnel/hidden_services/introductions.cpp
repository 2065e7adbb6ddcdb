#include "tunnel/hidden_services/introductions.hpp"

#include "tunnel/circuit/joined_reply.hpp"

#include <algorithm>
#include <array>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

constexpr Duration kRegisterAgain = 20s;
/// A request of a downloader is 155 bytes; deployed receivers tolerate trailing ones, seeders need not carry many.
constexpr std::size_t kLargestRequest = 512;
constexpr Duration kReplayKept = 60s;
constexpr std::size_t kMostRemembered = 4096;
/// A request costs us one seal.
constexpr std::uint32_t kAllRequestsBurst = 400;
constexpr std::uint32_t kAllRequestsPerSecond = 200;

const Address kNoDestination{};

} // namespace

Introductions::Introductions(Tools tools)
    : tools_(tools), shares_(tools.environment.random), all_(kAllRequestsBurst, kAllRequestsPerSecond),
      recent_(kReplayKept, kMostRemembered), alive_(std::make_shared<bool>(true))
{
}

bool Introductions::may_establish(const JoinedCircuit& circuit, const EstablishIntro& request) const
{
    if (!circuit.is_unused() || entries_.contains(request.swarm_key)) return false;
    if (entries_.size() >= kMostIntroductions) return false;
    if (tools_.settings.allow_equal_prefixes) return true;
    std::size_t of_address = 0;
    std::size_t of_swarm = 0;
    for (const auto& [key, entry] : entries_) {
        if (entry.source != circuit.previous.ip) continue;
        ++of_address;
        if (entry.introduction.lookup_hash == request.lookup_hash) ++of_swarm;
    }
    return of_address < kMostOfAddress && of_swarm < kMostOfAddressAndSwarm;
}

void Introductions::on_establish(JoinedCircuit& circuit, const EstablishIntro& request, TimePoint now)
{
    const Introduction introduction{request.lookup_hash, request.swarm_key, circuit.id};
    if (const auto known = entries_.find(request.swarm_key);
        known != entries_.end() && known->second.introduction == introduction) {
        // Our answer was lost, or is still to come.
        known->second.identifier = request.identifier;
        if (known->second.established)
            send_reply(circuit, IntroEstablished{request.identifier}, tools_.aead, tools_.sender);
        return;
    }
    if (!may_establish(circuit, request)) return tools_.counters.drop(Drop::introduction_refused);
    circuit.role = JoinedRole::introduction;
    Entry entry{introduction, circuit.previous.ip, request.identifier, false, now};
    enter(entries_.emplace(request.swarm_key, std::move(entry)).first->second, now);
}

void Introductions::enter(Entry& entry, TimePoint now)
{
    entry.registered = now;
    const Introduction introduction = entry.introduction; // the entry may go inside the call
    tools_.node.register_introduction(introduction,
                                      [this, introduction, alive = std::weak_ptr<bool>(alive_)](Registration answer) {
                                          if (!alive.expired()) on_entered(introduction, answer);
                                      });
}

// A registration that is repeated and refused only says that the register could not be reached or has just begun, unless
// the register says that nobody reaches us any more.
void Introductions::on_entered(const Introduction& introduction, Registration answer)
{
    const auto found = entries_.find(introduction.swarm_key);
    if (found == entries_.end() || found->second.introduction != introduction) return;
    if (found->second.established) {
        if (answer.unreachable) end_unreachable(introduction);
        return;
    }
    const Route route = tools_.routes.find(introduction.circuit);
    const bool here = route.kind == RouteKind::joined && route.joined().role == JoinedRole::introduction;
    if (!answer || !here) {
        entries_.erase(found);
        if (here) route.joined().role = JoinedRole::none;
        tools_.node.forget_introduction(introduction); // the refusal may only mean that no answer came
        return tools_.counters.drop(Drop::introduction_refused);
    }
    found->second.established = true;
    send_reply(route.joined(), IntroEstablished{found->second.identifier}, tools_.aead, tools_.sender);
}

// The seeder would take it for one that serves, for as long as the circuit lives.
void Introductions::end_unreachable(const Introduction& introduction)
{
    tools_.counters.drop(Drop::introduction_refused);
    const Route route = tools_.routes.find(introduction.circuit);
    if (route.kind != RouteKind::joined) return;
    const JoinedCircuit& circuit = route.joined();
    if (const auto& identity = tools_.settings.identity)
        tools_.sender.send_destroy(circuit.previous, circuit.id, *identity,
                                   static_cast<std::uint16_t>(DestroyReason::not_needed));
    tools_.joined.remove(introduction.circuit, tools_.environment.clock.now()); // forget()
}

void Introductions::forget(const JoinedCircuit& circuit)
{
    const auto found =
        std::ranges::find_if(entries_, [&](const auto& e) { return e.second.introduction.circuit == circuit.id; });
    if (found == entries_.end()) return;
    const Introduction introduction = found->second.introduction;
    entries_.erase(found);
    tools_.node.forget_introduction(introduction);
}

void Introductions::tick(TimePoint now)
{
    draw(now);
    std::vector<PublicKey> due; // the register may answer at once, and change the table
    for (const auto& [key, entry] : entries_)
        if (entry.established && now - entry.registered >= kRegisterAgain) due.push_back(key);
    for (const PublicKey& key : due)
        if (const auto found = entries_.find(key); found != entries_.end()) enter(found->second, now);
}

// The swarm of one of our circuits, or of a sibling's.
bool Introductions::serves(const CreateE2e& request) const
{
    const auto found = entries_.find(request.swarm_key);
    if (found != entries_.end() && found->second.established)
        return found->second.introduction.lookup_hash == request.lookup_hash;
    return tools_.environment.siblings != nullptr && tools_.node.circuit_of(request.swarm_key);
}

// Each seeder has its share before that of all together: who floods one takes nothing of what is there for the others.
void Introductions::on_create_e2e(const Endpoint& source, PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    const ByteSpan bytes = std::as_const(packet).bytes();
    const auto request = CreateE2e::parse(bytes.subspan(kPrefixSize + 1));
    if (!request || bytes.size() > kLargestRequest) return counters.drop(Drop::malformed);
    if (!serves(*request)) return counters.drop(Drop::unknown_swarm);
    const PublicKey& key = request->swarm_key;
    if (recent_.knows(request->ephemeral, now) || shares_.waits(key, request->ephemeral))
        return counters.drop(Drop::introduction_replayed);
    if (shares_.pass(key, now)) return let_pass(key, request->ephemeral, source, packet, now);
    const bool proven = tools_.node.is_proven(source.ip.unmapped());
    if (!shares_.wait(key, {source, proven, request->ephemeral, {bytes.begin(), bytes.end()}, now, 0}, now))
        counters.drop(Drop::introduction_flood);
}

// Only a key that passed is remembered, or a flood would make those of others forgotten.
void Introductions::let_pass(const PublicKey& swarm_key, const KeyBytes& ephemeral, const Endpoint& source,
                             PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (!all_.pass(now)) return counters.drop(Drop::introduction_flood);
    if (!recent_.accept(ephemeral, now)) return counters.drop(Drop::introduction_replayed);
    const auto found = entries_.find(swarm_key);
    if (found != entries_.end() && found->second.established) return forward(found->second, source, packet, now);
    const auto elsewhere = tools_.node.circuit_of(swarm_key);
    Siblings* siblings = tools_.environment.siblings;
    if (!elsewhere || siblings == nullptr) return counters.drop(Drop::unknown_swarm); // gone while it waited
    siblings->pass_on(*elsewhere, source, packet); // whose owner counts it, too
}

void Introductions::draw(TimePoint now)
{
    const std::size_t in_vain = shares_.draw(now, [&](const PublicKey& swarm_key, const WaitingRequest& request) {
        std::array<std::uint8_t, kPacketHeadroom + kLargestRequest + kPacketTailroom> room;
        std::ranges::copy(request.packet, room.begin() + kPacketHeadroom);
        PacketBuffer packet(room, kPacketHeadroom, request.packet.size());
        let_pass(swarm_key, request.ephemeral, request.source, packet, now);
    });
    for (std::size_t i = 0; i < in_vain; ++i)
        tools_.counters.drop(Drop::introduction_flood);
}

void Introductions::forward(Entry& entry, const Endpoint& source, PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    const Route route = tools_.routes.find(entry.introduction.circuit);
    if (route.kind != RouteKind::joined) return counters.drop(Drop::unknown_circuit);
    JoinedCircuit& circuit = route.joined();
    const std::size_t size = packet.size();
    if (!tools_.rate.pass(size, now)) return counters.drop(Drop::exit_rate);
    if (!tools_.budget.spend(size)) return counters.drop(Drop::month_limit);
    const Address from(Endpoint{source.ip.unmapped(), source.port});
    if (!prepend_data_header(packet, kNoDestination, from)) return counters.drop(Drop::too_large);
    if (!circuit.layer.seal(tools_.aead, packet)) return counters.drop(Drop::nonce_exhausted);
    tools_.sender.send_now(circuit.previous, packet, {circuit.id, false, false}); // one that waited has no batch
    circuit.bytes_in += size; // not its activity: strangers do not keep a circuit alive
    counters.exited_bytes += size;
}

} // namespace cepa::tunnel
