#include "tunnel/hidden_services/rendezvous.hpp"

#include "tunnel/circuit/joined_reply.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

/// What the other side needs to send to this one. The circuit seals nothing after this.
LinkHalf half_of(JoinedCircuit& circuit)
{
    return {circuit.id, circuit.previous, circuit.layer.take_sealing_right()};
}

} // namespace

Rendezvous::Rendezvous(Tools tools) : tools_(std::move(tools)), alive_(std::make_shared<bool>(true)) {}

void Rendezvous::on_establish(JoinedCircuit& circuit, const EstablishRendezvous& request)
{
    Counters& counters = tools_.counters;
    const auto known = waiting_.find(request.cookie);
    const bool again = known != waiting_.end() && known->second == circuit.id;
    const bool may = again || (circuit.is_unused() && known == waiting_.end() && waiting_.size() < kMostWaiting);
    const Endpoint own = tools_.own_address();
    if (!may || own.is_null()) return counters.drop(Drop::rendezvous_refused);
    if (!again) {
        circuit.role = JoinedRole::rendezvous;
        waiting_.emplace(request.cookie, circuit.id);
        if (Siblings* siblings = tools_.environment.siblings) siblings->offer_rendezvous(request.cookie, circuit.id);
    }
    send_reply(circuit, RendezvousEstablished{request.identifier, own}, tools_.aead, tools_.sender);
}

JoinedCircuit* Rendezvous::waiting_under(const Cookie& cookie) const
{
    const auto found = waiting_.find(cookie);
    if (found == waiting_.end()) return nullptr;
    const Route route = tools_.routes.find(found->second);
    const bool waits = route.kind == RouteKind::joined && route.joined().role == JoinedRole::rendezvous;
    return waits ? &route.joined() : nullptr;
}

void Rendezvous::withdraw(const Cookie& cookie)
{
    waiting_.erase(cookie);
    if (Siblings* siblings = tools_.environment.siblings) siblings->withdraw_rendezvous(cookie);
}

void Rendezvous::on_link(JoinedCircuit& circuit, const LinkE2e& request, TimePoint now)
{
    if (!circuit.is_unused()) return tools_.counters.drop(Drop::link_refused);
    if (JoinedCircuit* waiting = waiting_under(request.cookie)) return link_here(circuit, *waiting, request, now);
    if (tools_.environment.siblings == nullptr) return tools_.counters.drop(Drop::link_refused);
    link_elsewhere(circuit, request);
}

void Rendezvous::link_here(JoinedCircuit& circuit, JoinedCircuit& waiting, const LinkE2e& request, TimePoint now)
{
    withdraw(request.cookie);
    // The last that is sealed for the downloader by us as its last hop.
    if (!send_reply(circuit, LinkedE2e{request.identifier}, tools_.aead, tools_.sender))
        return tools_.counters.drop(Drop::nonce_exhausted);
    LinkHalf downloader = half_of(circuit);
    LinkHalf seeder = half_of(waiting);
    const auto near = tools_.joined.release(circuit.id, now);
    const auto far = tools_.joined.release(waiting.id, now);
    tools_.splices.add(std::move(*near), std::move(seeder), now);
    tools_.splices.add(std::move(*far), std::move(downloader), now);
}

// The answer is sealed now, because the right to seal leaves with the call, and sent when the link stands.
void Rendezvous::link_elsewhere(JoinedCircuit& circuit, const LinkE2e& request)
{
    MessageRoom room;
    PacketBuffer cell = room.write(LinkedE2e{request.identifier});
    if (!circuit.layer.seal(tools_.aead, cell)) return tools_.counters.drop(Drop::nonce_exhausted);
    circuit.role = JoinedRole::linking;
    Bytes sealed(cell.bytes().begin(), cell.bytes().end());
    tools_.environment.siblings->link(request.cookie, half_of(circuit),
                                      [this, id = circuit.id, told = circuit.previous, sealed = std::move(sealed),
                                       alive = std::weak_ptr<bool>(alive_)](std::optional<LinkHalf> theirs) {
                                          if (!alive.expired()) on_linked(id, told, sealed, std::move(theirs));
                                      });
}

void Rendezvous::on_linked(CircuitId id, const Endpoint& told, ByteSpan linked, std::optional<LinkHalf> theirs)
{
    const TimePoint now = tools_.environment.clock.now();
    const Route route = tools_.routes.find(id);
    const bool waits = route.kind == RouteKind::joined && route.joined().role == JoinedRole::linking;
    if (!waits) {
        if (theirs) tools_.environment.siblings->unlinked(id);
        return;
    }
    if (!theirs) return give_up(route.joined(), now);
    const auto was = tools_.joined.release(id, now);
    const Endpoint to = was->previous;
    tools_.splices.add(std::move(*was), std::move(*theirs), now);
    std::array<std::uint8_t, kPacketHeadroom + kMaxSentPacket> room;
    std::ranges::copy(linked, room.begin() + kPacketHeadroom);
    PacketBuffer cell(room, kPacketHeadroom, linked.size());
    tools_.sender.send_now(to, cell, {id, false, false});
    if (to != told) tools_.environment.siblings->moved(id, to); // while it was being linked
}

// It cannot even be answered any more: its originator is told to go elsewhere.
void Rendezvous::give_up(const JoinedCircuit& circuit, TimePoint now)
{
    tools_.counters.drop(Drop::link_refused);
    if (tools_.identity != nullptr)
        tools_.sender.send_destroy(circuit.previous, circuit.id, *tools_.identity,
                                   static_cast<std::uint16_t>(DestroyReason::not_needed));
    tools_.joined.remove(circuit.id, now);
}

std::optional<LinkHalf> Rendezvous::link(const Cookie& cookie, LinkHalf theirs, TimePoint now)
{
    JoinedCircuit* waiting = waiting_under(cookie);
    if (waiting == nullptr || waiting->id == theirs.circuit || theirs.seal.left == 0) return std::nullopt;
    waiting_.erase(cookie); // whoever brought the two together has done with the offer
    LinkHalf ours = half_of(*waiting);
    const auto was = tools_.joined.release(waiting->id, now);
    tools_.splices.add(std::move(*was), std::move(theirs), now);
    return ours;
}

void Rendezvous::unlink(CircuitId mine, TimePoint now)
{
    const Route route = tools_.routes.find(mine);
    if (route.kind == RouteKind::joined && route.joined().role == JoinedRole::linking) give_up(route.joined(), now);
}

void Rendezvous::forget(const JoinedCircuit& circuit)
{
    const auto found = std::ranges::find_if(waiting_, [&](const auto& entry) { return entry.second == circuit.id; });
    if (found != waiting_.end()) withdraw(Cookie(found->first));
}

} // namespace cepa::tunnel
