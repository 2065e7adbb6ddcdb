#include "tunnel/hidden_services/lookup_circuits.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

/// There may be candidates soon.
constexpr Duration kChooseAgain = std::chrono::milliseconds(500);

} // namespace

bool LookupCircuits::lasts(CircuitId id, TimePoint now) const
{
    const Circuit* circuit = circuits_.circuits().find(id);
    return circuit != nullptr && now + kReplacedBefore < circuit->keepalive().retires();
}

bool LookupCircuits::may_be_dead(CircuitId id, TimePoint now) const
{
    const Circuit* circuit = circuits_.circuits().find(id);
    return circuit == nullptr || circuit->keepalive().doubtful(now);
}

// Silent ones may come back, and are given the time to; but not the places of those that would answer.
bool LookupCircuits::make_room(TimePoint now)
{
    if (ids_.size() < kMost) return true;
    const auto dead = std::ranges::find_if(ids_, [&](CircuitId id) {
        const Circuit* circuit = circuits_.circuits().find(id);
        return circuit == nullptr || (circuit->state() == CircuitState::ready && may_be_dead(id, now));
    });
    if (dead == ids_.end()) return false;
    const CircuitId id = *dead;
    circuits_.circuits().close(id, "silent", now); // on_closed()
    std::erase(ids_, id);
    return true;
}

void LookupCircuits::tick(TimePoint now)
{
    if (!retry_.due(now) || now < next_choice_) return;
    const auto lasting = static_cast<std::size_t>(
        std::ranges::count_if(ids_, [&](CircuitId id) { return lasts(id, now) && !may_be_dead(id, now); }));
    if (lasting >= kWanted || !make_room(now)) return;
    CircuitWish wish;
    wish.group = group_;
    wish.path.purpose = CircuitPurpose::lookup;
    wish.path.hops = hops_;
    for (const CircuitId id : ids_)
        if (lasts(id, now)) wish.path.avoid_last.push_back(circuits_.circuits().planned_last(id));
    Result<CircuitId> id = circuits_.begin(wish, *this, now);
    if (!id && wish.path.avoid_last.size() >= kWanted) { // the ends of silent ones are better than none
        wish.path.avoid_last.clear();
        for (const CircuitId other : ids_)
            if (!may_be_dead(other, now)) wish.path.avoid_last.push_back(circuits_.circuits().planned_last(other));
        id = circuits_.begin(wish, *this, now);
    }
    if (id)
        ids_.push_back(*id);
    else
        next_choice_ = now + kChooseAgain;
}

std::optional<CircuitId> LookupCircuits::any(TimePoint now, const PublicKey* not_at,
                                             std::span<const CircuitId> tried)
{
    std::vector<CircuitId> fit;
    std::vector<CircuitId> other;
    for (const CircuitId id : ids_) {
        const Circuit* circuit = circuits_.circuits().find(id);
        if (circuit == nullptr || circuit->state() != CircuitState::ready) continue;
        const bool ends_there = not_at != nullptr && circuit->hops().back().key == *not_at;
        const bool was_tried = std::ranges::find(tried, id) != tried.end();
        (ends_there || was_tried || !lasts(id, now) || may_be_dead(id, now) ? other : fit).push_back(id);
    }
    if (fit.empty()) { // of those that answer, still
        const auto dead = [&](CircuitId id) { return may_be_dead(id, now); };
        if (!std::ranges::all_of(other, dead)) std::erase_if(other, dead);
    }
    const std::vector<CircuitId>& from = fit.empty() ? other : fit;
    if (from.empty()) return std::nullopt;
    return from[circuits_.tools().random.below(static_cast<std::uint32_t>(from.size()))];
}

void LookupCircuits::on_ready(const Circuit&, TimePoint)
{
    retry_.succeed();
}

void LookupCircuits::on_closed(const Circuit& circuit, TimePoint now)
{
    std::erase(ids_, circuit.id());
    if (circuit.state() != CircuitState::ready) retry_.fail(now, circuits_.tools().random);
}

void LookupCircuits::on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    Counters& counters = circuits_.tools().counters;
    if (id != MessageId::peers_response) return counters.drop(Drop::unexpected_answer);
    const auto answer = PeersResponse::parse(body);
    if (!answer) return counters.drop(Drop::malformed);
    const CircuitId at = circuit.id();
    if (std::ranges::none_of(users_, [&](LookupUser* user) { return user->on_answer(at, *answer, now); }))
        counters.drop(Drop::unexpected_answer);
}

void LookupCircuits::on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now)
{
    Counters& counters = circuits_.tools().counters;
    const auto id = static_cast<MessageId>(packet_message_id(packet));
    if (id != MessageId::created_e2e && id != MessageId::peers_response) return counters.drop(Drop::inner_packet);
    const CircuitId at = circuit.id();
    if (std::ranges::none_of(users_, [&](LookupUser* user) { return user->on_answer(at, origin, packet, now); }))
        counters.drop(Drop::unexpected_answer);
}

} // namespace cepa::tunnel
