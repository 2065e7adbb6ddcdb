#include "tunnel/discovery/liveness.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>

namespace cepa::tunnel {
namespace {

bool is_silent(const Peer& peer, TimePoint now) noexcept
{
    return peer.proof == PeerProof::answered && now - peer.last_heard >= Liveness::kSilence;
}

} // namespace

void Liveness::drop_unneeded(const PeerTable& peers, TimePoint now)
{
    std::erase_if(watches_, [&](const Watch& watch) {
        const Peer* peer = peers.at(watch.address);
        return peer == nullptr || !is_silent(*peer, now);
    });
}

Liveness::Probe Liveness::probe(Watch& watch, TimePoint now)
{
    const Means means = watch.probes % 2 == 0 ? Means::ping : Means::introduction_request;
    ++watch.probes;
    watch.last = now;
    if (means == Means::ping) {
        watch.identifier = random_u16(random_);
        watch.pinged = true;
    }
    return {watch.address, means, watch.identifier};
}

std::vector<Liveness::Probe> Liveness::due(const PeerTable& peers, TimePoint now)
{
    drop_unneeded(peers, now);
    std::vector<Probe> out;
    for (const Peer& peer : peers.all()) {
        if (!is_silent(peer, now)) continue;
        auto watch = std::ranges::find(watches_, peer.address, &Watch::address);
        if (watch == watches_.end()) watch = watches_.insert(watches_.end(), Watch{peer.address, 0, false, 0, {}});
        if (watch->probes == 0 || now - watch->last >= kInterval) out.push_back(probe(*watch, now));
    }
    return out;
}

bool Liveness::on_pong(const Endpoint& source, std::uint16_t identifier)
{
    const auto watch = std::ranges::find(watches_, source, &Watch::address);
    if (watch == watches_.end() || !watch->pinged || watch->identifier != identifier) return false;
    watch->pinged = false;
    return true;
}

} // namespace cepa::tunnel
