#include "tunnel/hidden_services/own_introductions.hpp"

#include "tunnel/crypto/random.hpp"
#include "tunnel/hidden_services/path_race.hpp"

#include <algorithm>

namespace cepa::tunnel {

OwnIntroductions::OwnIntroductions(const SwarmPlan& plan, HiddenCircuits& circuits, OnRequest on_request)
    : plan_(plan), circuits_(circuits), on_request_(std::move(on_request)), swarm_key_(plan.seed_key->public_key())
{
}

OwnIntroductions::Point* OwnIntroductions::find(CircuitId circuit)
{
    const auto found = std::ranges::find(points_, circuit, &Point::circuit);
    return found == points_.end() ? nullptr : &*found;
}

std::uint32_t OwnIntroductions::established() const
{
    return static_cast<std::uint32_t>(std::ranges::count(points_, State::established, &Point::state));
}

// Those that need nobody in their place yet, those in the making included.
std::size_t OwnIntroductions::lasting(TimePoint now) const
{
    return static_cast<std::size_t>(std::ranges::count_if(points_, [&](const Point& p) {
        return p.state != State::established ? !is_slow(p, now) : now < p.renew && !is_silent(p, now);
    }));
}

// Another is begun beside it. It may still be the quicker one, or serve as well.
bool OwnIntroductions::is_slow(const Point& point, TimePoint now) const
{
    return point.state == State::building && circuits_.circuits().stuck(point.circuit, now) >= PathRace::kPatience;
}

std::optional<CircuitId> OwnIntroductions::spare(TimePoint now) const
{
    const Point* newest = nullptr;
    std::size_t standing = 0;
    for (const Point& point : points_) {
        if (point.state != State::established || now >= point.renew || is_silent(point, now)) continue;
        ++standing;
        if (newest == nullptr || point.since > newest->since) newest = &point;
    }
    const bool spare = standing > plan_.introduction_points && now - newest->since >= kSpareFor;
    return spare ? std::optional(newest->circuit) : std::nullopt;
}

// Not ended yet: it may come back, and then it serves as well.
bool OwnIntroductions::is_silent(const Point& point, TimePoint now) const
{
    const Circuit* circuit = circuits_.circuits().find(point.circuit);
    return circuit == nullptr || circuit->keepalive().stalled(now);
}

std::vector<PublicKey> OwnIntroductions::in_use() const
{
    std::vector<PublicKey> out;
    for (const Point& point : points_)
        out.push_back(point.node);
    return out;
}

void OwnIntroductions::note_silence(const Point& point)
{
    const std::pair entry(point.before, point.node);
    std::erase(silent_, entry);
    silent_.push_back(entry);
    if (silent_.size() > kMostSilent) silent_.pop_front();
}

// A circuit that died on the way says nothing about its last hop.
void OwnIntroductions::note_refusal(const Point& point, TimePoint now)
{
    const bool silent = point.state == State::asked && now - point.since >= kAnswer;
    if (silent) note_silence(point);
    if (silent && refused_.size() < kMostRefused && std::ranges::find(refused_, point.node) == refused_.end())
        refused_.push_back(point.node);
}

void OwnIntroductions::tick(TimePoint now)
{
    end_old_ones(now);
    ask_again(now);
    while (!retired_ && retry_.due(now) && lasting(now) < plan_.introduction_points &&
           points_.size() < std::size_t{plan_.introduction_points} + kMostBesides) {
        const std::size_t before = points_.size();
        begin(now);
        if (points_.size() == before) break;
    }
}

void OwnIntroductions::retire(TimePoint now)
{
    retired_ = true;
    std::vector<CircuitId> begun;
    for (const Point& point : points_)
        if (point.state != State::established) begun.push_back(point.circuit);
    for (const CircuitId id : begun)
        circuits_.circuits().close(id, "another swarm key", now);
}

void OwnIntroductions::end_old_ones(TimePoint now)
{
    const std::size_t fresh = static_cast<std::size_t>(
        std::ranges::count_if(points_, [&](const Point& p) { return p.state == State::established && now < p.renew; }));
    std::optional<CircuitId> spent; // one at a time: with few nodes the others stand meanwhile
    std::vector<CircuitId> silent;
    for (const Point& point : points_) {
        const Duration age = now - point.since;
        if (point.state == State::asked && age >= kAnswer) silent.push_back(point.circuit);
        if (point.state != State::established) continue;
        const bool stood_for = fresh >= plan_.introduction_points;
        if (age >= kKept || (!stood_for && age >= kReplacedAt)) spent = point.circuit;
    }
    for (const CircuitId id : silent)
        circuits_.circuits().close(id, "no introduction", now);
    if (spent) circuits_.circuits().close(*spent, "renewed", now);
    else if (const auto more = spare(now)) circuits_.circuits().close(*more, "not needed", now);
}

// Another node each time, and never one that serves us already: it would refuse the swarm key.
void OwnIntroductions::begin(TimePoint now)
{
    CircuitWish wish;
    wish.group = plan_.group;
    wish.path.purpose = CircuitPurpose::introduction;
    wish.path.hops = static_cast<std::uint8_t>(plan_.hops + 1);
    wish.path.part = plan_.part;
    wish.path.parts = std::max(plan_.parts, 1U);
    for (const Point& slow : points_) {
        if (!is_slow(slow, now)) continue;
        const std::vector<PublicKey> hops = circuits_.circuits().planned_first_two(slow.circuit);
        wish.path.beside.insert(wish.path.beside.end(), hops.begin(), hops.end());
    }
    wish.path.avoid_last = in_use();
    wish.path.silent_behind.assign(silent_.begin(), silent_.end());
    Result<CircuitId> id = circuits_.begin(wish, *this, now);
    if (!id && !silent_.empty()) {
        wish.path.silent_behind.clear();
        id = circuits_.begin(wish, *this, now);
    }
    if (!id) return retry_.wait_until(now + kChooseAgain); // there may be candidates soon
    Point point;
    point.circuit = *id;
    point.node = circuits_.circuits().planned_last(*id);
    point.since = now;
    points_.push_back(std::move(point));
}

void OwnIntroductions::on_ready(const Circuit& circuit, TimePoint now)
{
    Point* point = find(circuit.id());
    if (point == nullptr) return;
    point->state = State::asked;
    point->since = now;
    point->node = circuit.hops().back().key;
    point->before = circuit.hops()[circuit.hops().size() > 2 ? 1 : 0].key;
    point->identifier = random_u16(circuits_.tools().random);
    ask(*point);
}

void OwnIntroductions::ask(const Point& point)
{
    circuits_.circuits().send(point.circuit,
                              EstablishIntro{point.identifier, plan_.lookup_hash, swarm_key_});
}

// It is the same question, so whoever heard the first one only answers again.
void OwnIntroductions::ask_again(TimePoint now)
{
    for (Point& point : points_) {
        if (point.state != State::asked || point.asked_again || now - point.since < kAskAgain) continue;
        point.asked_again = true;
        ask(point);
    }
}

void OwnIntroductions::on_closed(const Circuit& circuit, TimePoint now)
{
    const Point* point = find(circuit.id());
    if (point == nullptr) return;
    if (point->state != State::established) {
        note_refusal(*point, now);
        retry_.fail(now, circuits_.tools().random);
    }
    std::erase_if(points_, [&](const Point& p) { return p.circuit == circuit.id(); });
}

void OwnIntroductions::on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    Point* point = find(circuit.id());
    const auto answer = id == MessageId::intro_established ? IntroEstablished::parse(body) : std::nullopt;
    if (point == nullptr || !answer || point->state != State::asked || answer->identifier != point->identifier)
        return circuits_.tools().counters.drop(Drop::unexpected_answer);
    point->state = State::established;
    point->since = now;
    point->renew = now + random_duration(circuits_.tools().random, kRenewFrom, kRenewTo);
    announced_ = now;
    refused_.clear();
    retry_.succeed();
}

void OwnIntroductions::on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now)
{
    Counters& counters = circuits_.tools().counters;
    Point* point = find(circuit.id());
    if (point == nullptr || point->state != State::established ||
        packet_message_id(packet) != static_cast<std::uint8_t>(MessageId::create_e2e))
        return counters.drop(Drop::inner_packet);
    const auto request = CreateE2e::parse(packet.subspan(kPrefixSize + 1));
    if (!request) return counters.drop(Drop::malformed);
    if (request->lookup_hash != plan_.lookup_hash || request->swarm_key != swarm_key_)
        return counters.drop(Drop::unknown_swarm);
    if (!point->requests.admit(now)) return counters.drop(Drop::introduction_flood);
    on_request_(circuit.id(), origin, *request, now);
}

} // namespace cepa::tunnel
