#include "tunnel/circuit/relay.hpp"

#include "tunnel/circuit/keepalive.hpp"
#include "tunnel/error.hpp"

namespace cepa::tunnel {

void Relays::add(std::unique_ptr<Relay> relay)
{
    Relay& added = *relay;
    tools_.routes.set(added.previous.id, {RouteKind::relay_forward, &added});
    tools_.routes.set(added.next.id, {RouteKind::relay_backward, &added});
    relays_[added.previous.id] = std::move(relay);
}

bool Relays::may_carry(std::size_t bytes, TimePoint now)
{
    if (!rate_.pass(bytes, now)) {
        tools_.counters.drop(Drop::relay_rate);
        return false;
    }
    if (!tools_.budget.spend(bytes)) {
        tools_.counters.drop(Drop::month_limit);
        return false;
    }
    return true;
}

void Relays::send_on(const RelayLink& to, const CellHeader& header, PacketBuffer& message)
{
    tools_.sender.queue(to.address, message, {to.id, false, header.relay_early});
    tools_.counters.relayed_bytes += message.size();
}

void Relays::forward(Relay& relay, const Endpoint& source, const CellHeader& header, PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (header.plaintext) return counters.drop(Drop::refused_cell);
    if (source.ip != relay.previous.address.ip) return counters.drop(Drop::wrong_source);
    const std::size_t size = packet.size();
    packet.strip_front(kCellHeaderSize);
    const Result<Opened> opened = relay.layer.open(tools_.aead, packet);
    if (!opened) return counters.drop(Drop::bad_tag);
    if (!relay.window.accept(*opened)) return counters.drop(Drop::replayed);
    // Too short for another layer: the originator has not yet heard that we became a relay, and this was for us.
    if (packet.size() < kLayerOverhead) return counters.drop(Drop::malformed);
    relay.previous.address.port = source.port; // authentic, so the neighbour's port may have moved
    relay.last_activity = now;
    relay.bytes_forward += size;
    if (!relay.early_forward.admit(header.relay_early)) return counters.drop(Drop::early_limit);
    if (may_carry(size, now)) send_on(relay.next, header, packet);
}

// Nothing that comes from here can be authenticated before it reaches the originator: the port may not move.
void Relays::backward(Relay& relay, const Endpoint& source, const CellHeader& header, PacketBuffer& packet, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (header.plaintext) return counters.drop(Drop::refused_cell);
    if (source != relay.next.address) return counters.drop(Drop::wrong_source);
    if (!relay.early_backward.admit(header.relay_early)) return counters.drop(Drop::early_limit);
    const std::size_t size = packet.size();
    packet.strip_front(kCellHeaderSize);
    if (packet.size() < kLayerOverhead) return counters.drop(Drop::malformed); // the next hop's own layer is in it
    if (cell_size(packet.size(), 1) > kMaxPacket || packet.headroom() < kCounterSize + kCellHeaderSize)
        return counters.drop(Drop::too_large);
    if (!may_carry(size, now)) return;
    if (!relay.layer.seal(tools_.aead, packet)) return counters.drop(Drop::nonce_exhausted);
    relay.last_activity = now;
    relay.bytes_backward += size;
    send_on(relay.previous, header, packet);
}

void Relays::destroy(const RelayLink& link, std::uint16_t reason)
{
    if (tools_.identity != nullptr) tools_.sender.send_destroy(link.address, link.id, *tools_.identity, reason);
}

void Relays::remove(CircuitId previous, TimePoint now)
{
    const auto found = relays_.find(previous);
    if (found == relays_.end()) return;
    const std::unique_ptr<Relay> relay = std::move(found->second);
    relays_.erase(found);
    tools_.routes.linger(relay->previous.id, now + kLinger);
    tools_.routes.linger(relay->next.id, now + kLinger);
}

void Relays::on_destroyed(Relay& relay, RouteKind from, std::uint16_t reason, TimePoint now)
{
    destroy(from == RouteKind::relay_forward ? relay.next : relay.previous, reason);
    remove(relay.previous.id, now);
}

void Relays::destroy_all(std::uint16_t reason, TimePoint now)
{
    while (!relays_.empty()) {
        const Relay& relay = *relays_.begin()->second;
        destroy(relay.previous, reason);
        destroy(relay.next, reason);
        remove(relay.previous.id, now);
    }
}

void Relays::sweep(TimePoint now)
{
    std::vector<CircuitId> over;
    for (const auto& [id, relay] : relays_) {
        const bool spent = relay->bytes_forward + relay->bytes_backward >= kMostTraffic;
        if (!spent && now - relay->last_activity < kInactivity) continue;
        if (spent) {
            destroy(relay->previous, static_cast<std::uint16_t>(DestroyReason::not_needed));
            destroy(relay->next, static_cast<std::uint16_t>(DestroyReason::not_needed));
        }
        over.push_back(id);
    }
    for (const CircuitId id : over) remove(id, now);
}

std::vector<RelayView> Relays::views(TimePoint now) const
{
    std::vector<RelayView> out;
    for (const auto& [id, relay] : relays_) {
        out.push_back({relay->previous.id, relay->next.id, relay->bytes_forward, relay->bytes_backward,
                       now - relay->created});
    }
    return out;
}

void Relays::for_each(const std::function<void(const Relay&)>& visit) const
{
    for (const auto& [id, relay] : relays_) visit(*relay);
}

} // namespace cepa::tunnel
