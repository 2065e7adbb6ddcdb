#include "main/proxies.hpp"

#include "main/engine_buffer.hpp"

#include <fmt/format.h>

namespace cepa::main {

Proxies::Proxies(boost::asio::io_context& io, Containment& containment, socks5::DatagramSink& sink, const Clock& clock)
    : io_(io), containment_(containment), sink_(sink), clock_(clock)
{
}

Proxies::~Proxies() = default;

socks5::Route Proxies::route_of(const TorrentRoute& route)
{
    const auto [group, added] =
        groups_.try_emplace(route.group, GroupId(static_cast<std::uint32_t>(groups_.size() + 1)));
    return {static_cast<std::uint8_t>(route.hops), group->second};
}

TorrentRoute Proxies::torrent_route(const socks5::Route& route) const
{
    for (const auto& [name, id] : groups_)
        if (id == route.group) return {route.hops, name};
    return {route.hops, fmt::format("#{}", route.group.value)};
}

Answer<std::uint16_t> Proxies::open(const TorrentRoute& route)
{
    if (const auto found = servers_.find(route); found != servers_.end()) return found->second->port();
    Result<FileDescriptor> listener;
    containment_.run_inside([&listener] { listener = socks5::open_listener(0); });
    if (!listener) return std::unexpected(fmt::format("socks5: listen on 127.0.0.1: {}", listener.error().message()));

    socks5::ServerOptions options;
    options.policy.route = route_of(route);
    options.open_udp = [this] {
        Result<FileDescriptor> socket;
        containment_.run_inside([&socket] { socket = socks5::open_udp_socket(); });
        return socket;
    };
    options.make_pacer = [](const Endpoint& client, int relay_fd) -> std::unique_ptr<socks5::Pacer> {
        return EngineBuffer::find(client, relay_fd);
    };
    auto server = std::make_unique<socks5::Server>(io_, std::move(*listener), std::move(options), sink_, ids_, clock_);
    server->start();
    const std::uint16_t port = server->port();
    servers_.emplace(route, std::move(server));
    return port;
}

socks5::ServerStats Proxies::stats() const
{
    socks5::ServerStats sum;
    for (const auto& [route, server] : servers_) {
        const socks5::ServerStats one = server->stats();
        sum.connections += one.connections;
        sum.associations += one.associations;
        sum.accepted += one.accepted;
        sum.refused += one.refused;
        sum.timed_out += one.timed_out;
        sum.evicted += one.evicted;
        sum.turned_away += one.turned_away;
        sum.relays += one.relays;
    }
    return sum;
}

void Proxies::close()
{
    for (auto& [route, server] : servers_)
        server->close();
}

} // namespace cepa::main
