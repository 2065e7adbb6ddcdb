#include "tunnel/tunnel_parts.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// Ticks come every 50 ms; a gap like this means that the machine slept, and that every peer has forgotten us.
constexpr Duration kSuspended = 15s;
constexpr Duration kSweepEvery = 1s;

// Another address beside the old ones is only more knowledge; one that is gone means that we moved.
bool any_is_gone(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after)
{
    return !std::ranges::all_of(before, [&](const Endpoint& old) {
        return std::ranges::any_of(after, [&](const Endpoint& e) { return e.ip == old.ip; });
    });
}

} // namespace

Tunnel::Parts::Parts(TunnelSettings s, Environment e, TunnelObserver& o)
    : settings(std::move(s)), reach(settings, e.clock.now()), noting(e.packets, reach, e.clock),
      environment{e.clock, e.random, noting, e.exit_sockets, e.resolver, e.ids, e.siblings}, observer(o),
      discovery_prefix(make_prefix(kDiscoveryOverlay)), started(e.clock.now()), now(started), routes(e.random),
      sender(settings.overlay, noting, counters), exit_rate(settings.exit_rate_bytes_per_s),
      budget(settings.month_bytes_left), discovery(settings, environment),
      directory(settings.keeps_directory()
                    ? std::make_unique<Directory>(Directory::Tools{settings, environment, discovery,
                                                                   [this](ByteSpan hash) { sightings.note(hash); },
                                                                   [this] { return reach.strangers_get_in(now); }})
                    : nullptr),
      selection({settings.identity_public, settings.family, settings.public_network,
                 settings.allow_loopback && !settings.public_network,
                 settings.allow_equal_prefixes && !settings.public_network, settings.discover, settings.workers,
                 [this](const Endpoint& address) { return discovery.is_own(address); }},
                settings.guards, e.random),
      exits({settings, environment, routes, sender, aead, counters, exit_rate, budget}), joined(routes),
      relays({routes, sender, aead, counters, budget, settings.identity ? &*settings.identity : nullptr},
             settings.relay_rate_bytes_per_s),
      splices({routes, sender, aead, counters, relays, settings.identity ? &*settings.identity : nullptr, e.siblings}),
      node(e.siblings, directory.get()), serving({settings, environment, routes, sender, aead, counters, exit_rate,
                                                  budget, joined, splices, node, [this] { return own_address(); }}),
      answers(e.clock, serving, splices, directory.get()),
      joining(
          {settings, environment, routes, sender, aead, counters, budget, discovery, joined, relays, splices, &node}),
      last_hop({sender, aead, counters, e.random, exit_rate, budget, joining, exits,
                [this](ByteSpan hash) { sightings.note(hash); }, &serving}),
      own({selection, *this, routes, sender, aead, counters, environment, observer}),
      swarms({own, sender, aead, counters, e.random, settings, observer,
              [this](const Endpoint& address) { return discovery.is_own(address); }}),
      destroys({routes, counters, own, joined, relays, exits, splices})
{
    discovery.keep_guards(selection.guards().all());
    on_addresses(discovery.own_addresses(), {}); // nobody has told us anything yet
}

std::int64_t Tunnel::Parts::now_unix_s() const
{
    return settings.start_unix_s + std::chrono::duration_cast<std::chrono::seconds>(now - started).count();
}

void Tunnel::Parts::begin_batch()
{
    if (in_batch) return;
    in_batch = true;
    now = environment.clock.now(); // once per batch: no packet of it waited long
}

void Tunnel::Parts::end_batch()
{
    exits.flush();
    sender.flush();
    in_batch = false;
    take_changes();
}

void Tunnel::Parts::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    begin_batch();
    counters.packet_bytes_in += packet.size();
    const ByteSpan bytes = packet.bytes();
    if (!has_prefix(bytes, sender.prefix())) {
        reach.on_received(source.ip, now);
        const bool taken = has_prefix(bytes, discovery_prefix) ? discovery.on_packet(source, bytes)
                                                               : directory && directory->on_packet(source, bytes);
        if (!taken) counters.drop(Drop::unknown_prefix);
        return;
    }
    switch (static_cast<MessageId>(packet_message_id(bytes))) {
    case MessageId::cell:
        return on_cell(source, packet);
    case MessageId::destroy:
        return destroys.on_packet(source, bytes, now);
    default:
        on_other(source, packet);
    }
}

void Tunnel::Parts::on_cell(const Endpoint& source, PacketBuffer& packet)
{
    const auto header = read_cell_header(packet.bytes());
    if (!header) return counters.drop(Drop::malformed);
    ++counters.cells_in;
    const Route route = routes.find(header->circuit);
    switch (route.kind) {
    case RouteKind::relay_forward:
        return relays.forward(route.relay(), source, *header, packet, now);
    case RouteKind::relay_backward:
        return relays.backward(route.relay(), source, *header, packet, now);
    case RouteKind::own:
        if (own.on_cell(route.own(), source, *header, packet, now)) discovery.heard_from(source);
        return;
    case RouteKind::joined:
        if (last_hop.on_cell(route.joined(), source, *header, packet, now)) discovery.heard_from(source);
        return;
    case RouteKind::spliced:
        return splices.on_cell(route.splice(), source, *header, packet, now);
    case RouteKind::pending:
        return on_pending(route.joined(), source, *header, packet.bytes());
    case RouteKind::lingering:
        return counters.drop(Drop::closing);
    case RouteKind::none:
        on_plain_stranger(source, *header, packet.bytes());
    }
}

