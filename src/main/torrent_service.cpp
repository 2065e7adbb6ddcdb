#include "main/torrent_service.hpp"

#include "main/atomic_file.hpp"
#include "main/resume_store.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_record.hpp"
#include "main/torrent_session.hpp"

#include "base/log.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

namespace cepa::main {
namespace {

namespace asio = boost::asio;
namespace lt = libtorrent;

/// A route that lost its circuits for longer than this has its session paused: libtorrent would use its patience with
/// every peer up meanwhile.
constexpr std::chrono::seconds kPauseAfter{10};
constexpr std::chrono::milliseconds kEndingPoll{10};

TorrentRoute normal(TorrentRoute route)
{
    if (route.hops == 0) route.group.clear(); // one plain session
    return route;
}

/// Counts answers until all are there; the first failure is the answer.
struct Gathering {
    std::size_t left = 1;
    Answer<void> answer;
    std::function<void(Answer<void>)> done;

    static std::function<void(Answer<void>)> one(const std::shared_ptr<Gathering>& all)
    {
        ++all->left;
        return [all](const Answer<void>& answer) { all->arrive(answer); };
    }
    void arrive(const Answer<void>& one)
    {
        if (!one && answer) answer = one;
        if (--left == 0) done(answer);
    }
};

} // namespace

class TorrentService::Impl {
public:
    Impl(asio::io_context& io, Containment& containment, TorrentServiceOptions options, TorrentServiceHooks hooks)
        : io_(io), containment_(containment), options_(std::move(options)), hooks_(std::move(hooks)),
          store_(options_.state_folder.empty() ? "" : options_.state_folder / "torrents"), refresh_timer_(io),
          ending_timer_(io), self_(std::make_shared<Impl*>(this))
    {
        refresh_later();
    }
    ~Impl() { writer_.join(); }

    void load(std::function<void(std::vector<std::string>)> done);
    void add(const AddTorrent& request, IdDone done);
    void remove(const Id& id, bool delete_files, Done done);
    void pause(const Id& id, bool paused, Done done);
    void connect_peer(const Id& id, const Endpoint& peer, Done done);
    std::vector<TorrentInfo> list() const;
    const TorrentRecord* find(const Id& id) const;
    std::vector<TorrentSessionInfo> sessions() const;
    void set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for);
    void peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers);
    void save_all(Done done);
    void stop(Duration grace, Done done);

    std::function<void()> listener;

private:
    struct Session {
        TorrentSessionInfo info;
        RouteState state;
        std::unique_ptr<TorrentSession> session; // null once the guard has ended it
        bool paused = false;
    };

    // adding
    Answer<lt::add_torrent_params> read_source(const AddTorrent& request) const;
    Answer<void> add_parsed(lt::add_torrent_params params, const AddTorrent& request, bool plain_life, IdDone done);
    Answer<Session*> session_for(const TorrentRoute& route);
    Answer<void> open_session(Session& session);
    CleaningPolicy policy(const TorrentRoute& route) const { return {route.hops > 0, !options_.public_network}; }
    SessionLimits limits() const { return {options_.download_bytes_per_s, options_.upload_bytes_per_s}; }
    template <class Action>
    void with(const Id& id, const Done& done, Action action);

    // alerts
    void on_alert(Session& session, const lt::alert& alert);
    void on_added(Session& session, const lt::add_torrent_alert& alert);
    void on_updated(const lt::state_update_alert& alert);
    void on_saved(const lt::save_resume_data_alert& alert);
    void on_listening(Session& session, const lt::listen_succeeded_alert& alert);
    void on_guard(Session& session, const std::string& why);
    TorrentRecord* record_of(const lt::torrent_handle& handle);
    void on_removed(const lt::info_hash_t& hashes);

    // time
    void refresh_later();
    void refresh();
    void save_changed();
    void apply_readiness(Session& session);
    void save(TorrentRecord& record, Done done);
    void write(StoredTorrent stored, std::vector<Done> waiters);
    void end_sessions(Done done, TimePoint deadline, const Answer<void>& answer);
    void post(std::function<void()> what);

    asio::io_context& io_;
    Containment& containment_;
    TorrentServiceOptions options_;
    TorrentServiceHooks hooks_;
    BootClock clock_;
    ResumeStore store_;
    std::map<TorrentRoute, std::unique_ptr<Session>> sessions_;
    std::map<Id, TorrentRecord> records_;
    std::map<Id, std::vector<Done>> removing_;
    std::vector<EndingSession> ending_;
    asio::steady_timer refresh_timer_;
    asio::steady_timer ending_timer_;
    TimePoint saved_at_ = clock_.now();
    bool stopping_ = false;
    std::shared_ptr<Impl*> self_;     // what is posted may run after the end
    asio::thread_pool writer_{1};     // fsync takes its time, and the io thread has packets to carry
};

