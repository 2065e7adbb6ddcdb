#include "main/app.hpp"

#include "base/log.hpp"
#include "main/api.hpp"
#include "main/api_node.hpp"
#include "main/api_torrents.hpp"
#include "main/control_server.hpp"
#include "main/data_routes.hpp"
#include "main/api_swarms.hpp"
#include "main/engine_buffer.hpp"
#include "main/hidden_wiring.hpp"
#include "main/monthly_traffic.hpp"
#include "main/node_settings.hpp"
#include "main/routing.hpp"
#include "main/user_error.hpp"
#include "main/waiting.hpp"
#include "main/worker_pool.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

namespace cepa::main {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr Duration kTorrentGrace = 6s;
constexpr Duration kTunnelGrace = 3s;
constexpr std::uint32_t kTicksPerSave = 60;

/// Whether the node's key is worth keeping: others remember a relay or exit by it, a client is forgotten on purpose.
bool keeps_identity(const Settings& s) noexcept
{
    return s.relay.enabled || s.exit.enabled;
}

} // namespace

// Declared in the order of construction: what comes later refers to what came before, and goes first.
struct App::Parts {
    Parts(asio::io_context& i, StateFolder s, AppOptions o, const InProcessFactory& f)
        : io(i), state(std::move(s)), options(std::move(o)), in_process(f),
          traffic(current_month(), state.load_traffic(current_month())), containment(options.permit), timer(io)
    {
    }

    void make_tunnels();
    void start_tunnels();
    void start_containment();
    void make_torrents();
    void make_api();
    void tick_later();
    void tick();
    void on_route(const Route& route, bool ready);
    void on_notify(const proto::Notify& notice);
    void save_tunnel_state();
    void count_traffic();
    [[nodiscard]] NodeView view();
    void stop_tunnels(std::function<void()> done);

    asio::io_context& io;
    BootClock clock;
    StateFolder state;
    AppOptions options;
    const InProcessFactory& in_process;
    TimePoint started = clock.now();
    MonthlyTraffic traffic;
    proto::Share known; // guards of this run, exits of the last
    Containment containment;
    std::unique_ptr<proto::TunnelService> service;
    std::unique_ptr<Routing> routing;
    std::unique_ptr<Proxies> proxies;
    std::unique_ptr<TorrentService> torrents;
    std::unique_ptr<HiddenSwarms> hidden; // nullptr without tunnels or without torrents
    Api api;
    std::unique_ptr<ControlServer> control;
    asio::steady_timer timer;
    std::uint32_t ticks = 0;
    bool stopping = false;
    std::function<void()> stop_request;
};

void App::Parts::make_tunnels()
{
    const Settings& s = options.settings;
    known = state.load_network(overlay_hex(s.effective_overlay()));
    const NodeIdentity identity = keeps_identity(s) ? state.persistent_identity() : NodeIdentity::generate();
    const proto::NodeSettings settings = node_settings(s, known, traffic.bytes());
    if (effective_workers(s) == 0) {
        InProcessRequest request{settings,
                                 identity.private_form(),
                                 {},
                                 s.listen,
                                 std::chrono::duration_cast<std::chrono::milliseconds>(s.sync_interval)};
        *request.share.mutable_guards() = known.guards();
        service = in_process(io, std::move(request));
    } else {
        WorkerPoolConfig config;
        config.settings = settings;
        config.identity_key = identity.private_form();
        config.identity_public = identity.public_form();
        config.listen = s.listen;
        config.workers = effective_workers(s);
        config.max_workers = effective_max_workers(s);
        config.force_front_process = s.front_process;
        config.sync_interval = s.sync_interval;
        config.log_level = s.log_level;
        service = std::make_unique<WorkerPool>(io, clock, std::move(config));
    }
    RoutingOptions routes;
    routes.circuits.circuits_per_worker = s.circuits_per_worker;
    RoutingHooks hooks;
    hooks.on_flows_moved = [this](const Route& route, const std::vector<Endpoint>& peers) {
        if (torrents) torrents->peers_lost(proxies->torrent_route(route), peers);
    };
    hooks.on_route_usable = [this](const Route& route, bool usable) {
        if (!usable) on_route(route, false);
    };
    hooks.on_route_settled = [this](const Route& route) { on_route(route, true); };
    hooks.on_notify = [this](const proto::Notify& notice) { on_notify(notice); };
    hooks.on_hidden_link = [this](CircuitId circuit, const proto::HiddenLink& link) {
        if (hidden) hidden->on_link(circuit, link);
    };
    hooks.on_hidden_gone = [this](CircuitId circuit, const Endpoint& peer) {
        if (hidden) hidden->on_gone(circuit, peer);
    };
    routing = std::make_unique<Routing>(io, *service, clock, routes, std::move(hooks));
    proxies = std::make_unique<Proxies>(io, containment, routing->sink(), clock);
}

