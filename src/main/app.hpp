// A running node: builds every object, owns them, joins them and fixes the order of shutdown. Decides nothing else.
// Process: main, io thread.
#pragma once

#include "main/containment.hpp"
#include "main/in_process_factory.hpp"
#include "main/settings.hpp"
#include "main/state_folder.hpp"
#include "main/torrent_types.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace cepa::main {

class Api;
class HiddenSwarms;
class Proxies;
class Routing;
class TorrentService;

struct AppOptions {
    Settings settings;
    std::string command; ///< "run", "get", ...: said by status, and decides who may hand over to it
    bool tunnels = true;
    bool torrents = true;
    std::filesystem::path torrent_state; ///< resume data; empty: none is kept
    ContainmentPermit permit;
};

class App {
public:
    /// `io` must outlive it; starts nothing.
    App(boost::asio::io_context& io, StateFolder state, AppOptions options, const InProcessFactory& in_process);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    /// Starts everything. Throws UserError when the system refuses something that the node cannot do without.
    void start();
    /// Needs options.torrents.
    [[nodiscard]] TorrentService& torrents() noexcept;
    /// nullptr without tunnels or torrents.
    [[nodiscard]] const HiddenSwarms* hidden() const noexcept;
    /// nullptr without tunnels.
    [[nodiscard]] proto::TunnelService* tunnels() noexcept;
    /// Has the circuits of the route built before a torrent needs them; nothing without tunnels.
    void want_route(const TorrentRoute& route);
    /// A client of the control socket asked for the end.
    void on_stop_request(std::function<void()> handler);
    /// Saves and ends everything in order; `done` comes once, at the latest after about 15 s.
    void stop(std::function<void()> done);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cepa::main