// ---- adding ------------------------------------------------------------------------------------------------------

Answer<lt::add_torrent_params> TorrentService::Impl::read_source(const AddTorrent& request) const
{
    if (!request.content.empty()) return parse_torrent_file(request.content);
    if (boost::istarts_with(request.source, "magnet:")) return parse_magnet(request.source);
    const Result<Bytes> content = read_file(request.source);
    if (!content) return std::unexpected(fmt::format("torrent {}: {}", request.source, content.error().message()));
    auto params = parse_torrent_file(*content);
    if (!params) return std::unexpected(fmt::format("torrent {}: {}", request.source, params.error()));
    return params;
}

void TorrentService::Impl::add(const AddTorrent& request, IdDone done)
{
    auto params = read_source(request);
    Answer<void> answer = params ? Answer<void>() : std::unexpected(params.error());
    if (answer) answer = add_parsed(std::move(*params), request, false, done);
    if (!answer) post([done, error = answer.error()] { done(std::unexpected(error)); });
}

/// Fills everything in and hands it to the route's session; `done` is only kept when this succeeds.
Answer<void> TorrentService::Impl::add_parsed(lt::add_torrent_params params, const AddTorrent& request, bool plain_life, IdDone done)
{
    const TorrentRoute route = normal(request.route);
    if (stopping_) return std::unexpected(std::string("torrent: the service is stopping"));
    if (route.hops > options_.max_hops)
        return std::unexpected(fmt::format("torrent: {} hops are more than the {} allowed", route.hops, options_.max_hops));
    clean(params, policy(route));
    if (params.ti) params.info_hashes = params.ti->info_hashes();
    const Id id = torrent_id(params.info_hashes);

    if (const auto known = records_.find(id); known != records_.end()) {
        if (known->second.info.route != route)
            return std::unexpected(fmt::format("torrent {}: already here with {} hops in group \"{}\"; remove it first", id,
                                               known->second.info.route.hops, known->second.info.route.group));
        for (const Endpoint& peer : request.peers) connect_peer(id, peer, [](const Answer<void>&) {});
        post([done, id] { done(id); });
        return {};
    }
    std::error_code error;
    std::filesystem::create_directories(request.save_path, error);
    if (error) return std::unexpected(fmt::format("folder {}: {}", request.save_path.string(), error.message()));
    const Answer<Session*> session = session_for(route);
    if (!session) return std::unexpected(session.error());

    params.save_path = std::filesystem::absolute(request.save_path).string();
    params.flags &= ~(lt::torrent_flags::auto_managed | lt::torrent_flags::paused | lt::torrent_flags::seed_mode
                      | lt::torrent_flags::sequential_download);
    params.flags |= lt::torrent_flags::duplicate_is_error | lt::torrent_flags::update_subscribe;
    if (request.paused) params.flags |= lt::torrent_flags::paused;
    if (request.seed_mode) params.flags |= lt::torrent_flags::seed_mode;
    if (request.sequential) params.flags |= lt::torrent_flags::sequential_download;

    TorrentRecord& record = records_[id];
    record.info.id = id;
    record.info.route = route;
    record.info.name = params.ti ? params.ti->name() : params.name.empty() ? id : params.name;
    record.info.save_path = params.save_path;
    record.paused = request.paused;
    record.plain_life = plain_life || route.hops == 0;
    record.first_peers = request.peers;
    record.waiting_since = clock_.now();
    record.added.push_back(std::move(done));
    (*session)->session->add(std::move(params));
    return {};
}

Answer<TorrentService::Impl::Session*> TorrentService::Impl::session_for(const TorrentRoute& route)
{
    std::unique_ptr<Session>& session = sessions_[route];
    if (!session) {
        session = std::make_unique<Session>();
        session->info.route = route;
        session->state = {route.hops == 0, "a circuit", clock_.now()};
    }
    if (!session->info.stopped_by_guard.empty())
        return std::unexpected("torrent: the session of this route was stopped: " + session->info.stopped_by_guard);
    if (!session->session)
        if (Answer<void> opened = open_session(*session); !opened) return std::unexpected(opened.error());
    return session.get();
}

