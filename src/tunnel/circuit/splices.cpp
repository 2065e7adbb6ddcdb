#include "tunnel/circuit/splices.hpp"

#include "tunnel/circuit/keepalive.hpp"

#include <vector>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// A neighbour whose port moves with every cell makes no more work than this.
constexpr Duration kTellMoved = 1s;

} // namespace

void Splices::add(JoinedCircuit&& was, LinkHalf towards, TimePoint now)
{
    auto splice = std::make_unique<Splice>(std::move(was), std::move(towards), now);
    tools_.routes.set(splice->id, {RouteKind::spliced, splice.get()});
    splices_[splice->id] = std::move(splice);
}

void Splices::on_cell(Splice& splice, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                      TimePoint now)
{
    Counters& counters = tools_.counters;
    if (header.plaintext) return counters.drop(Drop::refused_cell);
    if (source.ip != splice.previous.ip) return counters.drop(Drop::wrong_source);
    const std::size_t size = packet.size();
    packet.strip_front(kCellHeaderSize);
    const Result<Opened> opened = splice.layer.open(tools_.aead, packet);
    if (!opened) return counters.drop(Drop::bad_tag);
    if (!splice.window.accept(*opened)) return counters.drop(Drop::replayed);
    splice.last_activity = now;
    splice.bytes += size;
    if (source.port != splice.previous.port) { // authentic, so the neighbour's port has moved
        splice.previous.port = source.port;
        tell_moved(splice, now);
    }
    // Too short for the end-to-end layer: the originator has not yet heard of the link, and this was for us.
    if (packet.size() < kLayerOverhead) return counters.drop(Drop::malformed);
    if (!tools_.relays.may_carry(size, now)) return;
    if (!splice.other.seal.seal(tools_.aead, packet)) return counters.drop(Drop::nonce_exhausted);
    tools_.sender.queue(splice.other.neighbour, packet, {splice.other.circuit, false, false});
    counters.relayed_bytes += packet.size();
}

Splice* Splices::local_other(const Splice& splice) const noexcept
{
    const Route route = tools_.routes.find(splice.other.circuit);
    const bool here = route.kind == RouteKind::spliced && route.splice().other.circuit == splice.id;
    return here ? &route.splice() : nullptr;
}

void Splices::tell_moved(Splice& splice, TimePoint now)
{
    if (Splice* other = local_other(splice)) {
        other->other.neighbour = splice.previous;
        return;
    }
    splice.moved = now - splice.told < kTellMoved;
    if (splice.moved || tools_.siblings == nullptr) return; // sweep() comes back to it
    splice.told = now;
    tools_.siblings->moved(splice.id, splice.previous);
}

void Splices::moved(CircuitId mine, const Endpoint& neighbour) noexcept
{
    const auto found = splices_.find(mine);
    if (found == splices_.end()) return;
    Endpoint& known = found->second->other.neighbour;
    if (known.ip == neighbour.ip && neighbour.port != 0) known.port = neighbour.port;
}

void Splices::destroy(CircuitId circuit, const Endpoint& neighbour, std::uint16_t reason)
{
    if (tools_.identity != nullptr) tools_.sender.send_destroy(neighbour, circuit, *tools_.identity, reason);
}

void Splices::remove(CircuitId id, TimePoint now)
{
    if (splices_.erase(id) != 0) tools_.routes.linger(id, now + kLinger);
}

/// Ends a splice and its other side. Where that is a sibling's, the sibling tells its neighbour itself.
void Splices::end(CircuitId mine, std::uint16_t reason, bool tell_previous, TimePoint now)
{
    const auto found = splices_.find(mine);
    if (found == splices_.end()) return;
    const Splice& splice = *found->second;
    if (tell_previous) destroy(mine, splice.previous, reason);
    if (const Splice* other = local_other(splice)) {
        destroy(other->id, other->previous, reason);
        remove(other->id, now);
    } else if (tools_.siblings != nullptr) {
        tools_.siblings->unlinked(mine);
    }
    remove(mine, now);
}

void Splices::on_destroyed(CircuitId mine, std::uint16_t reason, TimePoint now)
{
    end(mine, reason, false, now);
}

void Splices::unlink(CircuitId mine, TimePoint now)
{
    const auto found = splices_.find(mine);
    if (found == splices_.end()) return;
    const auto reason = static_cast<std::uint16_t>(DestroyReason::not_needed);
    destroy(mine, found->second->previous, reason);
    destroy(found->second->other.circuit, found->second->other.neighbour, reason);
    remove(mine, now);
}

void Splices::destroy_all(std::uint16_t reason, TimePoint now)
{
    while (!splices_.empty())
        end(splices_.begin()->first, reason, true, now);
}

void Splices::sweep(TimePoint now)
{
    std::vector<CircuitId> over;
    for (const auto& [id, splice] : splices_) {
        if (splice->moved) tell_moved(*splice, now);
        if (splice->bytes >= kMostTraffic || now - splice->last_activity >= kInactivity) over.push_back(id);
    }
    for (const CircuitId id : over)
        end(id, static_cast<std::uint16_t>(DestroyReason::not_needed), true, now);
}

void Splices::for_each(const std::function<void(const Splice&)>& visit) const
{
    for (const auto& [id, splice] : splices_)
        visit(*splice);
}

} // namespace cepa::tunnel
