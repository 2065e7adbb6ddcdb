#include "tunnel/hidden_services/seeking.hpp"

#include "tunnel/crypto/random.hpp"
#include "tunnel/error.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// What is left to its introduction points when a link ends, however long nobody has named them.
constexpr Duration kPointsLeft = 60s;
/// So long a seeder whose link has ended is searched for in a hurry.
constexpr Duration kMissed = 60s;
/// So long before a link retires (and may end at once, if idle) another is made.
constexpr Duration kReplacedBefore = 60s;

bool is_missed(const Seeder& seeder, TimePoint now) noexcept
{
    return seeder.lost_at != TimePoint{} && now - seeder.lost_at < kMissed;
}

} // namespace

Seeking::Seeking(const SwarmPlan& plan, HiddenCircuits& circuits, LookupCircuits& lookups)
    : plan_(plan), circuits_(circuits), lookups_(lookups), search_(plan, circuits, lookups, seeders_)
{
    lookups_.add(*this);
}

Seeking::~Seeking()
{
    lookups_.remove(*this);
}

std::uint32_t Seeking::linking() const
{
    return static_cast<std::uint32_t>(std::ranges::count_if(
        seeders_.all(), [](const auto& e) { return e.second.linking || !e.second.requests.empty(); }));
}

std::uint32_t Seeking::links() const
{
    return static_cast<std::uint32_t>(
        std::ranges::count_if(seeders_.all(), [](const auto& e) { return e.second.link.has_value(); }));
}

std::size_t Seeking::most_links() const noexcept
{
    const std::size_t parts = std::max(plan_.parts, 1U);
    return (kMostLinks + parts - 1) / parts;
}

void Seeking::tick(TimePoint now)
{
    seeders_.expire(now);
    search_.tick(now);
    std::size_t taken = 0;
    for (auto& [key, seeder] : seeders_.all()) {
        retire_link(seeder, now);
        watch_link(seeder, now);
        if (seeder.busy()) ++taken;
    }
    judge_links(now);
    make_room(taken, now);
    for (auto* entry : seeders_.in_turn()) {
        auto& [key, seeder] = *entry;
        if (!plan_.has_part(key)) continue; // it was, before the workers' number changed
        const bool was_busy = seeder.busy();
        tick(key, seeder, was_busy || taken < most_links(), now);
        if (!was_busy && seeder.busy()) ++taken;
    }
}

// Old links are replaced before they end: what they carry goes on over the new one.
void Seeking::retire_link(Seeder& seeder, TimePoint now)
{
    if (!seeder.link) return;
    const Circuit* circuit = circuits_.circuits().find(*seeder.link);
    if (circuit != nullptr && now + kReplacedBefore < circuit->keepalive().retires()) return;
    seeder.link.reset(); // it ends by itself, when idle
    seeder.keep_points(now, kPointsLeft);
    hurry(seeder, now);
}

void Seeking::set_payload(CircuitId link, std::uint64_t bytes)
{
    Seeder* seeder = seeders_.find_link(link);
    if (seeder != nullptr && seeder->link == link) seeder->worth.note(bytes);
}

void Seeking::judge_links(TimePoint now)
{
    for (auto& [key, seeder] : seeders_.all()) {
        if (!seeder.link) continue;
        seeder.worth.measure(now);
        if (seeder.useful()) seeder.useless = 0;
    }
}

bool Seeking::may_begin(const PublicKey& swarm_key, const Seeder& seeder, TimePoint now) const
{
    return plan_.has_part(swarm_key) && !seeder.busy() && !seeder.points.empty() && seeder.retry.due(now);
}

// Keys cost nothing: whoever has many, and links without giving anything, would else hold all our links. One at a time,
// and only for somebody who has not held one in vain more often. The place is taken by the next tick.
void Seeking::make_room(std::size_t taken, TimePoint now)
{
    Seeder* least = taken < most_links() ? nullptr : seeders_.least_useful();
    if (least == nullptr) return;
    const bool waits = std::ranges::any_of(seeders_.all(), [&](const auto& entry) {
        return may_begin(entry.first, entry.second, now) && entry.second.useless <= least->useless;
    });
    if (!waits) return;
    ++least->useless;
    least->retry.wait_until(now + kUselessPause);
    const CircuitId link = *std::exchange(least->link, std::nullopt);
    circuits_.circuits().close(link, "brought nothing, and others wait", now);
}

// Nobody says that a relay died. Another link is made while the old one is silent: who comes first stays.
void Seeking::watch_link(Seeder& seeder, TimePoint now)
{
    const std::optional<CircuitId>& watched = seeder.link ? seeder.link : seeder.stalled;
    const Circuit* circuit = watched ? circuits_.circuits().find(*watched) : nullptr;
    if (circuit == nullptr) return;
    const bool stalls = circuit->keepalive().stalled(now);
    if (seeder.link && stalls) {
        if (line_is_silent(*circuit, now)) return;
        seeder.stalled = std::exchange(seeder.link, std::nullopt);
        return begin_again(seeder, now);
    }
    if (seeder.link || stalls) return;
    seeder.link = std::exchange(seeder.stalled, std::nullopt);
    seeder.requests.clear();
    if (const auto attempt = std::exchange(seeder.linking, std::nullopt))
        close_all(attempt->race, "not needed any more", now);
}