Answer<void> TorrentService::Impl::open_session(Session& session)
{
    const TorrentRoute& route = session.info.route;
    lt::settings_pack settings = plain_settings(options_.plain_listen, options_.public_network, limits());
    if (route.hops > 0) {
        const Answer<std::uint16_t> port = hooks_.open_proxy(route);
        if (!port) return std::unexpected(port.error());
        session.info.proxy_port = *port;
        settings = anonymous_settings(*port, limits());
    }
    session.paused = !session.state.ready;
    TorrentSessionHooks hooks{[this, &session](const lt::alert& alert) { on_alert(session, alert); },
                              [this, &session](const std::string& why) { on_guard(session, why); }};
    try {
        session.session = std::make_unique<TorrentSession>(io_, containment_, route, std::move(settings), session.paused, std::move(hooks));
    } catch (const std::exception& error) {
        return std::unexpected(std::string("torrent session: ") + error.what());
    }
    if (!session.paused && route.hops > 0 && options_.public_network) session.session->set_dht(true);
    return {};
}

void TorrentService::Impl::load(std::function<void(std::vector<std::string>)> done)
{
    std::vector<std::string> messages;
    if (const Answer<void> ready = store_.prepare(); !ready) messages.push_back(ready.error());
    ResumeStore::Loaded loaded = store_.load();
    std::ranges::move(loaded.messages, std::back_inserter(messages));
    for (StoredTorrent& torrent : loaded.torrents) {
        const Id id = torrent.id;
        AddTorrent request{.source = {}, .content = {}, .save_path = torrent.params.save_path, .route = torrent.route, .paused = torrent.paused, .peers = {}};
        request.seed_mode = static_cast<bool>(torrent.params.flags & lt::torrent_flags::seed_mode);
        request.sequential = static_cast<bool>(torrent.params.flags & lt::torrent_flags::sequential_download);
        if (torrent.plain_life && torrent.route.hops > 0) forget_plain_life(torrent.params);
        const auto report = [id](const Answer<Id>& answer) {
            if (!answer) log::warn("torrent not loaded", {log::field("why", answer.error())});
        };
        if (const auto added = add_parsed(std::move(torrent.params), request, torrent.plain_life, report); !added)
            messages.push_back(fmt::format("torrent {}: {}", id, added.error()));
    }
    post([done = std::move(done), messages = std::move(messages)] { done(messages); });
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

/// Runs `action` on the record when libtorrent has it, and answers `done` with the failure otherwise.
template <class Action>
void TorrentService::Impl::with(const Id& id, const Done& done, Action action)
{
    auto* record = const_cast<TorrentRecord*>(find(id));
    if (record != nullptr && record->handle.is_valid()) return action(*record);
    std::string why = fmt::format("torrent {}: {}", id, record == nullptr ? "no such torrent, or more than one begins so" : "is not ready yet, or its session was stopped");
    post([done, why = std::move(why)] { done(std::unexpected(why)); });
}

void TorrentService::Impl::remove(const Id& id, bool delete_files, Done done)
{
    with(id, done, [&](const TorrentRecord& record) {
        const Id whole = record.info.id;
        const auto session = sessions_.find(record.info.route);
        removing_[whole].push_back(std::move(done));
        session->second->session->remove(record.handle, delete_files);
        records_.erase(whole);
    });
}

void TorrentService::Impl::pause(const Id& id, bool paused, Done done)
{
    with(id, done, [&](TorrentRecord& record) {
        record.paused = paused;
        record.info.state = paused ? TorrentState::paused : TorrentState::checking; // until libtorrent says more
        if (paused) {
            record.handle.pause();
        } else {
            record.handle.clear_error();
            record.handle.resume();
        }
        save(record, [](const Answer<void>&) {});
        post([done = std::move(done)] { done({}); });
    });
}

void TorrentService::Impl::connect_peer(const Id& id, const Endpoint& peer, Done done)
{
    with(id, done, [&](TorrentRecord& record) {
        record.handle.connect_peer(to_libtorrent(peer));
        post([done = std::move(done)] { done({}); });
    });
}

std::vector<TorrentInfo> TorrentService::Impl::list() const
{
    std::vector<TorrentInfo> all;
    for (const auto& [id, record] : records_) all.push_back(record.info);
    return all;
}

std::vector<TorrentSessionInfo> TorrentService::Impl::sessions() const
{
    std::vector<TorrentSessionInfo> all;
    for (const auto& [route, session] : sessions_) {
        TorrentSessionInfo info = session->info;
        info.ready = session->state.ready;
        info.waiting_for = session->state.ready ? "" : session->state.waiting_for;
        all.push_back(std::move(info));
    }
    return all;
}

// ---- alerts --------------------------------------------------------------------------------------------------------

TorrentRecord* TorrentService::Impl::record_of(const lt::torrent_handle& handle)
{
    for (auto& [id, record] : records_)
        if (record.handle == handle) return &record;
    return nullptr;
}

void TorrentService::Impl::on_alert(Session& session, const lt::alert& alert)
{
    if (const auto* updated = lt::alert_cast<lt::state_update_alert>(&alert)) return on_updated(*updated);
    if (const auto* added = lt::alert_cast<lt::add_torrent_alert>(&alert)) return on_added(session, *added);
    if (const auto* saved = lt::alert_cast<lt::save_resume_data_alert>(&alert)) return on_saved(*saved);
    if (const auto* listening = lt::alert_cast<lt::listen_succeeded_alert>(&alert)) return on_listening(session, *listening);
    if (const auto* failed = lt::alert_cast<lt::listen_failed_alert>(&alert)) {
        session.info.listen_error = failed->message();
        return log::warn("torrent session does not listen", {log::field("why", failed->message())});
    }
    if (const auto* failed = lt::alert_cast<lt::save_resume_data_failed_alert>(&alert)) {
        TorrentRecord* record = record_of(failed->handle);
        if (record == nullptr) return;
        const Answer<void> answer = failed->error == lt::errors::resume_data_not_modified
                                        ? Answer<void>() : std::unexpected("resume data: " + failed->error.message());
        for (const Done& done : std::exchange(record->saved, {})) done(answer);
        return;
    }
    if (const auto* connected = lt::alert_cast<lt::peer_connect_alert>(&alert)) {
        if (TorrentRecord* record = record_of(connected->handle))
            record->info.peers_seen.insert(from_libtorrent(connected->endpoint).ip.unmapped());
        return;
    }
    if (const auto* removed = lt::alert_cast<lt::torrent_removed_alert>(&alert)) return on_removed(removed->info_hashes);
    if (const auto* failed = lt::alert_cast<lt::torrent_delete_failed_alert>(&alert))
        return log::warn("files of a removed torrent could not be deleted", {log::field("why", failed->error.message())});
    if ((alert.category() & lt::alert_category::error) != lt::alert_category_t{})
        log::debug("torrent alert", {log::field("text", Sensitive(alert.message()))});
}

void TorrentService::Impl::on_added(Session& session, const lt::add_torrent_alert& alert)
{
    const auto entry = records_.find(torrent_id(alert.params.info_hashes));
    if (entry == records_.end()) return;
    TorrentRecord& record = entry->second;
    std::vector<IdDone> waiting = std::exchange(record.added, {});
    const Id id = entry->first;
    Answer<Id> answer = id;
    if (alert.error) {
        answer = std::unexpected(fmt::format("torrent {}: {}", id, alert.error.message()));
        records_.erase(entry);
    } else {
        record.handle = alert.handle;
        for (const Endpoint& peer : std::exchange(record.first_peers, {})) record.handle.connect_peer(to_libtorrent(peer));
        save(record, [](const Answer<void>&) {});
        session.session->refresh();
    }
    for (const IdDone& done : waiting) done(answer);
}

void TorrentService::Impl::on_updated(const lt::state_update_alert& alert)
{
    for (const lt::torrent_status& status : alert.status)
        if (TorrentRecord* record = record_of(status.handle)) update_record(*record, status);
}

void TorrentService::Impl::on_saved(const lt::save_resume_data_alert& alert)
{
    TorrentRecord* record = record_of(alert.handle);
    if (record == nullptr) return;
    write({record->info.id, record->info.route, record->paused, record->plain_life, alert.params}, std::exchange(record->saved, {}));
}

void TorrentService::Impl::on_listening(Session& session, const lt::listen_succeeded_alert& alert)
{
    const auto ip = IpAddress::parse(alert.address.to_string());
    session.info.listen = Endpoint{ip.value_or(IpAddress{}), static_cast<std::uint16_t>(alert.port)}.to_string();
    session.info.listen_error.clear();
}

void TorrentService::Impl::on_removed(const lt::info_hash_t& hashes)
{
    const auto waiting = removing_.find(torrent_id(hashes));
    if (waiting == removing_.end()) return;
    asio::post(writer_, [this, store = store_, id = waiting->first, waiters = std::move(waiting->second)]() mutable {
        Answer<void> answer = store.remove(id);
        post([waiters = std::move(waiters), answer = std::move(answer)] {
            for (const Done& done : waiters) done(answer);
        });
    });
    removing_.erase(waiting);
}

/// Fails closed: the session goes first, the words come after.
void TorrentService::Impl::on_guard(Session& session, const std::string& why)
{
    if (!session.session) return;
    ending_.push_back(session.session->abort());
    session.info.stopped_by_guard = why;
    log::error("anonymous torrent session stopped: it could have reached the network past its circuits; restart the program",
               {log::field("hops", session.info.route.hops), log::field("why", why)});
    for (auto& [id, record] : records_) {
        if (record.info.route != session.info.route) continue;
        record.handle = {};
        record.info.state = TorrentState::failed;
        record.info.error = "stopped to protect its anonymity: " + why;
        for (const IdDone& done : std::exchange(record.added, {})) done(std::unexpected(record.info.error));
        for (const Done& done : std::exchange(record.saved, {})) done(std::unexpected(record.info.error));
    }
    // The object is inside one of its own calls: it goes with the next turn of the loop.
    post([dead = std::shared_ptr<TorrentSession>(std::move(session.session))] {});
    if (hooks_.on_guard) hooks_.on_guard(session.info.route, why);
}

// ---- time ----------------------------------------------------------------------------------------------------------

void TorrentService::Impl::post(std::function<void()> what)
{
    asio::post(io_, [weak = std::weak_ptr(self_), what = std::move(what)] {
        if (!weak.expired()) what();
    });
}

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
    for (const auto& [route, session] : sessions_) {
        apply_readiness(*session);
        if (session->session) session->session->refresh();
    }
    const TimePoint now = clock_.now();
    for (auto& [id, record] : records_) update_waiting(record, sessions_.at(record.info.route)->state, now);
    if (!stopping_ && now - saved_at_ >= options_.save_every) save_changed();
    if (listener) listener();
}

