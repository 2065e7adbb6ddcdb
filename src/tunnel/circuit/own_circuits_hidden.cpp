// What hidden services do with our circuits: messages to and from last hops, packets of the overlay inside data, and
// circuits that two ends share. Process: worker, io thread. Spec: docs/protocol.md, sections 12 and 14.
#include "tunnel/circuit/own_circuits.hpp"
#include "tunnel/exit/exit_policy.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

/// As long as a dead node stays among the candidates, about.
constexpr Duration kSilentFor = 60s;
constexpr std::size_t kMostSilent = 64;
constexpr Duration kQuestionEvery = 5s;

} // namespace

const Circuit* OwnCircuits::find(CircuitId id) const
{
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second->circuit;
}

bool OwnCircuits::send_on(Circuit& circuit, PacketBuffer& message)
{
    if (!circuit.wrap(tools_.aead, message)) return false;
    circuit.bytes_up += message.size();
    tools_.sender.send_now(circuit.first_address(), message, {circuit.id(), false, false});
    return true;
}

bool OwnCircuits::send_message(CircuitId id, PacketBuffer& message)
{
    Entry* entry = entry_of(id);
    if (entry == nullptr || message.empty() || entry->circuit.state() != CircuitState::ready) return false;
    return send_on(entry->circuit, message);
}

bool OwnCircuits::send_packet(CircuitId id, const Endpoint& to, ByteSpan packet)
{
    return send(id, Data{to, {}, packet});
}

void OwnCircuits::join_end(CircuitId id, Layer layer, End end, TimePoint now)
{
    Entry* entry = entry_of(id);
    if (entry == nullptr) return;
    entry->circuit.join_end(std::move(layer), end);
    entry->circuit.keepalive().on_received(now);
    entry->circuit.keepalive().on_data(now); // not idle before it was of any use
    if (end == End::seeder) return;
    entry->circuit.set_linked(true);
    entry->circuit.keepalive().hurry(); // the seeder learns of us by our first message
    ping(entry->circuit, now);
}

void OwnCircuits::note_silent(CircuitBuilder& builder, TimePoint now)
{
    const auto silent = builder.take_silent(now);
    if (!silent) return;
    std::erase_if(silent_, [&](const auto& entry) { return now - entry.second >= kSilentFor; });
    if (silent_.size() < kMostSilent) silent_[*silent] = now;
}

bool OwnCircuits::is_silent(const PublicKey& key, TimePoint now) const
{
    const auto found = silent_.find(key);
    return found != silent_.end() && now - found->second < kSilentFor;
}

// What a link goes over may be what we look for others over, and what others find us over: they are seldom used, so
// their deaths would be found out much later.
void OwnCircuits::ask_all_when_one_is_hushed(TimePoint now)
{
    const auto hushed = [&](const auto& e) {
        return e.second->circuit.linked() && e.second->circuit.keepalive().hushed(now);
    };
    if (now < next_question_ || std::ranges::none_of(entries_, hushed)) return;
    next_question_ = now + kQuestionEvery;
    for (const auto& [id, entry] : entries_) {
        Circuit& circuit = entry->circuit;
        const bool hidden = circuit.purpose() != CircuitPurpose::data && circuit.state() == CircuitState::ready;
        if (hidden && !circuit.linked()) circuit.keepalive().hurry();
    }
}

// Nothing of it is looked at: whatever it looks like, it is the other end's datagram.
void OwnCircuits::on_linked_data(Circuit& circuit, PacketBuffer& message, TimePoint now)
{
    const auto data = Data::parse(ByteSpan(message.bytes()).subspan(1));
    if (!data) return tools_.counters.drop(Drop::malformed);
    message.strip_front(message.size() - data->payload.size());
    circuit.keepalive().on_data(now);
    tools_.counters.data_bytes_down += message.size();
    tools_.observer.on_data(circuit.id(), Address{}, message);
}

void OwnCircuits::on_user_message(Circuit& circuit, PacketBuffer& message, TimePoint now)
{
    Counters& counters = tools_.counters;
    const bool ready = circuit.state() == CircuitState::ready;
    if (user_ == nullptr || circuit.purpose() == CircuitPurpose::data || circuit.linked() || !ready)
        return counters.drop(Drop::unknown_message);
    const auto id = static_cast<MessageId>(message.bytes()[0]);
    const ByteSpan body = ByteSpan(message.bytes()).subspan(1);
    if (id != MessageId::data) return user_->on_message(circuit, id, body, now);
    const auto data = Data::parse(body);
    if (!data || data->origin.is_null() || data->origin.is_host())
        return counters.drop(data ? Drop::unexpected_answer : Drop::malformed);
    if (!has_prefix(data->payload, tools_.sender.prefix())) return counters.drop(Drop::inner_packet);
    user_->on_packet(circuit, data->origin.endpoint, data->payload, now);
}

} // namespace cepa::tunnel
