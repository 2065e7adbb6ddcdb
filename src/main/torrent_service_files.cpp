// How the service notices that the files of a torrent that it seeds are others, were changed or taken away.
#include "main/file_watch.hpp"
#include "main/torrent_service_impl.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <libtorrent/torrent_info.hpp>

#include <cmath>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

/// What was downloaded just now may still be written.
constexpr std::chrono::seconds kFilesSettle{60};
/// Many files are looked at less often.
constexpr std::chrono::milliseconds kPauseForEachFile{1};

std::vector<std::filesystem::path> paths_of(const lt::torrent_info& info, const std::string& folder)
{
    std::vector<std::filesystem::path> out;
    const lt::file_storage& files = info.files();
    for (const lt::file_index_t file : files.file_range())
        if (!files.pad_file_at(file)) out.emplace_back(files.file_path(file, folder));
    return out;
}

} // namespace

/// What was given as complete has files of another content: libtorrent found out when a peer asked for a piece.
void TorrentService::Impl::hold_unlike(TorrentRecord& record)
{
    if (!record.given_complete || record.info.state != TorrentState::downloading) return;
    record.given_complete = false; // whoever resumes it wants it whole
    hold(record, fmt::format("only {:.0f} % of its files is what the torrent says, and a seed does not download. To seed "
                             "them as they are: cepa seed without --torrent. In a running service cepa resume {:.10} "
                             "downloads the rest over what is there",
                             std::floor(record.info.progress * 100), record.info.id));
}

/// Before anybody could change them: who added it said that they are there.
void TorrentService::Impl::watch_given_files(TorrentRecord& record, const lt::torrent_info* info)
{
    if (!record.given_complete || info == nullptr || !info->is_valid()) return;
    record.files = std::make_shared<FileWatch>(paths_of(*info, record.info.save_path));
    (void)record.files->look();
}

void TorrentService::Impl::watch_files(TorrentRecord& record, const lt::torrent_status& status)
{
    forget_files(record);
    if (record.info.state != TorrentState::seeding || !record.info.complete) return;
    const auto info = status.torrent_file.lock();
    if (record.files || !info || !info->is_valid()) return;
    record.files = std::make_shared<FileWatch>(paths_of(*info, status.save_path));
    record.look_at_files = clock_.now() + (record.given_complete ? Duration{} : kFilesSettle);
}

/// Of one that is not to be seeded now: what happens to them is its user's own business.
void TorrentService::Impl::forget_files(TorrentRecord& record)
{
    if (record.info.state != TorrentState::seeding && record.info.state != TorrentState::checking) record.files.reset();
}

void TorrentService::Impl::look_at_files(TorrentRecord& record, TimePoint now)
{
    forget_files(record);
    if (record.info.state != TorrentState::seeding || !record.files || stopping_ || now < record.look_at_files) return;
    record.look_at_files = TimePoint::max(); // until the answer is here
    boost::asio::post(files_thread_,
                      [this, &io = io_, weak = std::weak_ptr(self_), id = record.info.id, files = record.files] {
                          boost::asio::post(io, [this, weak, id, files, changed = files->look()] {
                              if (!weak.expired()) on_looked(id, files, changed);
                          });
                      });
}

void TorrentService::Impl::on_looked(const Id& id, const std::shared_ptr<FileWatch>& files, const std::string& changed)
{
    const auto entry = records_.find(id);
    if (entry == records_.end() || entry->second.files != files) return; // it is not that seed any more
    TorrentRecord& record = entry->second;
    record.look_at_files = clock_.now() + options_.look_at_files + kPauseForEachFile * files->files();
    if (changed.empty() || !record.handle.is_valid()) return;
    record.files.reset();
    record.given_complete = false;
    hold(record, fmt::format("{} while it was seeded. To seed it as it is now: cepa seed. In a running service cepa "
                             "resume {:.10} checks all of it anew, and downloads what is missing over what is there",
                             changed, id));
    record.info.complete = false;
    record.handle.force_recheck(); // what was known of its pieces is kept no longer
    record.recheck = true;         // by then it may be as it was
}

} // namespace cepa::main
