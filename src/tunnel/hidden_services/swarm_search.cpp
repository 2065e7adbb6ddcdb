#include "tunnel/hidden_services/swarm_search.hpp"

#include "tunnel/crypto/random.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

Bytes peers_request_packet(const Prefix& prefix, std::uint32_t number, const PeersRequest& request)
{
    std::array<std::uint8_t, kPrefixSize + 1 + 4 + 2 + 20> room;
    Writer writer(room);
    writer.bytes(prefix);
    writer.u8(static_cast<std::uint8_t>(MessageId::peers_request));
    writer.u32(number);
    request.write(writer);
    const ByteSpan written = writer.written();
    return {written.begin(), written.end()};
}

} // namespace

void SwarmSearch::tick(TimePoint now)
{
    std::erase_if(asked_, [&](const Asked& asked) { return now - asked.sent >= kAnswer; });
    if (now < next_ || !nobody_.due(now)) return;
    const bool dht_is_due = !points_answered_ || !answered_by_dht_ || now - *answered_by_dht_ >= kDhtEvery;
    const bool nobody = seeders_.all().empty();
    if ((nobody || dht_is_due) && !ask_last_hop(now)) return; // no circuit yet
    last_ = now;
    if (nobody) return nobody_.fail(now, circuits_.tools().random);
    ask_points(now);
    next_ = now + random_duration(circuits_.tools().random, kAgainFrom, kAgainTo);
}

void SwarmSearch::hurry(TimePoint now)
{
    const TimePoint soonest = std::max(now, last_ + kHurryEvery);
    if (next_ > soonest) {
        if (!hurries_.admit(now)) return;
        next_ = soonest;
    }
    answered_by_dht_.reset();
}

bool SwarmSearch::ask_last_hop(TimePoint now)
{
    const auto circuit = lookups_.any(now);
    if (!circuit) return false;
    const std::uint16_t identifier = random_u16(circuits_.tools().random);
    if (!circuits_.circuits().send(*circuit, PeersRequest{identifier, plan_.lookup_hash})) return false;
    asked_.push_back({*circuit, identifier, {}, 0, now});
    return true;
}

void SwarmSearch::ask_points(TimePoint now)
{
    points_answered_ = false;
    RandomSource& random = circuits_.tools().random;
    std::vector<IntroductionPoint> points = seeders_.points();
    for (std::size_t asked = 0; asked < kPointsAsked && !points.empty(); ++asked) {
        const std::size_t at = random.below(static_cast<std::uint32_t>(points.size()));
        const IntroductionPoint point = points[at];
        points.erase(points.begin() + static_cast<std::ptrdiff_t>(at));
        const auto circuit = lookups_.any(now, &point.key);
        if (!circuit) return;
        const Asked ask{*circuit, random_u16(random), point.address, random_u32(random), now};
        const Bytes packet =
            peers_request_packet(circuits_.tools().sender.prefix(), ask.number, {ask.identifier, plan_.lookup_hash});
        if (circuits_.circuits().send_packet(*circuit, point.address, packet)) asked_.push_back(ask);
    }
}

bool SwarmSearch::on_answer(CircuitId circuit, const PeersResponse& answer, TimePoint now)
{
    const auto asked = std::ranges::find_if(asked_, [&](const Asked& a) {
        return a.point.is_null() && a.circuit == circuit && a.identifier == answer.identifier;
    });
    if (asked == asked_.end() || answer.lookup_hash != plan_.lookup_hash) return false;
    asked_.erase(asked);
    answered_by_dht_ = now;
    learn(answer, now);
    return true;
}

bool SwarmSearch::on_answer(CircuitId circuit, const Endpoint& origin, ByteSpan packet, TimePoint now)
{
    Reader reader(packet.subspan(kPrefixSize + 1));
    const std::uint32_t number = reader.u32();
    const auto answer = reader.ok() ? PeersResponse::parse(reader.rest()) : std::nullopt;
    if (!answer || answer->lookup_hash != plan_.lookup_hash) return false;
    const auto asked = std::ranges::find_if(asked_, [&](const Asked& a) {
        return a.point == origin && a.circuit == circuit && a.identifier == answer->identifier && a.number == number;
    });
    if (asked == asked_.end()) return false;
    asked_.erase(asked);
    points_answered_ = true;
    learn(*answer, now);
    return true;
}

void SwarmSearch::learn(const PeersResponse& answer, TimePoint now)
{
    answered_ = now;
    std::size_t taken = 0;
    for (const PeersResponse::Peer& peer : answer.peers) {
        if (++taken > kMostPeers) break;
        const bool ourselves = plan_.seed_key && peer.swarm_key == plan_.seed_key->public_key();
        if (ourselves || !circuits_.may_contact_there(peer.address)) continue;
        if (plan_.has_part(peer.swarm_key))
            seeders_.learn(peer.swarm_key, {peer.address, peer.key, now, {}}, now,
                           circuits_.tools().random.below(UINT32_MAX));
        else
            seeders_.note(peer.swarm_key, now);
    }
    if (seeders_.all().empty()) return;
    if (nobody_.failures() > 0) { // the first ones: there may be more where they are known
        nobody_ = Backoff(2s, 60s);
        next_ = now + random_duration(circuits_.tools().random, kAgainFrom, kAgainTo);
    }
}

} // namespace cepa::tunnel