void Tunnel::Parts::on_plain_stranger(const Endpoint& source, const CellHeader& header, ByteSpan packet)
{
    const ByteSpan message = packet.subspan(kCellHeaderSize);
    if (!header.plaintext || message.empty() || message[0] != static_cast<std::uint8_t>(MessageId::create))
        return counters.drop(Drop::unknown_circuit);
    reach.on_received(source.ip, now);
    joining.on_create(source, header.circuit, message.subspan(1), now);
}

void Tunnel::Parts::on_pending(JoinedCircuit& circuit, const Endpoint& source, const CellHeader& header,
                               ByteSpan packet)
{
    const ByteSpan message = packet.subspan(kCellHeaderSize);
    if (!header.plaintext || message.empty() || message[0] != static_cast<std::uint8_t>(MessageId::created))
        return counters.drop(Drop::refused_cell);
    joining.on_created(circuit, source, header.circuit, message.subspan(1), now);
}

Endpoint Tunnel::Parts::own_address()
{
    // Each relay that extends to us would need another port than we could name.
    if (discovery.own().translation() == Translation::address_dependent) return {};
    if (!outside.is_null() || own_addresses.empty()) return outside;
    return own_addresses.front();
}

void Tunnel::Parts::on_other(const Endpoint& source, PacketBuffer& packet)
{
    const ByteSpan bytes = packet.bytes();
    reach.on_received(source.ip, now);
    if (discovery.on_packet(source, bytes)) return;
    const ByteSpan body = bytes.subspan(kPrefixSize + 1);
    switch (static_cast<MessageId>(packet_message_id(bytes))) {
    case MessageId::create_e2e:
        if (const auto request = CreateE2e::parse(body)) sightings.note(request->lookup_hash);
        return serving.on_create_e2e(source, packet, now);
    case MessageId::peers_request: // outside a cell it carries a circuit id in front
        if (body.size() < 4) break;
        if (const auto request = PeersRequest::parse(body.subspan(4))) sightings.note(request->lookup_hash);
        if (directory) return directory->on_peers_request(source, body);
        break;
    default:
        break;
    }
    counters.drop(Drop::unknown_message);
}

void Tunnel::Parts::report_guards()
{
    if (!selection.guards().take_changed()) return;
    discovery.keep_guards(selection.guards().all());
    observer.on_guards_changed(selection.guards().all());
}

void Tunnel::Parts::on_addresses(std::vector<Endpoint> addresses, const Endpoint& seen_by_others)
{
    exits.set_own_addresses(addresses);
    const bool seen_elsewhere = !outside.is_null() && !seen_by_others.is_null() && outside.ip != seen_by_others.ip;
    const bool moved = !addresses.empty() && (seen_elsewhere || any_is_gone(own_addresses, addresses));
    own_addresses = std::move(addresses);
    if (!seen_by_others.is_null()) outside = seen_by_others;
    if (!moved) return;
    reach.forget();
    own.close_all("own address changed", now);
    observer.on_address_changed();
}

// Guards are told before candidates, so that whoever shares both shares them together.
void Tunnel::Parts::take_changes()
{
    const DiscoveryChanges changes = discovery.take_changes();
    if (changes.addresses) on_addresses(discovery.own_addresses(), discovery.wan());
    if (!changes.candidates) return;
    if (settings.discover) selection.guards().maintain(discovery.candidates(), now_unix_s(), environment.random);
    report_guards();
    if (settings.discover) observer.on_candidates_changed();
}

void Tunnel::Parts::tick()
{
    now = environment.clock.now();
    const bool suspended = last_tick != TimePoint{} && now - last_tick > kSuspended;
    last_tick = now;
    if (suspended) {
        own.close_all("suspended", now);
        observer.on_resumed();
    }
    discovery.tick();
    if (directory) directory->tick();
    take_changes();
    own.tick(now);
    swarms.tick(now);
    for (const LookupHash& hash : sightings.take(now))
        observer.on_swarm_seen(hash);
    if (now - last_sweep >= kSweepEvery) sweep();
    report_guards();
    sender.flush();
}

void Tunnel::Parts::sweep()
{
    last_sweep = now;
    exits.flush();
    // A guard that stays away is missed by nobody's coming: time alone says so.
    if (settings.discover) selection.guards().maintain(discovery.candidates(), now_unix_s(), environment.random);
    const auto on_spent = [this](const JoinedCircuit& circuit) {
        sender.send_destroy(circuit.previous, circuit.id, *settings.identity,
                            static_cast<std::uint16_t>(DestroyReason::not_needed));
    };
    for (std::size_t unanswered = joined.sweep(now, on_spent); unanswered > 0; --unanswered)
        counters.drop(Drop::extend_unanswered);
    relays.sweep(now);
    serving.sweep(now);
    exits.tick(now);
    routes.expire(now);
    if (budget.exhausted() && !limit_told) {
        limit_told = true;
        leave_others(DestroyReason::not_needed);
        observer.on_limit("month");
    }
}

void Tunnel::Parts::leave_others(DestroyReason reason)
{
    const auto code = static_cast<std::uint16_t>(reason);
    relays.destroy_all(code, now);
    splices.destroy_all(code, now);
    std::vector<CircuitId> ids;
    joined.for_each([&](const JoinedCircuit& circuit) {
        sender.send_destroy(circuit.previous, circuit.id, *settings.identity, code);
        ids.push_back(circuit.id);
    });
    for (const CircuitId id : ids)
        joined.remove(id, now);
}

} // namespace cepa::tunnel
