// What a torrent's description changes. A magnet link names one hash of a torrent; a hybrid one has another, under
// which it may have been used without hops before, or be here already.
#include "base/log.hpp"
#include "main/torrent_service_impl.hpp"

#include <algorithm>

namespace cepa::main {

namespace lt = libtorrent;

const TorrentRecord* TorrentService::Impl::hidden_one_of(const std::vector<Id>& ids, const TorrentRecord* but) const
{
    for (const auto& [id, record] : records_) {
        if (&record == but || !has_hidden_peers(record.info.peer_mode)) continue;
        if (std::ranges::find_first_of(record.ids, ids) != record.ids.end()) return &record;
    }
    return nullptr;
}

std::string TorrentService::Impl::same_as(const TorrentRecord& twin)
{
    return fmt::format("it is the same as torrent {:.10}: one of them is to be removed", twin.info.id);
}

/// Until the user resumes it.
void TorrentService::Impl::hold(TorrentRecord& record, std::string why)
{
    log::warn("a torrent is paused: cepa list says why",
              {log::field("torrent", Sensitive(record.info.id))});
    record.paused = true;
    record.held = std::move(why);
    record.info.state = TorrentState::failed;
    record.info.error = record.held;
    record.handle.pause();
    save(record, [](const Answer<void>&) {});
    changed();
}

void TorrentService::Impl::on_described(const lt::torrent_handle& handle)
{
    TorrentRecord* const record = record_of(handle);
    if (record == nullptr || !handle.is_valid()) return;
    const lt::info_hash_t hashes = handle.info_hashes();
    record->info.lookup_id = torrent_id(hashes);
    record->ids = torrent_ids(hashes);
    if (record->info.route.hops == 0) {
        if (const Answer<void> marked = mark_plain(hashes); !marked)
            log::warn("it is not kept that a torrent was used without hops", {log::field("why", marked.error())});
        return;
    }
    if (!has_hidden_peers(record->info.peer_mode)) return;
    if (const TorrentRecord* twin = hidden_one_of(record->ids, record))
        return hold(*record, same_as(*twin));
    if (record->plain_life || record->although_seen || !has_plain_mark(hashes)) return;
    record->plain_life = true;
    hold(*record, fmt::format("it was used without hops before, as its description shows: who saw this computer in its "
                              "swarm then can guess who its hidden peer is now. To go on all the same: cepa resume "
                              "{:.10}",
                              record->info.id));
}

} // namespace cepa::main
