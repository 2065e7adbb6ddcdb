#include "main/torrent_service.hpp"

#include "base/log.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_service_impl.hpp"

#include <boost/asio/post.hpp>
#include <libtorrent/torrent_flags.hpp>

#include <utility>

namespace cepa::main {

namespace asio = boost::asio;
namespace lt = libtorrent;

TorrentService::Impl::Impl(asio::io_context& io, Containment& containment, TorrentServiceOptions options,
                           TorrentServiceHooks hooks)
    : io_(io), options_(std::move(options)), hooks_(std::move(hooks)), refresh_timer_(io), ending_timer_(io),
      saved_at_(clock_.now()), self_(std::make_shared<Impl*>(this)),
      store_(options_.state_folder.empty() ? "" : options_.state_folder / "torrents"), writer_(io, store_),
      sessions_(io, containment, options_, clock_,
                {[this](const TorrentRoute& route) { return hooks_.open_proxy(route); },
                 [this](const TorrentRoute& route, const lt::alert& alert) { on_alert(route, alert); },
                 [this](const TorrentRoute& route, const std::string& why) { fail_all_of(route, why); }})
{
    refresh_later();
}

void TorrentService::Impl::post(std::function<void()> what)
{
    asio::post(io_, [weak = std::weak_ptr(self_), what = std::move(what)] {
        if (!weak.expired()) what();
    });
}

// ---- what is asked of one torrent ----------------------------------------------------------------------------------

const TorrentRecord* TorrentService::Impl::find(const Id& id) const
{
    const auto first = records_.lower_bound(id);
    if (id.empty() || first == records_.end() || !first->first.starts_with(id)) return nullptr;
    const auto next = std::next(first);
    const bool unique = first->first == id || next == records_.end() || !next->first.starts_with(id);
    return unique ? &first->second : nullptr;
}

/// Runs `action` on the record of `id`, or answers `done` with the reason why not.
template <class Action>
void TorrentService::Impl::with(const Id& id, const Done& done, Action action)
{
    const TorrentRecord* record = find(id);
    if (record != nullptr) return action(records_.at(record->info.id));
    post([done, why = fmt::format("torrent {}: no such torrent, or more than one begins so", id)] {
        done(std::unexpected(why));
    });
}

void TorrentService::Impl::remove(const Id& id, bool delete_files, Done done)
{
    with(id, done, [&](const TorrentRecord& record) {
        const Id whole = record.info.id;
        TorrentSession* session = sessions_.find(record.info.route);
        if (session != nullptr && record.handle.is_valid()) {
            removing_[whole].push_back(std::move(done)); // answered when libtorrent has let go
            session->remove(record.handle, delete_files);
        } else {
            writer_.remove(whole, {std::move(done)});
        }
        forget(whole);
        changed();
    });
}

void TorrentService::Impl::pause(const Id& id, bool paused, Done done)
{
    with(id, done, [&](TorrentRecord& record) {
        if (!record.handle.is_valid())
            return post(
                [done, why = fmt::format("torrent {}: {}", record.info.id,
                                         record.info.error.empty() ? "is still being added" : record.info.error)] {
                    done(std::unexpected(why));
                });
        const TorrentRecord* twin = !paused && has_hidden_peers(record.info.peer_mode)
                                        ? hidden_one_of(record.ids, &record)
                                        : nullptr;
        if (twin != nullptr && (!record.held.empty() || !twin->paused))
            return post([done, why = fmt::format("torrent {}: is the same as torrent {}; first: cepa remove {:.10}",
                                                 record.info.id, twin->info.id, record.info.id)] {
                done(std::unexpected(why));
            });
        record.paused = paused;
        if (paused) {
            record.info.state = TorrentState::paused;
            record.handle.pause();
        } else {
            record.info.state = TorrentState::checking; // until libtorrent says more
            record.write_error.clear();
            record.held.clear();
            record.handle.clear_error();
            if (!record.given_complete) record.handle.unset_flags(lt::torrent_flags::upload_mode);
            if (std::exchange(record.recheck, false)) record.handle.force_recheck();
            record.handle.resume();
        }
        save(record, [](const Answer<void>&) {});
        changed();
        post([done = std::move(done)] { done({}); });
    });
}

void TorrentService::Impl::connect_peer(const Id& id, const Endpoint& peer, Done done)
{
    with(id, done, [&](TorrentRecord& record) {
        if (record.info.peer_mode == PeerMode::hidden)
            return post([done, whole = record.info.id] {
                done(std::unexpected(fmt::format("torrent {}: takes hidden peers only, no named ones", whole)));
            });
        if (record.handle.is_valid())
            record.handle.connect_peer(to_libtorrent(peer));
        else
            record.first_peers.push_back(peer);
        record.info.findable = true;
        post([done = std::move(done)] { done({}); });
    });
}

std::vector<TorrentInfo> TorrentService::Impl::list() const
{
    std::vector<TorrentInfo> all;
    for (const auto& [id, record] : records_)
        all.push_back(record.info);
    return all;
}

void TorrentService::Impl::peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers)
{
    TorrentSession* session = sessions_.find(route);
    if (session == nullptr) return;
    for (const auto& [id, record] : records_)
        if (record.info.route == route) session->reconnect(record.handle, peers);
}