void App::Parts::start_tunnels()
{
    if (const auto started_well = service->start(*routing); !started_well) {
        const std::string where = options.settings.listen.to_string();
        if (started_well.error() == boost::system::errc::address_in_use)
            throw UserError(fmt::format("udp {}: port in use by another program; choose another with --listen", where));
        throw UserError(fmt::format("tunnels on udp {}: {}", where, started_well.error().message()));
    }
    routing->start();
}

/// Without containment the settings and the guard remain: less than was promised, so it is said, or refused.
void App::Parts::start_containment()
{
    containment.start();
    const ContainmentStatus& is = containment.status();
    if (is.on || !options.settings.containment) return;
    if (options.settings.containment_required)
        throw UserError(
            fmt::format("containment is required (torrents.containment) and not possible here: {}", is.why_off));
    log::warn("no containment: anonymous torrents are protected by settings and the guard only, not by a network "
              "namespace; torrents.containment = \"required\" would refuse to run so",
              {log::field("why", is.why_off)});
}

void App::Parts::make_torrents()
{
    const Settings& s = options.settings;
    TorrentServiceOptions settings;
    settings.state_folder = options.torrent_state;
    settings.plain_marks = plain_marks_file(state.path());
    settings.plain_listen = s.torrent_listen.is_null() ? "0.0.0.0:0" : s.torrent_listen.to_string();
    settings.public_network = s.join == Join::public_network;
    settings.max_hops = options.tunnels ? 5 : 0;
    settings.dht_nodes = s.dht_nodes;
    settings.record_peers = s.record_peers;
    TorrentServiceHooks hooks;
    hooks.open_proxy = [this](const TorrentRoute& route) -> Answer<std::uint16_t> {
        if (!proxies) return std::unexpected("this node has no tunnels");
        return proxies->open(route);
    };
    hooks.on_guard = [](const TorrentRoute& route, const std::string& why) {
        log::error("anonymous torrents stopped: something could have leaked",
                   {log::field("hops", route.hops), log::field("why", why)});
    };
    hooks.on_change = [this] {
        if (!hidden) return;
        const std::vector<TorrentInfo> list = torrents->list();
        hidden->update(list);
        std::set<Route> without_data;
        for (const TorrentRoute& route : routes_without_data(list))
            without_data.insert(proxies->route_of(route));
        routing->set_without_data(std::move(without_data));
    };
    torrents = std::make_unique<TorrentService>(io, containment, settings, std::move(hooks));
}

void App::Parts::on_route(const Route& route, bool ready)
{
    if (!torrents) return;
    if (!ready && hidden && hidden->keeps_awake(proxies->torrent_route(route))) return;
    std::string waiting;
    if (!ready)
        for (const RouteStatus& status : routing->status())
            if (status.route == route)
                waiting = waiting_text(status, service->snapshot().discovery, options.settings.allow_equal_prefixes);
    torrents->set_route(proxies->torrent_route(route), ready, waiting);
}

void App::Parts::on_notify(const proto::Notify& notice)
{
    switch (notice.kind()) {
    case proto::Notify::GUARDS_CHANGED:
        *known.mutable_guards() = notice.guards();
        save_tunnel_state();
        break;
    case proto::Notify::LIMIT_REACHED:
        log::warn("a limit was reached", {log::field("limit", notice.text())});
        break;
    case proto::Notify::ADDRESS_CHANGED:
        log::info("our address changed: circuits are rebuilt");
        break;
    case proto::Notify::RESUMED:
        log::info("the machine was suspended: circuits are rebuilt");
        break;
    case proto::Notify::SWARM_SEEN:
        if (hidden) hidden->on_seen(notice.bytes());
        break;
    default:
        break;
    }
}

void App::Parts::count_traffic()
{
    if (traffic.update(service->snapshot().workers, current_month())) service->new_month();
}

void App::Parts::save_tunnel_state()
{
    if (!service) return;
    if (service->snapshot().share.candidates_size() > 0)
        *known.mutable_candidates() = service->snapshot().share.candidates();
    count_traffic();
    const auto network = state.save_network(overlay_hex(options.settings.effective_overlay()), known);
    const auto carried = traffic.bytes() > 0 ? state.save_traffic(traffic.month(), traffic.bytes()) : Result<void>{};
    for (const auto& saved : {network, carried})
        if (!saved) log::warn("state could not be saved", {log::field("why", saved.error().message())});
}

void App::Parts::tick_later()
{
    timer.expires_after(1s);
    timer.async_wait([this](const ErrorCode& error) {
        if (error || stopping) return;
        tick();
        tick_later();
    });
}