void TorrentService::Impl::save_changed()
{
    saved_at_ = clock_.now();
    for (auto& [id, record] : records_)
        if (record.unsaved) save(record, [](const Answer<void>& answer) {
            if (!answer) log::warn("resume data not saved", {log::field("why", Sensitive(answer.error()))});
        });
}

void TorrentService::Impl::apply_readiness(Session& session)
{
    if (!session.session || session.info.route.hops == 0) return;
    const bool pause = !session.state.ready && clock_.now() - session.state.since >= kPauseAfter;
    const bool resume = session.state.ready;
    if (resume && session.paused) {
        session.session->resume();
        if (options_.public_network) session.session->set_dht(true);
        session.paused = false;
    } else if (pause && !session.paused) {
        session.session->pause();
        session.paused = true;
    }
}

void TorrentService::Impl::set_route(const TorrentRoute& given, bool ready, const std::string& waiting_for)
{
    const TorrentRoute route = normal(given);
    if (route.hops == 0) return;
    std::unique_ptr<Session>& session = sessions_[route];
    if (!session) {
        session = std::make_unique<Session>();
        session->info.route = route;
    }
    if (session->state.ready != ready) session->state.since = clock_.now();
    session->state.ready = ready;
    session->state.waiting_for = waiting_for.empty() ? "a circuit" : waiting_for;
    apply_readiness(*session);
}

