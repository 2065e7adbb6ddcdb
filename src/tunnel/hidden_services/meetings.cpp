#include "tunnel/hidden_services/meetings.hpp"

#include "tunnel/crypto/random.hpp"
#include "tunnel/hidden_services/end_to_end.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// An X that comes again within this time is a replay.
constexpr Duration kSeenFor = 600s;
constexpr std::size_t kMostSeen = 2048;

/// The one of `swarms` for which `count` is highest, if above `than`.
Meetings* fullest(const std::vector<Meetings*>& swarms, std::size_t than, std::uint32_t (Meetings::*count)() const)
{
    Meetings* out = nullptr;
    for (Meetings* swarm : swarms) {
        if ((swarm->*count)() <= than) continue;
        out = swarm;
        than = (swarm->*count)();
    }
    return out;
}

} // namespace

std::size_t MeetingLoad::waiting() const
{
    std::size_t out = 0;
    for (const Meetings* swarm : swarms_)
        out += swarm->waiting();
    return out;
}

std::size_t MeetingLoad::links() const
{
    std::size_t out = 0;
    for (const Meetings* swarm : swarms_)
        out += swarm->links();
    return out;
}

Meetings* MeetingLoad::with_most_waiting(std::size_t than) const
{
    return fullest(swarms_, than, &Meetings::waiting);
}

Meetings* MeetingLoad::with_most_links(std::size_t than) const
{
    return fullest(swarms_, than, &Meetings::links);
}

Meetings::Meetings(const SwarmPlan& plan, HiddenCircuits& circuits, MeetingLoad& load)
    : plan_(plan), circuits_(circuits), load_(load), seen_(kSeenFor, kMostSeen)
{
    load_.add(*this);
}

Meetings::~Meetings()
{
    load_.remove(*this);
}

Meetings::Meeting* Meetings::find(CircuitId circuit)
{
    const auto found = std::ranges::find_if(meetings_, [&](const Meeting& m) { return m.race.contains(circuit); });
    return found == meetings_.end() ? nullptr : &*found;
}

std::uint32_t Meetings::links() const
{
    return static_cast<std::uint32_t>(std::ranges::count(meetings_, State::linked, &Meeting::state));
}

std::uint32_t Meetings::waiting() const
{
    return static_cast<std::uint32_t>(meetings_.size()) - links();
}

void Meetings::on_request(CircuitId introduction, const Endpoint& origin, const CreateE2e& request, TimePoint now,
                          const PrivateKey* key)
{
    Counters& counters = circuits_.tools().counters;
    if (!seen_.accept(request.ephemeral, now)) return counters.drop(Drop::introduction_replayed);
    if (origin.port == 0 || !requests_.admit(now) || !load_.requests.admit(now) || !make_room(introduction, now))
        return counters.drop(Drop::introduction_flood);
    const Result<CircuitId> id = begin_path({}, now);
    if (!id) return counters.drop(Drop::introduction_refused);
    Meeting meeting;
    meeting.race = PathRace(*id);
    meeting.circuit = *id;
    meeting.introduction = introduction;
    meeting.origin = origin;
    meeting.request = request.identifier;
    meeting.x = request.ephemeral;
    meeting.key = key != nullptr ? *key : *plan_.seed_key;
    meeting.since = now;
    meetings_.push_back(meeting);
}

Result<CircuitId> Meetings::begin_path(std::vector<PublicKey> beside, TimePoint now)
{
    CircuitWish wish;
    wish.group = plan_.group;
    wish.path.purpose = CircuitPurpose::rendezvous;
    wish.path.hops = plan_.hops;
    wish.path.beside = std::move(beside);
    return circuits_.begin(wish, *this, now);
}

void Meetings::close_all(const Meeting& meeting, std::string_view reason, TimePoint now)
{
    for (const CircuitId id : std::vector(meeting.race.circuits())) // with the last one the meeting goes
        circuits_.circuits().close(id, reason, now);
}

bool Meetings::make_room(CircuitId introduction, TimePoint now)
{
    const auto of_one = std::ranges::count_if(
        meetings_, [&](const Meeting& m) { return m.state != State::linked && m.introduction == introduction; });
    if (static_cast<std::size_t>(of_one) >= kMostOfOne && !end_late(introduction, now)) return false;
    if (waiting() >= kMostWaiting && !end_late(std::nullopt, now)) return false;
    if (load_.waiting() < MeetingLoad::kMostWaiting) return true;
    if (Meetings* fuller = load_.with_most_waiting(waiting() + 1)) {
        fuller->give_waiting(now);
        return true;
    }
    return end_late(std::nullopt, now);
}

