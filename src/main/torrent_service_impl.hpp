// The inside of TorrentService: the records of the torrents, kept by id and found by libtorrent's handle, between the
// sessions below and the plain values above. Process: main, io thread.
#pragma once

#include "main/resume_writer.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_record.hpp"
#include "main/torrent_service.hpp"
#include "main/torrent_sessions.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <libtorrent/alert_types.hpp>

#include <map>
#include <memory>
#include <set>

namespace cepa::main {

class TorrentService::Impl {
public:
    Impl(boost::asio::io_context& io, Containment& containment, TorrentServiceOptions options,
         TorrentServiceHooks hooks);

    // torrent_service_adding.cpp
    void load(std::function<void(std::vector<std::string>)> done);
    void add(const AddTorrent& request, IdDone done);
    // torrent_service.cpp
    void remove(const Id& id, bool delete_files, Done done);
    void pause(const Id& id, bool paused, Done done);
    void connect_peer(const Id& id, const Endpoint& peer, Done done);
    [[nodiscard]] std::vector<TorrentInfo> list() const;
    /// By a unique beginning of its id.
    [[nodiscard]] const TorrentRecord* find(const Id& id) const;
    [[nodiscard]] const std::set<IpAddress>& peers_seen() const noexcept { return peers_seen_; }
    void peers_lost(const TorrentRoute& route, std::span<const Endpoint> peers);
    void hidden_linked(const Id& id, const Endpoint& peer, bool seeder);
    void hidden_lost(const Id& id, const Endpoint& peer);
    [[nodiscard]] std::uint64_t hidden_payload(const Id& id, const Endpoint& peer, bool seeder);
    void set_hidden_waiting(const Id& id, const std::string& what);
    // torrent_service_saving.cpp
    void save_all(Done done);
    void stop(Duration grace, Done done);

    [[nodiscard]] TorrentSessions& sessions() noexcept { return sessions_; }
    [[nodiscard]] const TorrentSessions& sessions() const noexcept { return sessions_; }

    std::function<void()> listener;

private:
    // adding
    [[nodiscard]] Answer<void> add_read(libtorrent::add_torrent_params params, const AddTorrent& request, IdDone done);
    [[nodiscard]] Answer<void> check_peer_mode(AddTorrent& request, const Id& id, bool plain_life) const;
    [[nodiscard]] CleaningPolicy policy_of(const TorrentRoute& route, PeerMode mode) const noexcept
    {
        return {route.hops > 0, !options_.public_network, mode == PeerMode::hidden};
    }
    [[nodiscard]] Answer<void> add_parsed(libtorrent::add_torrent_params params, AddTorrent request,
                                          bool plain_life, IdDone done);
    /// Under every id: see PlainMarks.
    [[nodiscard]] bool has_plain_mark(const libtorrent::info_hash_t& hashes) const;
    [[nodiscard]] Answer<void> mark_plain(const libtorrent::info_hash_t& hashes) const;
    [[nodiscard]] bool findable(const libtorrent::add_torrent_params& params, const AddTorrent& request) const;
    [[nodiscard]] Answer<void> add_again(TorrentRecord& record, libtorrent::add_torrent_params params,
                                         const AddTorrent& request, IdDone done);
    static void describe(TorrentRecord& record);
    void on_added(const TorrentRoute& route, const libtorrent::add_torrent_alert& alert);
    void fail_all_of(const TorrentRoute& route, const std::string& why);

    // torrent_service_describing.cpp
    /// A torrent with hidden peers that has one of these ids: it is that hidden swarm, and there can be one only.
    [[nodiscard]] const TorrentRecord* hidden_one_of(const std::vector<Id>& ids,
                                                     const TorrentRecord* but = nullptr) const;
    [[nodiscard]] static std::string same_as(const TorrentRecord& twin);
    void hold(TorrentRecord& record, std::string why);
    void on_described(const libtorrent::torrent_handle& handle);

    // torrent_service_files.cpp
    void hold_unlike(TorrentRecord& record);
    static void watch_given_files(TorrentRecord& record, const libtorrent::torrent_info* info);
    static void forget_files(TorrentRecord& record);
    void watch_files(TorrentRecord& record, const libtorrent::torrent_status& status);
    void look_at_files(TorrentRecord& record, TimePoint now);
    void on_looked(const Id& id, const std::shared_ptr<FileWatch>& files, const std::string& changed);

    // what alerts say
    void on_alert(const TorrentRoute& route, const libtorrent::alert& alert);
    void on_updated(const libtorrent::state_update_alert& alert);
    void on_connected(const libtorrent::peer_connect_alert& alert);
    void on_file_error(const libtorrent::file_error_alert& alert);
    void on_removed(const libtorrent::torrent_removed_alert& alert);
    void on_saved(const libtorrent::save_resume_data_alert& alert);
    void on_not_saved(const libtorrent::save_resume_data_failed_alert& alert);
    [[nodiscard]] TorrentRecord* record_of(const libtorrent::torrent_handle& handle);
    /// Takes the record away and answers who waits for it. `id` by value: it may be the record's own.
    void forget(Id id);

    // time
    void refresh_later();
    void refresh();
    void offer_first_peers(TorrentRecord& record, TimePoint now);
    void changed()
    {
        if (hooks_.on_change) hooks_.on_change();
    }
    void save(TorrentRecord& record, Done done);
    void save_changed();
    void end_sessions(Done done, TimePoint deadline, const Answer<void>& answer);

    template <class Action>
    void with(const Id& id, const Done& done, Action action);
    void post(std::function<void()> what);

    boost::asio::io_context& io_;
    TorrentServiceOptions options_;
    TorrentServiceHooks hooks_;
    BootClock clock_;
    std::map<Id, TorrentRecord> records_;
    std::map<libtorrent::torrent_handle, Id> by_handle_;
    std::map<Id, std::vector<Done>> removing_;
    std::set<IpAddress> peers_seen_;
    boost::asio::steady_timer refresh_timer_;
    boost::asio::steady_timer ending_timer_;
    TimePoint saved_at_;
    bool stopping_ = false;
    std::shared_ptr<Impl*> self_; // what is posted may run after the end
    ResumeStore store_;
    ResumeWriter writer_;
    TorrentSessions sessions_;
    boost::asio::thread_pool files_thread_{1}; // looks at files; the last to come is the first to go
};

} // namespace cepa::main
