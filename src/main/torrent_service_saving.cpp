// How the service keeps what it has: resume data now and then and at the end, and the end itself.
#include "base/log.hpp"
#include "main/torrent_service_impl.hpp"

#include <libtorrent/error_code.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

constexpr std::chrono::milliseconds kEndingPoll{10};

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

void TorrentService::Impl::save(TorrentRecord& record, Done done)
{
    if (options_.state_folder.empty() || !record.handle.is_valid()) return post([done = std::move(done)] { done({}); });
    record.unsaved = false;
    record.saved.push_back(std::move(done));
    record.handle.save_resume_data(lt::torrent_handle::save_info_dict);
}

/// The one who asked first and waits still.
static std::function<void(Answer<void>)> next_waiter(TorrentRecord& record)
{
    if (record.saved.empty()) return [](const Answer<void>&) {};
    auto first = std::move(record.saved.front());
    record.saved.pop_front();
    return first;
}

void TorrentService::Impl::on_saved(const lt::save_resume_data_alert& alert)
{
    TorrentRecord* record = record_of(alert.handle);
    if (record == nullptr) return;
    lt::add_torrent_params params = alert.params;
    params.total_uploaded = std::max(params.total_uploaded, static_cast<std::int64_t>(record->info.uploaded));
    writer_.save({record->info.id, record->info.route, record->paused, record->plain_life, std::move(params),
                  record->info.peer_mode, record->held},
                 {next_waiter(*record)});
}

void TorrentService::Impl::on_not_saved(const lt::save_resume_data_failed_alert& alert)
{
    if (TorrentRecord* record = record_of(alert.handle))
        next_waiter (*record)(std::unexpected("resume data: " + alert.error.message()));
}

void TorrentService::Impl::save_changed()
{
    saved_at_ = clock_.now();
    for (auto& [id, record] : records_)
        if (record.unsaved)
            save(record, [](const Answer<void>& answer) {
                if (!answer) log::warn("resume data not saved", {log::field("why", Sensitive(answer.error()))});
            });
}

void TorrentService::Impl::save_all(Done done)
{
    auto all = std::make_shared<Gathering>();
    all->done = std::move(done);
    for (auto& [id, record] : records_)
        save(record, Gathering::one(all));
    writer_.flush([all](const Answer<void>& answer) { all->arrive(answer); });
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
        refresh_timer_.cancel();
        sessions_.end();
        end_sessions(std::exchange(*once, {}), deadline, answer);
    };
    ending_timer_.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(grace));
    ending_timer_.async_wait([end](const ErrorCode& error) {
        if (!error) end(std::unexpected(std::string("resume data: not all was saved in time")));
    });
    save_all(end);
}

/// Looks now and then whether libtorrent's threads are gone; past the deadline they are left to the end of the process.
void TorrentService::Impl::end_sessions(Done done, TimePoint deadline, const Answer<void>& answer)
{
    if (sessions_.ended() || clock_.now() >= deadline) return done(answer);
    ending_timer_.expires_after(kEndingPoll);
    ending_timer_.async_wait([this, done = std::move(done), deadline, answer](const ErrorCode& error) mutable {
        if (!error) end_sessions(std::move(done), deadline, answer);
    });
}

} // namespace cepa::main
