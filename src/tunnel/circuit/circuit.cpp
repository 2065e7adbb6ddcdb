#include "tunnel/circuit/circuit.hpp"

#include "tunnel/error.hpp"

#include <cassert>

namespace cepa::tunnel {

Circuit::Circuit(CircuitId id, std::uint32_t group, std::uint8_t wanted_hops, PrivateKey node_key, Keepalive keepalive,
                 CircuitPurpose purpose)
    : id_(id), group_(group), wanted_hops_(wanted_hops), node_key_(std::move(node_key)),
      keepalive_(std::move(keepalive)), purpose_(purpose)
{
    assert(wanted_hops >= 1 && wanted_hops <= kMostHops);
    hops_.reserve(wanted_hops);
}

void Circuit::join_end(Layer layer, End end)
{
    assert(state() == CircuitState::ready && purpose_ == CircuitPurpose::rendezvous && !end_layer_);
    end_layer_.emplace(std::move(layer));
    end_ = end;
    window_ = {}; // its counters are others
}

Result<void> Circuit::wrap(Aead& aead, PacketBuffer& message) noexcept
{
    assert(!hops_.empty());
    if (message.headroom() < kCounterSize * layers() || message.tailroom() < kTagSize * layers())
        return fail(TunnelError::too_large);
    if (end_layer_) CEPA_TRY(end_layer_->seal(aead, message));
    for (auto hop = hops_.rbegin(); hop != hops_.rend(); ++hop)
        CEPA_TRY(hop->layer.seal(aead, message));
    return {};
}

Result<void> Circuit::unwrap(Aead& aead, PacketBuffer& message)
{
    Opened last;
    for (const Hop& hop : hops_) {
        const Result<Opened> opened = hop.layer.open(aead, message);
        if (!opened) return fail(opened.error());
        last = *opened;
    }
    if (end_layer_) {
        const Result<Opened> opened = end_layer_->open(aead, message);
        if (!opened) return fail(opened.error());
        last = *opened;
    }
    if (!window_.accept(last)) return fail(TunnelError::replayed);
    return {};
}

CircuitView Circuit::view(TimePoint now) const
{
    const bool retired = state() == CircuitState::ready && now >= keepalive_.retires();
    CircuitView out{id_,
                    group_,
                    wanted_hops_,
                    retired ? CircuitState::closing : state(),
                    {},
                    bytes_up,
                    bytes_down,
                    now - keepalive_.born(),
                    keepalive_.round_trip(),
                    purpose_};
    for (const Hop& hop : hops_)
        out.hops.push_back({hop.key.mid(), hop.address, hop.flags});
    return out;
}

} // namespace cepa::tunnel
