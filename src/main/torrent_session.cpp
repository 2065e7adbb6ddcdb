#include "main/torrent_session.hpp"

#include "main/settings_guard.hpp"

#include <boost/asio/post.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/session_handle.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

namespace cepa::main {
namespace {

namespace asio = boost::asio;
namespace lt = libtorrent;

constexpr std::chrono::seconds kReadBackEvery{10};

} // namespace

EndingSession::EndingSession(lt::session_proxy proxy) : ended_(std::make_shared<std::atomic<bool>>(false))
{
    // The proxy's destructor joins libtorrent's threads, which can take seconds; nothing of ours is touched there.
    std::thread([ended = ended_, held = std::make_unique<lt::session_proxy>(std::move(proxy))]() mutable {
        held.reset();
        ended->store(true);
    }).detach();
}

/// Reads an anonymous session's settings back now and then. It lives on the network thread, so reading them does not
/// make the io thread wait for libtorrent.
class TorrentSession::Watch final : public lt::plugin {
public:
    Watch(asio::io_context& io, std::weak_ptr<TorrentSession*> owner, lt::settings_pack wanted)
        : io_(io), owner_(std::move(owner)), wanted_(std::move(wanted))
    {
    }
    lt::feature_flags_t implemented_features() override { return tick_feature; }
    void added(const lt::session_handle& session) override { session_ = session; }
    void on_tick() override
    {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) return;
        next_ = now + kReadBackEvery;
        if (auto why = guard_settings(wanted_, session_.get_settings()))
            asio::post(io_, [owner = owner_, text = *why] {
                if (const auto alive = owner.lock()) (*alive)->hooks_.on_guard(text);
            });
    }

private:
    asio::io_context& io_; // outlives the session: main's own
    std::weak_ptr<TorrentSession*> owner_;
    lt::settings_pack wanted_;
    lt::session_handle session_;
    std::chrono::steady_clock::time_point next_{};
};

TorrentSession::TorrentSession(asio::io_context& io, Containment& containment, TorrentRoute route,
                               lt::settings_pack settings, bool paused, TorrentSessionHooks hooks)
    : io_(io), route_(std::move(route)), hooks_(std::move(hooks)), self_(std::make_shared<TorrentSession*>(this)),
      peers_(std::make_shared<PeerReconnect>())
{
    lt::session_params parameters = session_parameters(settings);
    parameters.extensions.push_back(peers_);
    if (anonymous()) parameters.extensions.push_back(std::make_shared<Watch>(io_, self_, settings));
    const auto make = [&] {
        session_ = std::make_unique<lt::session>(std::move(parameters),
                                                 paused ? lt::session_handle::paused : lt::session_flags_t{});
    };
    if (anonymous())
        containment.run_inside(make);
    else
        make();
    session_->set_alert_notify([&target = io_, weak = std::weak_ptr(self_)] {
        asio::post(target, [weak] {
            if (const auto alive = weak.lock()) (*alive)->on_alerts();
        });
    });
}

TorrentSession::~TorrentSession()
{
    if (session_) session_->set_alert_notify({});
}

void TorrentSession::on_alerts()
{
    if (!session_) return;
    std::vector<lt::alert*> alerts;
    session_->pop_alerts(&alerts);
    const std::weak_ptr weak(self_); // a hook may abort or destroy this
    for (const lt::alert* alert : alerts) {
        if (anonymous())
            if (const auto why = guard_alert(*alert)) {
                hooks_.on_guard(*why);
                return;
            }
        hooks_.on_alert(*alert);
        if (weak.expired() || !session_) return;
    }
}

void TorrentSession::add(lt::add_torrent_params params)
{
    session_->async_add_torrent(std::move(params));
}

void TorrentSession::remove(const lt::torrent_handle& torrent, bool delete_files)
{
    session_->remove_torrent(torrent, delete_files ? lt::session_handle::delete_files : lt::remove_flags_t{});
}

void TorrentSession::refresh()
{
    session_->post_torrent_updates(lt::torrent_handle::query_name | lt::torrent_handle::query_torrent_file |
                                   lt::torrent_handle::query_save_path);
}

void TorrentSession::pause()
{
    session_->pause();
}

void TorrentSession::resume()
{
    session_->resume();
}

void TorrentSession::set_dht(bool on)
{
    lt::settings_pack pack;
    pack.set_bool(lt::settings_pack::enable_dht, on);
    session_->apply_settings(std::move(pack));
}

void TorrentSession::reconnect(const lt::torrent_handle& torrent, std::span<const Endpoint> peers)
{
    std::vector<lt::tcp::endpoint> endpoints;
    std::ranges::transform(peers, std::back_inserter(endpoints), to_libtorrent);
    reconnect_peers(peers_, torrent, std::move(endpoints));
}

void TorrentSession::hidden_linked(const lt::torrent_handle& torrent, const Endpoint& peer, bool connect)
{
    hidden_peer_linked(peers_, torrent, to_libtorrent(peer), connect);
}

PeerPayloads::Bytes TorrentSession::hidden_payload(const Endpoint& peer) const
{
    return peers_ ? peers_->payload_of(to_libtorrent(peer)) : PeerPayloads::Bytes{};
}

void TorrentSession::hidden_lost(const lt::torrent_handle& torrent, const Endpoint& peer)
{
    hidden_peer_lost(peers_, torrent, to_libtorrent(peer));
}

EndingSession TorrentSession::abort()
{
    session_->set_alert_notify({});
    EndingSession ending(session_->abort());
    session_.reset();
    self_.reset();
    return ending;
}

lt::tcp::endpoint to_libtorrent(const Endpoint& endpoint)
{
    if (!endpoint.ip.v6) return {lt::address_v4(endpoint.ip.to_v4()), endpoint.port};
    return {lt::address_v6(endpoint.ip.bytes), endpoint.port};
}

Endpoint from_libtorrent(const lt::tcp::endpoint& endpoint)
{
    if (endpoint.address().is_v4()) return {IpAddress::v4(endpoint.address().to_v4().to_uint()), endpoint.port()};
    return {{endpoint.address().to_v6().to_bytes(), true}, endpoint.port()};
}

} // namespace cepa::main