// ---- hidden peers
// -----------------------------------------------------------------------------------------------------

void TorrentService::Impl::hidden_linked(const Id& id, const Endpoint& peer, bool seeder)
{
    const auto record = records_.find(id);
    TorrentSession* const session = record == records_.end() ? nullptr : sessions_.find(record->second.info.route);
    if (session == nullptr || !record->second.handle.is_valid()) return;
    if (seeder) record->second.hidden_seeders.insert(peer);
    session->hidden_linked(record->second.handle, peer, seeder);
}

void TorrentService::Impl::hidden_lost(const Id& id, const Endpoint& peer)
{
    const auto record = records_.find(id);
    TorrentSession* const session = record == records_.end() ? nullptr : sessions_.find(record->second.info.route);
    if (session == nullptr || !record->second.handle.is_valid()) return;
    record->second.hidden_seeders.erase(peer);
    session->hidden_lost(record->second.handle, peer);
}

std::uint64_t TorrentService::Impl::hidden_payload(const Id& id, const Endpoint& peer, bool seeder)
{
    const auto record = records_.find(id);
    TorrentSession* const session = record == records_.end() ? nullptr : sessions_.find(record->second.info.route);
    if (session == nullptr) return 0;
    const PeerPayloads::Bytes bytes = session->hidden_payload(peer);
    return seeder ? bytes.received : bytes.sent;
}

void TorrentService::Impl::set_hidden_waiting(const Id& id, const std::string& what)
{
    const auto record = records_.find(id);
    if (record != records_.end()) record->second.hidden_waiting = what;
}

// ---- what alerts say
// -------------------------------------------------------------------------------------------------

TorrentRecord* TorrentService::Impl::record_of(const lt::torrent_handle& handle)
{
    const auto id = by_handle_.find(handle);
    if (id == by_handle_.end()) return nullptr;
    const auto record = records_.find(id->second);
    return record == records_.end() ? nullptr : &record->second;
}

void TorrentService::Impl::forget(Id id)
{
    TorrentRecord& record = records_.at(id);
    for (Done& done : record.saved)
        post([done = std::move(done)] { done({}); }); // there is nothing to save any more
    for (IdDone& done : record.added)
        post([done = std::move(done), why = fmt::format("torrent {}: removed while it was being added", id)] {
            done(std::unexpected(why));
        });
    by_handle_.erase(record.handle);
    records_.erase(id);
}

void TorrentService::Impl::on_alert(const TorrentRoute& route, const lt::alert& alert)
{
    if (const auto* updated = lt::alert_cast<lt::state_update_alert>(&alert)) return on_updated(*updated);
    if (const auto* connected = lt::alert_cast<lt::peer_connect_alert>(&alert)) return on_connected(*connected);
    if (const auto* added = lt::alert_cast<lt::add_torrent_alert>(&alert)) return on_added(route, *added);
    if (const auto* removed = lt::alert_cast<lt::torrent_removed_alert>(&alert)) return on_removed(*removed);
    if (const auto* described = lt::alert_cast<lt::metadata_received_alert>(&alert)) on_described(described->handle);
    if (const auto* saved = lt::alert_cast<lt::save_resume_data_alert>(&alert)) return on_saved(*saved);
    if (const auto* failed = lt::alert_cast<lt::save_resume_data_failed_alert>(&alert)) return on_not_saved(*failed);
    if (const auto* failed = lt::alert_cast<lt::torrent_delete_failed_alert>(&alert)) {
        if (!failed->error) return; // without metadata there were no files
        return log::warn("files of a removed torrent could not be deleted",
                         {log::field("why", failed->error.message())});
    }
    if (const auto* failed = lt::alert_cast<lt::file_error_alert>(&alert)) on_file_error(*failed);
    if ((alert.category() & lt::alert_category::error) != lt::alert_category_t{})
        log::debug("torrent alert", {log::field("text", Sensitive(alert.message()))});
}

void TorrentService::Impl::on_updated(const lt::state_update_alert& alert)
{
    for (const lt::torrent_status& status : alert.status) {
        TorrentRecord* const record = record_of(status.handle);
        if (record == nullptr) continue;
        update_record(*record, status);
        update_waiting(*record, sessions_.state(record->info.route), clock_.now()); // both are of one moment
        hold_unlike(*record);
        watch_files(*record, status);
    }
}

void TorrentService::Impl::on_connected(const lt::peer_connect_alert& alert)
{
    constexpr std::size_t kMostPeersSeen = 10'000; // a proof for the demo, not a log of a swarm's life
    if (options_.record_peers && peers_seen_.size() < kMostPeersSeen && record_of(alert.handle) != nullptr)
        peers_seen_.insert(from_libtorrent(alert.endpoint).ip.unmapped());
}

