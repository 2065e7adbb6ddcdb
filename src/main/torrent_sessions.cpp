#include "main/torrent_sessions.hpp"

#include "base/log.hpp"

#include <boost/asio/post.hpp>
#include <libtorrent/alert_types.hpp>

#include <algorithm>

namespace cepa::main {

namespace lt = libtorrent;

TorrentSessions::TorrentSessions(boost::asio::io_context& io, Containment& containment,
                                 const TorrentServiceOptions& options, const Clock& clock, TorrentSessionsHooks hooks)
    : io_(io), containment_(containment), options_(options), clock_(clock), hooks_(std::move(hooks))
{
}

TorrentRoute TorrentSessions::normal(TorrentRoute route)
{
    if (route.hops == 0) route.group.clear();
    return route;
}

TorrentSessions::Entry& TorrentSessions::entry(const TorrentRoute& route)
{
    std::unique_ptr<Entry>& found = entries_[route];
    if (!found) {
        found = std::make_unique<Entry>();
        found->info.route = route;
        found->state.ready = route.hops == 0;
        found->state.since = clock_.now();
    }
    return *found;
}

Answer<TorrentSession*> TorrentSessions::open(const TorrentRoute& route)
{
    Entry& wanted = entry(route);
    if (!wanted.info.stopped_by_guard.empty())
        return std::unexpected("torrent: the session of this route was stopped: " + wanted.info.stopped_by_guard);
    if (!wanted.session)
        if (Answer<void> made = make(wanted); !made) return std::unexpected(made.error());
    return wanted.session.get();
}

Answer<lt::settings_pack> TorrentSessions::settings_of(Entry& wanted)
{
    const SessionLimits limits{options_.download_bytes_per_s, options_.upload_bytes_per_s};
    if (wanted.info.route.hops == 0) {
        lt::settings_pack plain = plain_settings(options_.plain_listen, options_.public_network, limits);
        set_dht_nodes(plain, options_.dht_nodes);
        return plain;
    }
    const Answer<std::uint16_t> port = hooks_.open_proxy(wanted.info.route);
    if (!port) return std::unexpected(port.error());
    wanted.info.proxy_port = *port;
    lt::settings_pack anonymous = anonymous_settings(*port, limits, containment_.status().on);
    set_dht_nodes(anonymous, options_.dht_nodes);
    return anonymous;
}

Answer<void> TorrentSessions::make(Entry& wanted)
{
    Answer<lt::settings_pack> settings = settings_of(wanted);
    if (!settings) return std::unexpected(settings.error());
    wanted.paused = !wanted.state.ready;
    TorrentSessionHooks hooks{[this, &wanted](const lt::alert& alert) { on_alert(wanted, alert); },
                              [this, &wanted](const std::string& why) { on_guard(wanted, why); }};
    try {
        wanted.session = std::make_unique<TorrentSession>(io_, containment_, wanted.info.route, std::move(*settings),
                                                          wanted.paused, std::move(hooks));
    } catch (const std::exception& error) {
        return std::unexpected(std::string("torrent session: ") + error.what());
    }
    wanted.awake_since = clock_.now();
    return {};
}

TorrentSession* TorrentSessions::find(const TorrentRoute& route) const
{
    const auto found = entries_.find(route);
    return found == entries_.end() ? nullptr : found->second->session.get();
}

RouteState TorrentSessions::state(const TorrentRoute& route) const
{
    const auto found = entries_.find(route);
    return found == entries_.end() ? RouteState{} : found->second->state;
}

std::vector<TorrentSessionInfo> TorrentSessions::list() const
{
    std::vector<TorrentSessionInfo> all;
    for (const auto& [route, one] : entries_) {
        TorrentSessionInfo info = one->info;
        info.ready = one->state.ready;
        if (!info.ready) info.waiting_for = one->state.waiting_for;
        all.push_back(std::move(info));
    }
    return all;
}

void TorrentSessions::set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for)
{
    if (route.hops == 0) return;
    Entry& told = entry(route);
    if (told.state.ready != ready) told.state.since = clock_.now();
    told.state.ready = ready;
    told.state.waiting_for = waiting_for.empty() ? RouteState{}.waiting_for : waiting_for;
    apply_readiness(told);
}

void TorrentSessions::apply_readiness(Entry& one)
{
    if (!one.session || one.info.route.hops == 0) return;
    if (one.state.ready && one.paused) {
        one.session->resume();
        one.awake_since = clock_.now();
        one.paused = false;
    } else if (!one.state.ready && !one.paused && clock_.now() - one.state.since >= kPauseAfter) {
        one.session->pause();
        one.paused = true;
    }
}

/// The DHT asks its entry points once, at once, and not again for long: an anonymous session is to have its SOCKS5
/// association by then, or the question is lost.
void TorrentSessions::start_dht(Entry& one)
{
    const TorrentRoute& route = one.info.route;
    const bool possible = options_.public_network || !options_.dht_nodes.empty();
    const bool wanted = possible && (route.hops == 0 || open_.contains(route));
    const bool awake = !one.paused && clock_.now() - one.awake_since >= kDhtAfter;
    if (!one.session || wanted == one.info.dht || (wanted && !awake)) return;
    one.session->set_dht(wanted);
    one.info.dht = wanted;
}

void TorrentSessions::refresh()
{
    for (const auto& [route, one] : entries_) {
        apply_readiness(*one);
        start_dht(*one);
        if (one->session) one->session->refresh();
    }
}

void TorrentSessions::on_alert(Entry& one, const lt::alert& alert)
{
    if (const auto* listening = lt::alert_cast<lt::listen_succeeded_alert>(&alert)) {
        const auto ip = IpAddress::parse(listening->address.to_string());
        one.info.listen = Endpoint{ip.value_or(IpAddress{}), static_cast<std::uint16_t>(listening->port)}.to_string();
        one.info.listen_error.clear();
    } else if (const auto* failed = lt::alert_cast<lt::listen_failed_alert>(&alert)) {
        one.info.listen_error = failed->message();
        log::warn("torrent session does not listen", {log::field("why", failed->message())});
    } else {
        hooks_.on_alert(one.info.route, alert);
    }
}

/// Fails closed: the session goes first, the words come after.
void TorrentSessions::on_guard(Entry& one, const std::string& why)
{
    if (!one.session) return;
    end(one);
    one.info.stopped_by_guard = why;
    log::error(
        "anonymous torrent session stopped: it could have reached the network past its circuits; restart the program",
        {log::field("hops", one.info.route.hops), log::field("why", why)});
    hooks_.on_guard(one.info.route, why);
}

void TorrentSessions::end(Entry& one)
{
    ending_.push_back(one.session->abort());
    // The object may be inside one of its own calls: it goes with the next turn of the loop.
    boost::asio::post(io_, [dead = std::shared_ptr<TorrentSession>(std::move(one.session))] {});
}

void TorrentSessions::end()
{
    for (const auto& [route, one] : entries_)
        if (one->session) end(*one);
}

bool TorrentSessions::ended() const
{
    return std::ranges::all_of(ending_, &EndingSession::ended);
}

} // namespace cepa::main