// Several links over different hops do not die in one moment. Not for ever: it may be a guard of all of them.
bool Seeking::line_is_silent(const Circuit& link, TimePoint now) const
{
    if (now - link.keepalive().heard() >= kStalled + kLineBack) return false;
    std::size_t others = 0;
    for (const auto& [key, seeder] : seeders_.all()) {
        const Circuit* other = seeder.link && *seeder.link != link.id() ? circuits_.circuits().find(*seeder.link) : nullptr;
        if (other == nullptr) continue;
        if (!other->keepalive().doubtful(now)) return false;
        ++others;
    }
    return others > 0;
}

// After a link that held: at once. One that falls silent again and again did not, whenever it was made.
void Seeking::begin_again(Seeder& seeder, TimePoint now)
{
    RandomSource& random = circuits_.tools().random;
    const bool held = now - std::max(seeder.linked_at, seeder.lost_at) >= kHeld;
    seeder.lost_at = now;
    seeder.keep_points(now, kPointsLeft);
    if (held && again_.admit(now)) {
        seeder.retry = Backoff(2s, 60s);
        seeder.retry.wait_until(now + random_duration(random, Duration{}, kAtOnce));
    } else {
        seeder.retry.fail(now, random);
    }
    hurry(seeder, now);
}

void Seeking::hurry(Seeder& seeder, TimePoint now)
{
    if (now - seeder.hurried < SwarmSearch::kHurryEvery || !seeder.hurries.admit(now)) return;
    seeder.hurried = now;
    search_.hurry(now);
}

void Seeking::tick(const PublicKey& swarm_key, Seeder& seeder, bool room, TimePoint now)
{
    if (seeder.linking && now - seeder.linking->since >= kLinkWithin)
        close_all(seeder.linking->race, "not linked", now); // on_closed() does the rest
    if (seeder.linking)
        seeder.linking->race.tick(circuits_.circuits(), now, [&](std::vector<PublicKey> beside) {
            return begin_path(seeder.linking->point, std::move(beside), now);
        });
    if (seeder.link || seeder.linking) return;
    if (is_missed(seeder, now)) hurry(seeder, now); // its introduction points may have died too
    if (!room || seeder.points.empty() || !seeder.retry.due(now)) return;
    if (!seeder.requests.empty()) {
        const Duration waited = now - seeder.requests.back().sent;
        const bool points_left = seeder.requests.size() < seeder.points.size();
        const std::size_t most = seeder.has_new_point() ? Seeder::kMostRequestsInAll : Seeder::kMostRequests;
        const bool may_ask = seeder.requests.size() < most;
        const Duration next = seeder.linked_at == TimePoint{} ? kNextPoint : kNextPointAgain;
        const Duration last = is_missed(seeder, now) ? kAnswerAgain : kAnswer;
        if (waited < (!may_ask ? last : points_left ? next : kSamePoint)) return;
        if (may_ask) return ask(swarm_key, seeder, now);
        seeder.requests.clear(); // the seeder may be gone
        if (is_missed(seeder, now) && again_.admit(now)) return ask(swarm_key, seeder, now);
        seeder.retry.fail(now, circuits_.tools().random);
        return hurry(seeder, now);
    }
    ask(swarm_key, seeder, now);
}

void Seeking::ask(const PublicKey& swarm_key, Seeder& seeder, TimePoint now)
{
    HiddenCircuits::Tools& tools = circuits_.tools();
    const IntroductionPoint& point = seeder.take_point(now);
    std::vector<CircuitId> tried;
    for (const EndRequest& request : seeder.requests)
        tried.push_back(request.lookup);
    const auto circuit = lookups_.any(now, &point.key, tried);
    if (!circuit) return;
    EndRequest request{*circuit, random_u16(tools.random), EphemeralKey::generate(tools.random), point.address.ip, now};
    const Bytes packet = overlay_packet(tools.sender.prefix(), CreateE2e{request.identifier, plan_.lookup_hash,
                                                                         swarm_key, request.ephemeral.public_key});
    seeder.asked = now;
    if (tools.circuits.send_packet(*circuit, point.address, packet)) seeder.requests.push_back(std::move(request));
}

bool Seeking::on_answer(CircuitId circuit, const PeersResponse& answer, TimePoint now)
{
    return search_.on_answer(circuit, answer, now);
}

bool Seeking::on_answer(CircuitId circuit, const Endpoint& origin, ByteSpan packet, TimePoint now)
{
    if (packet_message_id(packet) == static_cast<std::uint8_t>(MessageId::peers_response))
        return search_.on_answer(circuit, origin, packet, now);
    const auto answer = CreatedE2e::parse(packet.subspan(kPrefixSize + 1));
    return answer && on_created_e2e(circuit, origin, *answer, now);
}