void TorrentService::Impl::peers_lost(const TorrentRoute& given, std::span<const Endpoint> peers)
{
    const auto session = sessions_.find(normal(given));
    if (session == sessions_.end() || !session->second->session) return;
    for (const auto& [id, record] : records_)
        if (record.info.route == session->first) session->second->session->reconnect(record.handle, peers);
}

// ---- saving and stopping ---------------------------------------------------------------------------------------------

void TorrentService::Impl::save(TorrentRecord& record, Done done)
{
    if (options_.state_folder.empty() || !record.handle.is_valid()) return post([done = std::move(done)] { done({}); });
    record.unsaved = false;
    record.saved.push_back(std::move(done));
    // One request under way answers all who wait, for it is written after the last of them asked.
    record.handle.save_resume_data(lt::torrent_handle::save_info_dict);
}

void TorrentService::Impl::write(StoredTorrent stored, std::vector<Done> waiters)
{
    asio::post(writer_, [this, weak = std::weak_ptr(self_), store = store_, stored = std::move(stored), waiters = std::move(waiters)]() mutable {
        Answer<void> answer = store.save(stored); // the pool is joined before `this` goes
        post([waiters = std::move(waiters), answer = std::move(answer)] {
            for (const Done& done : waiters) done(answer);
        });
    });
}

