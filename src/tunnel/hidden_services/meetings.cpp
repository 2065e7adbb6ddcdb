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

} // namespace

Meetings::Meetings(const SwarmPlan& plan, HiddenCircuits& circuits, MeetingLoad& load)
    : plan_(plan), circuits_(circuits), load_(load), seen_(kSeenFor, kMostSeen)
{
}

Meetings::~Meetings()
{
    load_.waiting -= waiting();
    load_.links -= links();
}

Meetings::Meeting* Meetings::find(CircuitId circuit)
{
    const auto found = std::ranges::find(meetings_, circuit, &Meeting::circuit);
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

void Meetings::on_request(CircuitId introduction, const Endpoint& origin, const CreateE2e& request, TimePoint now)
{
    Counters& counters = circuits_.tools().counters;
    if (!seen_.accept(request.ephemeral, now)) return counters.drop(Drop::introduction_replayed);
    if (origin.port == 0 || !load_.requests.admit(now) || !make_room(introduction, now))
        return counters.drop(Drop::introduction_flood);
    CircuitWish wish;
    wish.group = plan_.group;
    wish.path.purpose = CircuitPurpose::rendezvous;
    wish.path.hops = plan_.hops;
    const Result<CircuitId> id = circuits_.begin(wish, *this, now);
    if (!id) return counters.drop(Drop::introduction_refused);
    Meeting meeting;
    meeting.circuit = *id;
    meeting.introduction = introduction;
    meeting.origin = origin;
    meeting.request = request.identifier;
    meeting.x = request.ephemeral;
    meeting.since = now;
    meetings_.push_back(meeting);
    ++load_.waiting;
}

bool Meetings::make_room(CircuitId introduction, TimePoint now)
{
    const auto of_one = std::ranges::count_if(
        meetings_, [&](const Meeting& m) { return m.state != State::linked && m.introduction == introduction; });
    const bool full = load_.waiting >= MeetingLoad::kMostWaiting;
    if (!full && static_cast<std::size_t>(of_one) < kMostOfOne) return true;
    const auto late = std::ranges::find_if(meetings_, [&](const Meeting& m) { // the first is the oldest
        return m.state == State::answered && now - m.since >= kPatience && (full || m.introduction == introduction);
    });
    if (late == meetings_.end()) return false;
    circuits_.circuits().close(late->circuit, "nobody came", now);
    return true;
}

void Meetings::tick(TimePoint now)
{
    std::vector<CircuitId> late;
    for (const Meeting& meeting : meetings_)
        if (meeting.state != State::linked && now - meeting.since >= kWait) late.push_back(meeting.circuit);
    for (const CircuitId id : late)
        circuits_.circuits().close(id, "nobody came", now);
}

void Meetings::on_ready(const Circuit& circuit, TimePoint now)
{
    Meeting* meeting = find(circuit.id());
    if (meeting == nullptr) return;
    RandomSource& random = circuits_.tools().random;
    meeting->state = State::asked;
    meeting->since = now;
    meeting->identifier = random_u16(random);
    random.fill(meeting->cookie);
    circuits_.circuits().send(circuit.id(), EstablishRendezvous{meeting->identifier, meeting->cookie});
}

void Meetings::on_closed(const Circuit& circuit, TimePoint /*now*/)
{
    const Meeting* meeting = find(circuit.id());
    if (meeting == nullptr) return;
    --(meeting->state == State::linked ? load_.links : load_.waiting);
    std::erase_if(meetings_, [&](const Meeting& m) { return m.circuit == circuit.id(); });
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
    Result<EndAnswer> made = answer_end(*plan_.seed_key, EphemeralKey::generate(tools.random), meeting.x,
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

bool Meetings::make_room_for_link(TimePoint now)
{
    if (load_.links < MeetingLoad::kMostLinks) return true;
    std::optional<CircuitId> idlest;
    Duration longest = kIdleLink;
    for (const Meeting& meeting : meetings_) {
        const Circuit* circuit = meeting.state == State::linked ? circuits_.circuits().find(meeting.circuit) : nullptr;
        if (circuit == nullptr || circuit->keepalive().idle(now) < longest) continue;
        longest = circuit->keepalive().idle(now);
        idlest = meeting.circuit;
    }
    if (!idlest) return false;
    circuits_.circuits().close(*idlest, "idle, and others want its place", now);
    return true;
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
    --load_.waiting;
    ++load_.links;
    ++linked_ever_;
    circuits_.tools().observer.on_hidden_link(circuit.id(), plan_.lookup_hash, nullptr);
    return true;
}

} // namespace cepa::tunnel
