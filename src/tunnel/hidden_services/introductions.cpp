#include "tunnel/hidden_services/introductions.hpp"

#include "tunnel/circuit/joined_reply.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

constexpr Duration kRegisterAgain = 20s;
/// A request of a downloader is 155 bytes; deployed receivers tolerate trailing ones, seeders need not carry many.
constexpr std::size_t kLargestRequest = 512;
constexpr Duration kReplayKept = 60s;
constexpr std::size_t kMostRemembered = 4096;
/// A request costs us one seal.
constexpr std::uint32_t kAllRequestsBurst = 200;
constexpr std::uint32_t kAllRequestsPerSecond = 50;

const Address kNoDestination{};

} // namespace

Introductions::Introductions(Tools tools)
    : tools_(tools), shares_(tools.settings.allow_equal_prefixes), all_(kAllRequestsBurst, kAllRequestsPerSecond),
      recent_(kReplayKept, kMostRemembered), alive_(std::make_shared<bool>(true))
{
}

bool Introductions::may_establish(const JoinedCircuit& circuit, const EstablishIntro& request) const
{
    if (!circuit.is_unused() || entries_.contains(request.swarm_key)) return false;
    if (entries_.size() >= kMostIntroductions) return false;
    if (tools_.settings.allow_equal_prefixes) return true;
    const auto same = std::ranges::count(entries_, circuit.previous.ip, [](const auto& e) { return e.second.source; });
    return static_cast<std::size_t>(same) < kMostOfAddress;
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
                                      [this, introduction, alive = std::weak_ptr<bool>(alive_)](bool accepted) {
                                          if (!alive.expired()) on_entered(introduction, accepted);
                                      });
}

// A registration that is repeated and refused only says that the register could not be reached or has just begun.
void Introductions::on_entered(const Introduction& introduction, bool accepted)
{
    const auto found = entries_.find(introduction.swarm_key);
    if (found == entries_.end() || found->second.introduction != introduction || found->second.established) return;
    const Route route = tools_.routes.find(introduction.circuit);
    const bool here = route.kind == RouteKind::joined && route.joined().role == JoinedRole::introduction;
    if (!accepted || !here) {
        entries_.erase(found);
        if (here) route.joined().role = JoinedRole::none;
        tools_.node.forget_introduction(introduction); // the refusal may only mean that no answer came
        return tools_.counters.drop(Drop::introduction_refused);
    }
    found->second.established = true;
    send_reply(route.joined(), IntroEstablished{found->second.identifier}, tools_.aead, tools_.sender);
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
    std::vector<PublicKey> due; // the register may answer at once, and change the table
    for (const auto& [key, entry] : entries_)
        if (entry.established && now - entry.registered >= kRegisterAgain) due.push_back(key);
    for (const PublicKey& key : due)
        if (const auto found = entries_.find(key); found != entries_.end()) enter(found->second, now);
}

// In this order, so that who floods one seeder takes nothing of what is there for the others.
bool Introductions::may_ask(const Endpoint& source, const PublicKey& swarm_key, TimePoint now)
{
    return shares_.pass(swarm_key, source.ip, now) && all_.pass(now);
}

void Introductions::on_create_e2e(const Endpoint& source, PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    const ByteSpan bytes = std::as_const(packet).bytes();
    const auto request = CreateE2e::parse(bytes.subspan(kPrefixSize + 1));
    if (!request || bytes.size() > kLargestRequest) return counters.drop(Drop::malformed);
    const auto found = entries_.find(request->swarm_key);
    const bool here = found != entries_.end() && found->second.established;
    const auto elsewhere = here ? std::nullopt : tools_.node.circuit_of(request->swarm_key);
    Siblings* siblings = tools_.environment.siblings;
    if (!here && (!elsewhere || siblings == nullptr)) return counters.drop(Drop::unknown_swarm);
    if (here && found->second.introduction.lookup_hash != request->lookup_hash)
        return counters.drop(Drop::unknown_swarm);
    if (recent_.knows(request->ephemeral, now)) return counters.drop(Drop::introduction_replayed);
    // Where it is passed on its owner counts it, too.
    if (!may_ask(source, request->swarm_key, now)) return counters.drop(Drop::introduction_flood);
    static_cast<void>(recent_.accept(request->ephemeral, now));
    if (!here) return siblings->pass_on(*elsewhere, source, packet);
    forward(found->second, source, packet, now);
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
    tools_.sender.queue(circuit.previous, packet, {circuit.id, false, false});
    circuit.bytes_in += size; // not its activity: strangers do not keep a circuit alive
    counters.exited_bytes += size;
}

} // namespace cepa::tunnel
