// What hidden services do with our circuits: messages to and from last hops, packets of the overlay inside data, and
// circuits that two ends share. Process: worker, io thread. Spec: docs/protocol.md, sections 12 and 14.
#include "tunnel/circuit/own_circuits.hpp"
#include "tunnel/exit/exit_policy.hpp"

#include <algorithm>

namespace cepa::tunnel {

const Circuit* OwnCircuits::find(CircuitId id) const
{
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second->circuit;
}

std::vector<PublicKey> OwnCircuits::planned_first_two(CircuitId id) const
{
    std::vector<PublicKey> out;
    const auto found = entries_.find(id);
    if (found == entries_.end()) return out;
    const Path& path = found->second->path;
    for (std::size_t at = 0; at < std::min<std::size_t>(2, path.size()); ++at)
        out.push_back(path[at].key);
    return out;
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

Duration OwnCircuits::stuck(CircuitId id, TimePoint now) const
{
    const auto found = entries_.find(id);
    return found == entries_.end() || !found->second->builder ? Duration{} : found->second->builder->waited(now);
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
