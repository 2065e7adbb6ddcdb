#include "tunnel/hidden_services/lookups.hpp"

#include "tunnel/circuit/joined_reply.hpp"

namespace cepa::tunnel {

namespace {

/// An answer may be twenty times its request, and a lookup costs the network up to 24 packets.
constexpr std::uint32_t kLookupBurst = 40;
constexpr std::uint32_t kLookupsPerSecond = 20;

} // namespace

Lookups::Lookups(Tools tools)
    : tools_(tools), all_(kLookupBurst, kLookupsPerSecond), alive_(std::make_shared<bool>(true))
{
}

void Lookups::on_request(JoinedCircuit& circuit, const PeersRequest& request, TimePoint now)
{
    const bool busy = outstanding_ >= kMostOutstanding;
    const auto mine = of_circuit_.find(circuit.id);
    const bool greedy = mine != of_circuit_.end() && mine->second >= kMostOfCircuit;
    if (busy || greedy || circuit.role != JoinedRole::none || !circuit.lookups.pass(now) || !all_.pass(now))
        return tools_.counters.drop(Drop::lookup_refused);
    ++outstanding_;
    ++of_circuit_[circuit.id];
    tools_.node.find_introductions(request.lookup_hash,
                                   [this, id = circuit.id, created = circuit.created, request,
                                    alive = std::weak_ptr<bool>(alive_)](std::vector<PeersResponse::Peer> peers) {
                                       if (!alive.expired()) on_found(id, created, request, std::move(peers));
                                   });
}

void Lookups::on_found(CircuitId id, TimePoint created, const PeersRequest& request,
                       std::vector<PeersResponse::Peer> peers)
{
    --outstanding_;
    if (const auto mine = of_circuit_.find(id); mine != of_circuit_.end() && --mine->second == 0)
        of_circuit_.erase(mine);
    const Route route = tools_.routes.find(id);
    if (route.kind != RouteKind::joined || route.joined().created != created) return;
    if (peers.size() > kMostPeers) peers.resize(kMostPeers);
    const std::size_t size = 24 + peers.size() * 2 * kEncodedKeySize;
    const TimePoint now = tools_.environment.clock.now();
    if (!tools_.rate.pass(size, now)) return tools_.counters.drop(Drop::exit_rate);
    if (!tools_.budget.spend(size)) return tools_.counters.drop(Drop::month_limit);
    send_reply(route.joined(), PeersResponse{request.identifier, request.lookup_hash, std::move(peers)}, tools_.aead,
               tools_.sender);
}

} // namespace cepa::tunnel