void TorrentService::Impl::save_all(Done done)
{
    auto all = std::make_shared<Gathering>();
    all->done = std::move(done);
    for (auto& [id, record] : records_) save(record, Gathering::one(all));
    post([all] { all->arrive({}); });
}

void TorrentService::Impl::stop(Duration grace, Done done)
{
    assert(!stopping_);
    stopping_ = true;
    const TimePoint deadline = clock_.now() + grace;
    auto once = std::make_shared<Done>(std::move(done));
    const auto end = [this, deadline, once](const Answer<void>& answer) {
        if (!*once) return; // the deadline was first
        ending_timer_.cancel();
        end_sessions(std::exchange(*once, {}), deadline, answer);
    };
    ending_timer_.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(grace));
    ending_timer_.async_wait([end](const ErrorCode& error) {
        if (!error) end(std::unexpected(std::string("resume data: not all was saved in time")));
    });
    save_all(end);
}

void TorrentService::Impl::end_sessions(Done done, TimePoint deadline, const Answer<void>& answer)
{
    refresh_timer_.cancel();
    for (const auto& [route, session] : sessions_)
        if (session->session) {
            ending_.push_back(session->session->abort());
            post([dead = std::shared_ptr<TorrentSession>(std::move(session->session))] {});
        }
    const bool all = std::ranges::all_of(ending_, &EndingSession::ended);
    if (all || clock_.now() >= deadline) return done(answer);
    ending_timer_.expires_after(kEndingPoll);
    ending_timer_.async_wait([this, done = std::move(done), deadline, answer](const ErrorCode& error) mutable {
        if (!error) end_sessions(std::move(done), deadline, answer);
    });
}

// ---- the public face ---------------------------------------------------------------------------------------------------

TorrentService::TorrentService(asio::io_context& io, Containment& containment, TorrentServiceOptions options, TorrentServiceHooks hooks)
    : impl_(std::make_unique<Impl>(io, containment, std::move(options), std::move(hooks)))
{
}
TorrentService::~TorrentService() = default;

void TorrentService::load(std::function<void(std::vector<std::string>)> done) { impl_->load(std::move(done)); }
void TorrentService::add(const AddTorrent& request, IdDone done) { impl_->add(request, std::move(done)); }
void TorrentService::remove(const Id& id, bool delete_files, Done done) { impl_->remove(id, delete_files, std::move(done)); }
void TorrentService::pause(const Id& id, Done done) { impl_->pause(id, true, std::move(done)); }
void TorrentService::resume(const Id& id, Done done) { impl_->pause(id, false, std::move(done)); }
void TorrentService::connect_peer(const Id& id, const Endpoint& peer, Done done) { impl_->connect_peer(id, peer, std::move(done)); }
std::vector<TorrentInfo> TorrentService::list() const { return impl_->list(); }
std::optional<TorrentInfo> TorrentService::show(const Id& id) const
{
    const TorrentRecord* record = impl_->find(id);
    return record == nullptr ? std::nullopt : std::optional(record->info);
}
std::vector<TorrentSessionInfo> TorrentService::sessions() const { return impl_->sessions(); }
void TorrentService::on_refresh(std::function<void()> listener) { impl_->listener = std::move(listener); }
void TorrentService::set_route(const TorrentRoute& route, bool ready, const std::string& waiting_for) { impl_->set_route(route, ready, waiting_for); }
void TorrentService::peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers) { impl_->peers_lost(route, peers); }
void TorrentService::save_all(Done done) { impl_->save_all(std::move(done)); }
void TorrentService::stop(Duration grace, Done done) { impl_->stop(grace, std::move(done)); }

} // namespace cepa::main
