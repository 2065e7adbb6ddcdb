// The SOCKS5 listeners that libtorrent's anonymous sessions use: one per route, each carrying its route, with all its
// sockets inside the containment. They outlive the sessions and every worker. Process: main, io thread.
#pragma once

#include "base/clock.hpp"
#include "main/containment.hpp"
#include "main/torrent_types.hpp"
#include "socks5/server.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace cepa::main {

class Proxies {
public:
    /// All references must outlive it.
    Proxies(boost::asio::io_context& io, Containment& containment, socks5::DatagramSink& sink, const Clock& clock);
    ~Proxies();

    /// Opens the listener of `route` and returns its port. A second call for one route gives the same port.
    [[nodiscard]] Answer<std::uint16_t> open(const TorrentRoute& route);
    /// The route as the tunnels know it: group names are numbers there, given in order of first use.
    [[nodiscard]] socks5::Route route_of(const TorrentRoute& route);
    /// The way back; the route must have come from route_of().
    [[nodiscard]] TorrentRoute torrent_route(const socks5::Route& route) const;
    /// Sums over all listeners.
    [[nodiscard]] socks5::ServerStats stats() const;
    void close();

private:
    boost::asio::io_context& io_;
    Containment& containment_;
    socks5::DatagramSink& sink_;
    const Clock& clock_;
    socks5::AssociationIds ids_;
    std::map<std::string, GroupId> groups_;
    std::map<TorrentRoute, std::unique_ptr<socks5::Server>> servers_;
};

} // namespace cepa::main