// Of those that came through one introduction point, or of all, the one that waits for its other end longest.
bool Meetings::end_late(const std::optional<CircuitId>& introduction, TimePoint now)
{
    const auto late = std::ranges::find_if(meetings_, [&](const Meeting& m) { // the first is the oldest
        return m.state == State::answered && now - m.since >= kPatience &&
               (!introduction || m.introduction == *introduction);
    });
    if (late == meetings_.end()) return false;
    circuits_.circuits().close(late->circuit, "nobody came", now);
    return true;
}

void Meetings::give_waiting(TimePoint now)
{
    if (end_late(std::nullopt, now)) return;
    const auto oldest = std::ranges::find_if(meetings_, [](const Meeting& m) { return m.state != State::linked; });
    if (oldest != meetings_.end()) close_all(*oldest, "another swarm wants its place", now);
}

void Meetings::tick(TimePoint now)
{
    measure(now);
    const auto begin = [&](std::vector<PublicKey> beside) { return begin_path(std::move(beside), now); };
    for (Meeting& meeting : meetings_)
        if (meeting.state == State::building) meeting.race.tick(circuits_.circuits(), now, begin);
    std::vector<CircuitId> late;
    for (const Meeting& meeting : meetings_) {
        const auto& ids = meeting.race.circuits();
        if (meeting.state != State::linked && now - meeting.since >= kWait) late.insert(late.end(), ids.begin(), ids.end());
    }
    for (const CircuitId id : late)
        circuits_.circuits().close(id, "nobody came", now);
}

void Meetings::on_ready(const Circuit& circuit, TimePoint now)
{
    Meeting* meeting = find(circuit.id());
    if (meeting == nullptr || meeting->state != State::building) return;
    meeting->circuit = circuit.id();
    for (const CircuitId slower : meeting->race.take(circuit.id()))
        circuits_.circuits().close(slower, "another was quicker", now);
    RandomSource& random = circuits_.tools().random;
    meeting->state = State::asked;
    meeting->since = now;
    meeting->identifier = random_u16(random);
    random.fill(meeting->cookie);
    circuits_.circuits().send(circuit.id(), EstablishRendezvous{meeting->identifier, meeting->cookie});
}

void Meetings::on_closed(const Circuit& circuit, TimePoint /*now*/)
{
    std::erase_if(meetings_,
                  [&](Meeting& m) { return m.race.contains(circuit.id()) && !m.race.lose(circuit.id()); });
}

void Meetings::on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    Meeting* meeting = find(circuit.id());
    const auto established =
        id == MessageId::rendezvous_established ? RendezvousEstablished::parse(body) : std::nullopt;
    if (meeting == nullptr || !established || meeting->state != State::asked ||
        established->identifier != meeting->identifier)
        return circuits_.tools().counters.drop(Drop::unexpected_answer);
    answer(*meeting, circuit, established->address, now);
}

// From the answer on nothing but end-to-end messages may go over the circuit.
void Meetings::answer(Meeting& meeting, const Circuit& circuit, const Endpoint& said, TimePoint now)
{
    HiddenCircuits::Tools& tools = circuits_.tools();
    const Hop& point = circuit.hops().back();
    // It knows best how it is reached, unless what it says is no use to anybody.
    const Endpoint& where = circuits_.may_contact_there(said) ? said : point.address;
    Result<EndAnswer> made = answer_end(*meeting.key, EphemeralKey::generate(tools.random), meeting.x,
                                        {where, point.key, meeting.cookie}, tools.aead);
    if (!made) {
        tools.counters.drop(Drop::malformed);
        return tools.circuits.close(meeting.circuit, "bad request", now);
    }
    meeting.state = State::answered;
    meeting.since = now;
    const Bytes packet = overlay_packet(tools.sender.prefix(), CreatedE2e{meeting.request, made->ephemeral, made->auth,
                                                                          ByteSpan(made->rendezvous_enc)});
    if (!tools.circuits.send_packet(meeting.introduction, meeting.origin, packet))
        return tools.circuits.close(meeting.circuit, "introduction point gone", now);
    tools.circuits.join_end(meeting.circuit, std::move(made->layer), End::seeder, now);
}

