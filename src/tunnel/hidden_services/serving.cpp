#include "tunnel/hidden_services/serving.hpp"

namespace cepa::tunnel {

Serving::Serving(const Tools& tools)
    : splices_(tools.splices),
      introductions_({tools.settings, tools.environment, tools.routes, tools.sender, tools.aead, tools.counters,
                      tools.rate, tools.budget, tools.joined, tools.node}),
      lookups_({tools.environment, tools.routes, tools.sender, tools.aead, tools.counters, tools.rate, tools.budget,
                tools.node}),
      rendezvous_({tools.environment, tools.routes, tools.sender, tools.aead, tools.counters, tools.joined,
                   tools.splices, tools.settings.identity ? &*tools.settings.identity : nullptr, tools.own_address})
{
    tools.joined.set_on_gone([this](const JoinedCircuit& circuit) {
        if (circuit.role == JoinedRole::introduction) introductions_.forget(circuit);
        if (circuit.role == JoinedRole::rendezvous) rendezvous_.forget(circuit);
    });
}

void Serving::on_establish_intro(JoinedCircuit& circuit, const EstablishIntro& request, TimePoint now)
{
    introductions_.on_establish(circuit, request, now);
}

void Serving::on_establish_rendezvous(JoinedCircuit& circuit, const EstablishRendezvous& request)
{
    rendezvous_.on_establish(circuit, request);
}

void Serving::on_link_e2e(JoinedCircuit& circuit, const LinkE2e& request, TimePoint now)
{
    rendezvous_.on_link(circuit, request, now);
}

void Serving::on_peers_request(JoinedCircuit& circuit, const PeersRequest& request, TimePoint now)
{
    lookups_.on_request(circuit, request, now);
}

void Serving::on_create_e2e(const Endpoint& source, PacketBuffer& packet, TimePoint now)
{
    introductions_.on_create_e2e(source, packet, now);
}

std::optional<LinkHalf> Serving::link(const Cookie& cookie, LinkHalf theirs, TimePoint now)
{
    return rendezvous_.link(cookie, std::move(theirs), now);
}

void Serving::unlink(CircuitId mine, TimePoint now)
{
    rendezvous_.unlink(mine, now);
    splices_.unlink(mine, now);
}

void Serving::sweep(TimePoint now)
{
    introductions_.tick(now);
    splices_.sweep(now);
}

} // namespace cepa::tunnel
