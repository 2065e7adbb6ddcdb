#include "tunnel/circuit/destroys.hpp"

#include "tunnel/discovery/messages.hpp"
#include "tunnel/discovery/signed_packet.hpp"

namespace cepa::tunnel {

std::optional<Destroys::Neighbour> Destroys::who_may(const Route& route) const
{
    switch (route.kind) {
    case RouteKind::own:
        return Neighbour{tools_.own.first_hop_key(route.own()), route.own().first_address()};
    case RouteKind::joined:
        return Neighbour{route.joined().previous_key, route.joined().previous};
    case RouteKind::spliced:
        return Neighbour{route.splice().previous_key, route.splice().previous};
    case RouteKind::relay_forward:
        return Neighbour{route.relay().previous.key, route.relay().previous.address};
    case RouteKind::relay_backward:
        return Neighbour{route.relay().next.key, route.relay().next.address};
    default:
        return std::nullopt;
    }
}

// The signature is checked last: only who knows the circuit, its neighbour's address and key can make us work.
void Destroys::on_packet(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    Reader reader(packet.subspan(kPrefixSize + 1));
    const auto key = PublicKey::parse(reader.varlen());
    const CircuitId id(reader.u32());
    if (!key || !reader.ok()) return counters.drop(Drop::malformed);
    const Route route = tools_.routes.find(id);
    const std::optional<Neighbour> neighbour = who_may(route);
    if (!neighbour) return counters.drop(Drop::unknown_circuit);
    if (*key != neighbour->key || source.ip != neighbour->address.ip) return counters.drop(Drop::destroy_refused);
    const Result<SignedPacket> opened = open_signed(packet, TimeField::absent);
    const auto destroy = opened ? Destroy::parse(opened->body) : std::nullopt;
    if (!destroy) return counters.drop(Drop::destroy_refused);
    obey(route, destroy->reason, now);
}

void Destroys::obey(const Route& route, std::uint16_t reason, TimePoint now)
{
    switch (route.kind) {
    case RouteKind::own:
        return tools_.own.on_destroyed(route.own(), now);
    case RouteKind::joined:
        tools_.exits.flush(); // what the batch has queued still leaves
        return tools_.joined.remove(route.joined().id, now);
    case RouteKind::spliced:
        return tools_.splices.on_destroyed(route.splice().id, reason, now);
    default:
        tools_.relays.on_destroyed(route.relay(), route.kind, reason, now);
    }
}

} // namespace cepa::tunnel
