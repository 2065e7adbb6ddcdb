#include "main/hidden_wiring.hpp"

#include <utility>

namespace cepa::main {

std::unique_ptr<HiddenSwarms> join_hidden_swarms(proto::TunnelService& service, Routing& routing, Proxies& proxies,
                                                 TorrentService& torrents, bool equal_prefixes)
{
    HiddenSwarmsHooks hooks;
    hooks.equal_prefixes = equal_prefixes;
    hooks.route_of = [&proxies](const TorrentRoute& route) { return proxies.route_of(route); };
    hooks.add_circuit = [&routing](const Route& route, CircuitId circuit, const Endpoint& peer) {
        routing.add_hidden(route, circuit, peer);
    };
    hooks.linked = [&torrents](const std::string& id, const Endpoint& peer, bool seeder) {
        torrents.hidden_linked(id, peer, seeder);
    };
    hooks.lost = [&torrents](const std::string& id, const Endpoint& peer) { torrents.hidden_lost(id, peer); };
    hooks.payload = [&torrents](const std::string& id, const Endpoint& peer, bool seeder) {
        return torrents.hidden_payload(id, peer, seeder);
    };
    hooks.waiting = [&torrents](const std::string& id, const std::string& what) {
        torrents.set_hidden_waiting(id, what);
    };
    hooks.usable = [&torrents](const TorrentRoute& route) { torrents.set_route(route, true, ""); };
    static const BootClock clock; // has no state
    return std::make_unique<HiddenSwarms>(service, std::move(hooks), clock);
}

} // namespace cepa::main