/// Once a second: what waits says what for; once a minute the state is saved.
void App::Parts::tick()
{
    if (!routing) return;
    for (const RouteStatus& status : routing->status())
        if (!status.usable()) on_route(status.route, false);
    if (++ticks % kTicksPerSave == 0) save_tunnel_state();
}

NodeView App::Parts::view()
{
    NodeView out{options.settings, options.command, clock, started};
    out.tunnels = service.get();
    if (routing) {
        out.routes = [this] { return routing->status(); };
        out.group_name = [this](const RouteStatus& route) { return proxies->torrent_route(route.route).group; };
        out.month_bytes = [this] {
            count_traffic();
            return traffic.bytes();
        };
        out.proxy_stats = [this] {
            const socks5::ServerStats s = proxies->stats();
            const FlowRouterStats& f = routing->stats();
            return Json{{"associations", s.associations},      {"accepted", s.accepted},
                        {"from_client", s.relays.from_client}, {"to_client", s.relays.to_client},
                        {"held_back", s.relays.held_back},     {"backlog_full", s.relays.backlog_full},
                        {"send_failed", s.relays.send_failed}, {"fragments", s.relays.fragments},
                        {"no_circuit", f.no_circuit},          {"moved", f.moved},
                        {"no_hidden_peer", f.no_hidden_peer},  {"odd_origin", f.odd_origin},
                        {"hidden_not_utp", f.hidden_not_utp}};
        };
    }
    if (torrents) {
        out.torrents = [this] { return torrents->list(); };
        out.sessions = [this] { return torrents->sessions(); };
        out.containment = [this] { return containment.status(); };
        out.buffer_hint = receive_buffer_hint;
    }
    out.stop = [this] {
        // Later: the answer is to leave first.
        asio::post(io, [this] {
            if (stop_request) stop_request();
        });
    };
    return out;
}

void App::Parts::make_api()
{
    const Settings& s = options.settings;
    add_node_methods(api, view());
    if (torrents)
        add_torrent_methods(api, *torrents,
                            {s.download_folder, options.tunnels ? s.hops : std::uint8_t{0},
                             options.tunnels ? std::uint8_t{5} : std::uint8_t{0}});
    add_swarm_methods(api, hidden.get(), service.get());
    control = std::make_unique<ControlServer>(
        io, control_socket_path(state.path()),
        [this](const std::string& line, std::function<void(std::string)> done) { api.handle(line, std::move(done)); });
    if (const auto listening = control->start(); !listening)
        throw UserError(fmt::format("control socket {}: {}", control_socket_path(state.path()).string(),
                                    listening.error().message()));
}

void App::Parts::stop_tunnels(std::function<void()> done)
{
    if (proxies) proxies->close();
    if (!service) return done();
    routing->stop();
    save_tunnel_state();
    service->stop(kTunnelGrace, std::move(done));
}

App::App(asio::io_context& io, StateFolder state, AppOptions options, const InProcessFactory& in_process)
    : parts_(std::make_unique<Parts>(io, std::move(state), std::move(options), in_process))
{
}

App::~App() = default;

void App::start()
{
    Parts& p = *parts_;
    if (p.options.tunnels) {
        p.make_tunnels();
        p.start_tunnels(); // children first: the fewer threads and descriptors there are, the less could be inherited
    }
    if (p.options.torrents) {
        if (p.options.tunnels) p.start_containment();
        p.make_torrents();
        if (p.service)
            p.hidden = join_hidden_swarms(*p.service, *p.routing, *p.proxies, *p.torrents,
                                          p.options.settings.allow_equal_prefixes);
    }
    p.make_api();
    p.tick_later();
}

const HiddenSwarms* App::hidden() const noexcept
{
    return parts_->hidden.get();
}

TorrentService& App::torrents() noexcept
{
    return *parts_->torrents;
}

proto::TunnelService* App::tunnels() noexcept
{
    return parts_->service.get();
}

void App::want_route(const TorrentRoute& route)
{
    if (parts_->routing && route.hops > 0) parts_->routing->want(parts_->proxies->route_of(route));
}

void App::on_stop_request(std::function<void()> handler)
{
    parts_->stop_request = std::move(handler);
}

void App::stop(std::function<void()> done)
{
    Parts& p = *parts_;
    if (std::exchange(p.stopping, true)) return;
    p.timer.cancel();
    const auto after_torrents = [&p, done = std::move(done)](const Answer<void>& saved) {
        if (!saved) log::error("resume data could not be saved", {log::field("why", saved.error())});
        p.stop_tunnels([&p, done] {
            p.control->close();
            done();
        });
    };
    if (p.torrents)
        p.torrents->stop(kTorrentGrace, after_torrents);
    else
        after_torrents({});
}

} // namespace cepa::main