bool Seeking::on_created_e2e(CircuitId circuit, const Endpoint& origin, const CreatedE2e& answer, TimePoint now)
{
    for (auto& [key, seeder] : seeders_.all()) {
        // It comes from another socket of the introduction point than the one that was asked: another port.
        const auto request = std::ranges::find_if(seeder.requests, [&](const EndRequest& r) {
            return r.lookup == circuit && r.identifier == answer.identifier && r.from == origin.ip;
        });
        if (request == seeder.requests.end()) continue;
        Result<EndFound> found = finish_end(request->ephemeral, key, answer, circuits_.tools().aead);
        if (!found) {
            circuits_.tools().counters.drop(Drop::bad_tag); // whoever that was: the seeder may still answer
            return true;
        }
        go_to(seeder, *std::move(found), now);
        return true;
    }
    return false;
}

Result<CircuitId> Seeking::begin_path(const Candidate& point, std::vector<PublicKey> beside, TimePoint now)
{
    if (!circuits_.may_contact_there(point.address)) return fail(TunnelError::refused_by_policy);
    CircuitWish wish;
    wish.group = plan_.group;
    wish.path.purpose = CircuitPurpose::rendezvous;
    wish.path.hops = static_cast<std::uint8_t>(plan_.hops + 1);
    wish.path.last = point;
    wish.path.beside = std::move(beside);
    return circuits_.begin(wish, *this, now);
}

void Seeking::close_all(const PathRace& race, std::string_view reason, TimePoint now)
{
    for (const CircuitId id : std::vector(race.circuits())) // the race loses them
        circuits_.circuits().close(id, reason, now);
}

void Seeking::go_to(Seeder& seeder, EndFound found, TimePoint now)
{
    HiddenCircuits::Tools& tools = circuits_.tools();
    seeder.requests.clear();
    const Candidate point{found.where.key, found.where.address, static_cast<PeerFlags>(PeerFlag::relay), true};
    const Result<CircuitId> id = begin_path(point, {}, now);
    if (!id) {
        tools.counters.drop(Drop::rendezvous_refused);
        return seeder.retry.fail(now, tools.random);
    }
    EndLink link;
    link.race = PathRace(*id);
    if (is_missed(seeder, now)) { // something is dead, and who knows what: two that have little in common
        if (const auto other = begin_path(point, circuits_.circuits().planned_first_two(*id), now))
            link.race.add(*other);
    }
    link.cookie = found.where.cookie;
    link.layer = std::move(found.layer);
    link.since = now;
    link.point = point;
    seeder.linking = std::move(link);
}

void Seeking::on_ready(const Circuit& circuit, TimePoint now)
{
    Seeder* seeder = seeders_.find_link(circuit.id());
    if (seeder == nullptr || !seeder->linking || seeder->linking->asked) return;
    EndLink& linking = *seeder->linking;
    linking.asked = true;
    for (const CircuitId slower : linking.race.take(circuit.id()))
        circuits_.circuits().close(slower, "another was quicker", now);
    linking.identifier = random_u16(circuits_.tools().random);
    circuits_.circuits().send(circuit.id(), LinkE2e{linking.identifier, linking.cookie});
}

void Seeking::on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    const auto linked = id == MessageId::linked_e2e ? LinkedE2e::parse(body) : std::nullopt;
    Seeder* seeder = seeders_.find_link(circuit.id());
    if (!linked || seeder == nullptr || !seeder->linking || !seeder->linking->asked ||
        linked->identifier != seeder->linking->identifier)
        return circuits_.tools().counters.drop(Drop::unexpected_answer);
    EndLink linking = *std::exchange(seeder->linking, std::nullopt);
    if (const auto old = std::exchange(seeder->stalled, std::nullopt)) circuits_.circuits().close(*old, "silent", now);
    seeder->link = circuit.id();
    seeder->linked_at = now;
    seeder->worth.begin(now);
    ++linked_ever_;
    circuits_.circuits().join_end(circuit.id(), *std::move(linking.layer), End::downloader, now);
    for (const auto& [key, one] : seeders_.all())
        if (&one == seeder) circuits_.tools().observer.on_hidden_link(circuit.id(), plan_.lookup_hash, &key);
}

void Seeking::on_closed(const Circuit& circuit, TimePoint now)
{
    Seeder* seeder = seeders_.find_link(circuit.id());
    if (seeder == nullptr) return;                                       // a retired one
    if (seeder->stalled == circuit.id()) return seeder->stalled.reset(); // another is on its way
    if (seeder->link == circuit.id()) {
        seeder->link.reset();
        return begin_again(*seeder, now);
    }
    if (!seeder->linking || seeder->linking->race.lose(circuit.id())) return; // others are on their way
    seeder->linking.reset();
    seeder->keep_points(now, kPointsLeft);
    seeder->retry.fail(now, circuits_.tools().random);
    hurry(*seeder, now);
}

void Seeking::on_packet(const Circuit&, const Endpoint&, ByteSpan, TimePoint)
{
    circuits_.tools().counters.drop(Drop::inner_packet);
}

} // namespace cepa::tunnel