void Meetings::on_packet(const Circuit&, const Endpoint&, ByteSpan, TimePoint)
{
    circuits_.tools().counters.drop(Drop::inner_packet);
}

void Meetings::set_payload(CircuitId link, std::uint64_t bytes)
{
    Meeting* meeting = find(link);
    if (meeting != nullptr && meeting->state == State::linked) meeting->worth.note(bytes);
}

void Meetings::measure(TimePoint now)
{
    for (Meeting& meeting : meetings_)
        if (meeting.state == State::linked) meeting.worth.measure(now);
}

// Of no use at all, or of little beside the others: that it is used at all, whoever comes can make seem so.
std::vector<const Meetings::Meeting*> Meetings::of_little_use() const
{
    std::vector<const Meeting*> judged;
    double all = 0;
    for (const Meeting& meeting : meetings_) {
        if (meeting.state != State::linked || !meeting.worth.per_s()) continue;
        judged.push_back(&meeting);
        all += *meeting.worth.per_s();
    }
    const double mean = judged.empty() ? 0 : all / static_cast<double>(judged.size());
    const double little = std::max(LinkWorth::kUsefulBytesPerS, mean * kLittle);
    std::erase_if(judged, [&](const Meeting* m) { return *m->worth.per_s() >= little; });
    return judged;
}

std::vector<const Meetings::Meeting*> Meetings::held_long(TimePoint now) const
{
    std::vector<const Meeting*> out;
    for (const Meeting& meeting : meetings_)
        if (meeting.state == State::linked && now - meeting.since >= kHeldWhenFull) out.push_back(&meeting);
    return out;
}

// The one of two drawn that carries less: nobody can reckon on being the last but one.
bool Meetings::end_one(std::vector<const Meeting*> of, const char* why, TimePoint now)
{
    if (of.empty()) return false;
    RandomSource& random = circuits_.tools().random;
    const auto draw = [&] { return of[random.below(static_cast<std::uint32_t>(of.size()))]; };
    const Meeting* const one = draw();
    const Meeting* const other = draw();
    const bool less = other->worth.per_s().value_or(0) < one->worth.per_s().value_or(0);
    circuits_.circuits().close((less ? other : one)->circuit, why, now);
    return true;
}

bool Meetings::end_least_useful(TimePoint now)
{
    return end_one(of_little_use(), "little goes over it, and others want its place", now) ||
           end_one(held_long(now), "it was there for long, and others want its place", now);
}

// What was linked last when nothing is known of any: those that came before may be of use.
void Meetings::give_link(TimePoint now)
{
    if (end_least_useful(now)) return;
    const Meeting* least = nullptr;
    for (const Meeting& meeting : meetings_) {
        if (meeting.state != State::linked || !meeting.worth.per_s()) continue;
        if (least == nullptr || meeting.worth.per_s() < least->worth.per_s()) least = &meeting;
    }
    if (least != nullptr) return circuits_.circuits().close(least->circuit, "another swarm wants its place", now);
    const auto newest = std::ranges::find(meetings_.rbegin(), meetings_.rend(), State::linked, &Meeting::state);
    if (newest != meetings_.rend()) circuits_.circuits().close(newest->circuit, "another swarm wants its place", now);
}

bool Meetings::make_room_for_link(TimePoint now)
{
    if (links() >= kMostLinks && !end_least_useful(now)) return false;
    if (load_.links() < MeetingLoad::kMostLinks) return true;
    if (Meetings* fuller = load_.with_most_links(links() + 1)) {
        fuller->give_link(now);
        return true;
    }
    return end_least_useful(now);
}

bool Meetings::on_other_end(const Circuit& circuit, TimePoint now)
{
    if (!make_room_for_link(now)) {
        circuits_.tools().counters.drop(Drop::introduction_refused);
        return false;
    }
    Meeting* meeting = find(circuit.id());
    if (meeting == nullptr || meeting->state != State::answered) return false;
    meeting->state = State::linked;
    meeting->since = now;
    meeting->worth.begin(now);
    ++linked_ever_;
    circuits_.tools().observer.on_hidden_link(circuit.id(), plan_.lookup_hash, nullptr);
    return true;
}

} // namespace cepa::tunnel
