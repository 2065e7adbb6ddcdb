#include "tunnel/hidden_services/pex.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

constexpr std::uint8_t kFromPex = 2;
constexpr std::size_t kOverlayOffset = 2;

/// The swarm keys in the extra bytes; none when they are malformed.
std::vector<PublicKey> pex_keys_in(ByteSpan extra)
{
    Reader reader(extra);
    std::vector<PublicKey> out;
    const std::uint8_t count = reader.u8();
    for (unsigned i = 0; i < count && reader.ok(); ++i) {
        const auto key = PublicKey::parse(reader.varlen());
        if (key && out.size() < Pex::kMostKeysSent) out.push_back(*key);
    }
    if (!reader.complete()) out.clear();
    return out;
}

} // namespace

void Pex::serve(const LookupHash& swarm, std::vector<PublicKey> keys)
{
    const auto known = swarms_.find(pex_overlay(swarm));
    if (keys.empty()) {
        if (known != swarms_.end()) swarms_.erase(known);
        return;
    }
    if (known != swarms_.end())
        known->second.keys = std::move(keys);
    else
        join(swarm, std::move(keys));
}

void Pex::join(const LookupHash& swarm, std::vector<PublicKey> keys)
{
    if (swarms_.size() >= kMostSwarms) return count_drop(tools_.drops, "pex_full");
    const OverlayId overlay = pex_overlay(swarm);
    if (overlay == tools_.settings.overlay || overlay == kDiscoveryOverlay || overlay == kDhtOverlay) return;
    Swarm& joined = swarms_[overlay];
    joined.keys = std::move(keys);
    joined.member = std::make_unique<OverlayMember>(
        overlay, tools_, [this, overlay] { return extra_of(overlay); },
        [this, overlay](const Sighting& peer, ByteSpan extra) { on_met(overlay, peer, extra); });
}

Bytes Pex::extra_of(const OverlayId& overlay)
{
    std::vector<PublicKey> sample = swarms_.at(overlay).keys;
    const std::size_t count = std::min(sample.size(), kMostKeysSent);
    for (std::size_t i = 0; i < count; ++i) {
        const auto rest = static_cast<std::uint32_t>(sample.size() - i);
        std::swap(sample[i], sample[i + tools_.environment.random.below(rest)]);
    }
    Bytes out(1 + count * (2 + kEncodedKeySize));
    Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(count));
    for (std::size_t i = 0; i < count; ++i)
        writer.varlen(sample[i].encode());
    return out;
}

void Pex::on_met(const OverlayId& overlay, const Sighting& peer, ByteSpan extra)
{
    Swarm& swarm = swarms_.at(overlay);
    for (const PublicKey& key : pex_keys_in(extra))
        note(swarm, peer, key);
}

/// A liar takes the places of its own lies first.
void Pex::make_room(Swarm& swarm, const Sighting& peer) const
{
    const auto keep_few = [&](std::size_t most, const auto& of_same) {
        if (static_cast<std::size_t>(std::ranges::count_if(swarm.found, of_same)) < most) return;
        swarm.found.erase(std::ranges::find_if(swarm.found, of_same));
    };
    keep_few(kMostFoundOfPeer, [&](const Found& f) { return f.key == peer.key; });
    if (!tools_.settings.allow_equal_prefixes || tools_.settings.public_network)
        keep_few(kMostFoundOfPrefix,
                 [&](const Found& f) { return f.address.ip.diversity_prefix() == peer.source.ip.diversity_prefix(); });
    if (swarm.found.size() >= kMostFound) swarm.found.erase(swarm.found.begin());
}

void Pex::note(Swarm& swarm, const Sighting& peer, const PublicKey& swarm_key)
{
    std::erase_if(swarm.found, [&](const Found& f) { return f.key == peer.key && f.swarm_key == swarm_key; });
    make_room(swarm, peer);
    swarm.found.push_back({peer.source, peer.key, swarm_key, tools_.environment.clock.now()});
}

void Pex::meet(const LookupHash& swarm, const Endpoint& address)
{
    const auto known = swarms_.find(pex_overlay(swarm));
    if (known == swarms_.end() || tools_.own.is_exactly(address)) return;
    OverlayMember& member = *known->second.member;
    if (member.peers().at(address) == nullptr) member.walker().add_introduced(address, tools_.environment.clock.now());
}

bool Pex::on_packet(const Endpoint& source, ByteSpan packet)
{
    if (packet.size() <= kMessageIdOffset) return false;
    OverlayId overlay{};
    std::ranges::copy(packet.subspan(kOverlayOffset, overlay.size()), overlay.begin());
    const auto known = swarms_.find(overlay);
    if (known == swarms_.end() || !has_prefix(packet, known->second.member->prefix())) return false;
    if (!known->second.member->on_packet(source, packet, tools_.environment.clock.now()))
        count_drop(tools_.drops, "pex_unexpected");
    return true;
}

void Pex::tick(TimePoint now)
{
    for (auto& [overlay, swarm] : swarms_) {
        if (now < swarm.next_step) continue;
        // Whom we have not met is walked to quickly; once there are some, in the network's own pace.
        const bool alone = swarm.member->peers().proven() == 0;
        swarm.next_step = now + (alone ? Duration(Walker::kStep) : Duration(kStep));
        std::erase_if(swarm.found, [now](const Found& f) { return now - f.at >= kFoundLife; });
        const bool ask = now >= swarm.next_question;
        if (ask) swarm.next_question = now + kAskAgain;
        if (ask)
            for (const Peer& peer : swarm.member->peers().all())
                swarm.member->request(peer.address, now);
        swarm.member->step(swarm.member->peers().proven() < kWantedPeers, now);
    }
}

std::vector<PeersResponse::Peer> Pex::found(const LookupHash& swarm, TimePoint now) const
{
    std::vector<PeersResponse::Peer> out;
    const auto known = swarms_.find(pex_overlay(swarm));
    if (known == swarms_.end()) return out;
    for (const Found& f : known->second.found)
        if (now - f.at < kFoundLife) out.push_back({f.address, f.key, f.swarm_key, kFromPex});
    return out;
}

} // namespace cepa::tunnel
