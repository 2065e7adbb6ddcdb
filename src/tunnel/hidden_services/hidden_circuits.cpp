#include "tunnel/hidden_services/hidden_circuits.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <vector>

namespace cepa::tunnel {

HiddenCircuits::HiddenCircuits(Tools tools) : tools_(std::move(tools))
{
    tools_.circuits.set_user(*this);
}

Result<CircuitId> HiddenCircuits::begin(const CircuitWish& wish, CircuitUser& user, TimePoint now)
{
    const Result<CircuitId> id = tools_.circuits.create(wish, now);
    if (id) users_[*id] = &user;
    return id;
}

void HiddenCircuits::close_all_of(const CircuitUser& user, TimePoint now)
{
    std::vector<CircuitId> ids;
    for (const auto& [id, owner] : users_)
        if (owner == &user) ids.push_back(id);
    for (const CircuitId id : ids)
        tools_.circuits.close(id, "not needed", now);
}

bool HiddenCircuits::may_contact_there(const Endpoint& address) const
{
    return may_contact(tools_.settings, address) && !tools_.is_own(address);
}

CircuitUser* HiddenCircuits::user_of(const Circuit& circuit) const
{
    const auto found = users_.find(circuit.id());
    return found == users_.end() ? nullptr : found->second;
}

void HiddenCircuits::on_ready(const Circuit& circuit, TimePoint now)
{
    if (CircuitUser* user = user_of(circuit)) user->on_ready(circuit, now);
}

void HiddenCircuits::on_closed(const Circuit& circuit, TimePoint now)
{
    CircuitUser* user = user_of(circuit);
    users_.erase(circuit.id());
    if (user != nullptr) user->on_closed(circuit, now);
}

void HiddenCircuits::on_message(const Circuit& circuit, MessageId id, ByteSpan body, TimePoint now)
{
    if (CircuitUser* user = user_of(circuit)) user->on_message(circuit, id, body, now);
}

void HiddenCircuits::on_packet(const Circuit& circuit, const Endpoint& origin, ByteSpan packet, TimePoint now)
{
    if (CircuitUser* user = user_of(circuit)) user->on_packet(circuit, origin, packet, now);
}

bool HiddenCircuits::on_other_end(const Circuit& circuit, TimePoint now)
{
    CircuitUser* user = user_of(circuit);
    return user != nullptr && user->on_other_end(circuit, now);
}

} // namespace cepa::tunnel