void TorrentService::Impl::on_file_error(const lt::file_error_alert& alert)
{
    TorrentRecord* const record = record_of(alert.handle);
    // The first says why; those that follow from it (a file that is now too short) do not.
    if (record != nullptr && record->write_error.empty())
        record->write_error = fmt::format("{}: {}", alert.filename(), alert.error.message());
}

void TorrentService::Impl::on_removed(const lt::torrent_removed_alert& alert)
{
    const auto waiting = removing_.find(torrent_id(alert.info_hashes));
    if (waiting == removing_.end()) return;
    writer_.remove(waiting->first, std::move(waiting->second));
    removing_.erase(waiting);
}

// ---- time
// --------------------------------------------------------------------------------------------------------------

void TorrentService::Impl::refresh_later()
{
    refresh_timer_.expires_after(options_.refresh);
    refresh_timer_.async_wait([this](const ErrorCode& error) {
        if (error) return;
        refresh();
        refresh_later();
    });
}

void TorrentService::Impl::refresh()
{
    std::set<TorrentRoute> open;
    for (const auto& [id, record] : records_)
        if (record.info.peer_mode != PeerMode::hidden) open.insert(record.info.route);
    sessions_.set_open(std::move(open));
    sessions_.refresh();
    const TimePoint now = clock_.now();
    for (auto& [id, record] : records_) {
        const RouteState route = sessions_.state(record.info.route);
        update_waiting(record, route, now);
        if (route.ready) offer_first_peers(record, now);
        look_at_files(record, now);
    }
    if (!stopping_ && now - saved_at_ >= options_.save_every) save_changed();
    changed();
    if (listener) listener();
}

/// libtorrent gives a peer up after some failures; the ones the user named are worth another try while there is no
/// other.
void TorrentService::Impl::offer_first_peers(TorrentRecord& record, TimePoint now)
{
    constexpr std::chrono::seconds kOfferEvery{15};
    const bool lonely = record.info.peers == 0 && !record.info.complete && !record.paused;
    if (!lonely || !record.handle.is_valid() || now - record.offered_at < kOfferEvery) return;
    record.offered_at = now;
    for (const Endpoint& peer : record.first_peers)
        record.handle.connect_peer(to_libtorrent(peer));
    for (const Endpoint& peer : record.hidden_seeders)
        record.handle.connect_peer(to_libtorrent(peer));
}

// ---- the public face
// ---------------------------------------------------------------------------------------------------

TorrentService::TorrentService(asio::io_context& io, Containment& containment, TorrentServiceOptions options,
                               TorrentServiceHooks hooks)
    : impl_(std::make_unique<Impl>(io, containment, std::move(options), std::move(hooks)))
{
}
TorrentService::~TorrentService() = default;

void TorrentService::load(std::function<void(std::vector<std::string>)> done)
{
    impl_->load(std::move(done));
}
void TorrentService::add(const AddTorrent& request, IdDone done)
{
    impl_->add(request, std::move(done));
}
void TorrentService::remove(const Id& id, bool delete_files, Done done)
{
    impl_->remove(id, delete_files, std::move(done));
}
void TorrentService::pause(const Id& id, Done done)
{
    impl_->pause(id, true, std::move(done));
}
void TorrentService::resume(const Id& id, Done done)
{
    impl_->pause(id, false, std::move(done));
}
void TorrentService::connect_peer(const Id& id, const Endpoint& peer, Done done)
{
    impl_->connect_peer(id, peer, std::move(done));
}
void TorrentService::save_all(Done done)
{
    impl_->save_all(std::move(done));
}
void TorrentService::stop(Duration grace, Done done)
{
    impl_->stop(grace, std::move(done));
}
void TorrentService::update()
{
    impl_->sessions().refresh();
}
void TorrentService::on_refresh(std::function<void()> listener)
{
    impl_->listener = std::move(listener);
}
std::vector<TorrentInfo> TorrentService::list() const
{
    return impl_->list();
}
std::vector<TorrentSessionInfo> TorrentService::sessions() const
{
    return impl_->sessions().list();
}
const std::set<IpAddress>& TorrentService::peers_seen() const
{
    return impl_->peers_seen();
}

std::optional<TorrentInfo> TorrentService::show(const Id& id) const
{
    const TorrentRecord* record = impl_->find(id);
    return record == nullptr ? std::nullopt : std::optional(record->info);
}

void TorrentService::set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for)
{
    impl_->sessions().set_route(TorrentSessions::normal(route), ready, waiting_for);
}

void TorrentService::hidden_linked(const Id& id, const Endpoint& peer, bool seeder)
{
    impl_->hidden_linked(id, peer, seeder);
}

void TorrentService::hidden_lost(const Id& id, const Endpoint& peer)
{
    impl_->hidden_lost(id, peer);
}

std::uint64_t TorrentService::hidden_payload(const Id& id, const Endpoint& peer, bool seeder) const
{
    return impl_->hidden_payload(id, peer, seeder);
}

void TorrentService::set_hidden_waiting(const Id& id, const std::string& what)
{
    impl_->set_hidden_waiting(id, what);
}

void TorrentService::peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers)
{
    impl_->peers_lost(TorrentSessions::normal(route), peers);
}

} // namespace cepa::main
