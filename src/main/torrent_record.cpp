#include "main/torrent_record.hpp"

#include "main/hidden_waiting.hpp"

#include <fmt/format.h>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

std::uint64_t count(std::int64_t value)
{
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

/// When a write fails (full disk, file too large, no permission) libtorrent sets no error: it goes on as one that only
/// uploads. What failed came as an alert before. A seed is one that only uploads from the start.
std::string write_error_of(const TorrentRecord& record, const lt::torrent_status& status)
{
    if (!(status.flags & lt::torrent_flags::upload_mode)) return {};
    if ((record.given_complete || !record.held.empty()) && record.write_error.empty()) return {};
    return record.write_error.empty() ? status.save_path + ": cannot be written to" : record.write_error;
}

TorrentState state_of(const TorrentRecord& record, const lt::torrent_status& status)
{
    if (status.errc || !record.held.empty() || !write_error_of(record, status).empty()) return TorrentState::failed;
    if (record.paused) return TorrentState::paused;
    switch (status.state) {
    case lt::torrent_status::checking_files:
    case lt::torrent_status::checking_resume_data:
        return TorrentState::checking;
    case lt::torrent_status::downloading_metadata:
        return TorrentState::metadata;
    case lt::torrent_status::finished:
    case lt::torrent_status::seeding:
        return TorrentState::seeding;
    default:
        return TorrentState::downloading;
    }
}

/// libtorrent stops a torrent on a lost or damaged file; its message alone does not name the file.
std::string error_of(const TorrentRecord& record, const lt::torrent_status& status)
{
    if (!record.held.empty()) return record.held;
    if (!status.errc) return write_error_of(record, status);
    if (!record.write_error.empty()) return record.write_error; // came first: what libtorrent stopped on follows from it
    const auto info = status.torrent_file.lock();
    if (info && static_cast<int>(status.error_file) >= 0 && static_cast<int>(status.error_file) < info->num_files())
        return fmt::format("{}/{}: {}", status.save_path, info->files().file_path(status.error_file),
                           status.errc.message());
    return fmt::format("{}: {}", status.save_path, status.errc.message());
}

void update_sizes(TorrentInfo& info, const lt::torrent_status& status)
{
    info.bytes_done = count(status.total_wanted_done);
    info.bytes_total = count(status.total_wanted);
    info.downloaded = count(status.all_time_download);
    info.wasted = count(status.total_failed_bytes) + count(status.total_redundant_bytes);
    info.download_bytes_per_s = count(status.download_payload_rate);
    info.upload_bytes_per_s = count(status.upload_payload_rate);
    info.pieces_done = static_cast<std::uint32_t>(count(status.num_pieces));
    if (const auto file = status.torrent_file.lock(); file && file->is_valid()) {
        info.pieces = static_cast<std::uint32_t>(file->num_pieces());
        info.piece_bytes = static_cast<std::uint32_t>(file->piece_length());
    }
    info.ratio = info.bytes_total == 0 ? 0 : static_cast<double>(info.uploaded) / static_cast<double>(info.bytes_total);
}

std::optional<std::chrono::seconds> eta_of(const TorrentInfo& info)
{
    if (info.state != TorrentState::downloading || info.download_bytes_per_s == 0) return std::nullopt;
    const std::uint64_t left = info.bytes_total - std::min(info.bytes_done, info.bytes_total);
    return std::chrono::seconds(static_cast<std::int64_t>(left / info.download_bytes_per_s));
}

/// libtorrent adds to its sum of all times once a second, and only while somebody is connected: what was served just
/// before the last one left is only in the sum of this start.
std::uint64_t uploaded_of(const TorrentRecord& record, const lt::torrent_status& status)
{
    return std::max({record.info.uploaded, count(status.all_time_upload),
                     record.uploaded_before + count(status.total_payload_upload)});
}

} // namespace

const char* to_string(TorrentState state) noexcept
{
    switch (state) {
    case TorrentState::checking:
        return "checking";
    case TorrentState::metadata:
        return "metadata";
    case TorrentState::downloading:
        return "downloading";
    case TorrentState::seeding:
        return "seeding";
    case TorrentState::paused:
        return "paused";
    case TorrentState::failed:
        return "failed";
    }
    return "unknown";
}

const char* to_string(PeerMode mode) noexcept
{
    switch (mode) {
    case PeerMode::open:
        return "public";
    case PeerMode::hidden:
        return "hidden";
    case PeerMode::both:
        return "both";
    }
    return "unknown";
}

std::optional<PeerMode> parse_peer_mode(std::string_view text) noexcept
{
    for (const PeerMode mode : {PeerMode::open, PeerMode::hidden, PeerMode::both})
        if (text == to_string(mode)) return mode;
    return std::nullopt;
}

PeerMode default_peer_mode(unsigned hops) noexcept
{
    return hops >= 1 && hops <= kMostHiddenHops ? PeerMode::both : PeerMode::open;
}

void update_record(TorrentRecord& record, const lt::torrent_status& status)
{
    TorrentInfo& info = record.info;
    if (!status.name.empty()) info.name = status.name;
    info.state = state_of(record, status);
    info.error = error_of(record, status);
    const bool complete = status.is_finished && status.has_metadata && info.state != TorrentState::checking;
    if (complete && !info.complete) record.hidden_waiting.clear(); // the download's; a seed waits for other things
    info.complete = complete;
    info.progress = std::clamp(static_cast<double>(status.progress_ppm) / 1e6, 0.0, 1.0);
    info.uploaded = uploaded_of(record, status);
    update_sizes(info, status);
    info.peers = static_cast<unsigned>(std::max(status.num_peers, 0));
    info.seeds = static_cast<unsigned>(std::max(status.num_seeds, 0));
    info.eta = eta_of(info);
    record.unsaved = record.unsaved || status.need_save_resume;
}

std::string missing_of(const TorrentInfo& info, const RouteState& route, const std::string& hidden)
{
    if (info.state == TorrentState::paused || info.state == TorrentState::failed) return {};
    const bool complete = info.complete || info.state == TorrentState::checking;
    if (info.peer_mode == PeerMode::hidden && info.peers == 0) return hidden;
    if (!route.ready && info.peer_mode == PeerMode::both && !hidden.empty())
        return fmt::format("{}; open peers: {}", hidden, route.waiting_for);
    if (!route.ready) return route.waiting_for;
    if (complete) return hidden;
    if (info.peer_mode == PeerMode::both && info.peers == 0 && !hidden.empty()) return hidden;
    if (info.peers == 0 && !info.findable)
        return fmt::format("no way to find peers: no UDP tracker, DHT has no entry point{} (name a peer with --seeder, or "
                           "nodes in torrents.dht_nodes{})",
                           info.seen_plainly ? ", no hidden peers because it was used without hops before" : "",
                           info.seen_plainly ? ", or see --although-seen" : "");
    if (info.peers == 0) return "peers (none connected)";
    if (info.state == TorrentState::metadata) return "the torrent's description, from a peer";
    if (info.download_bytes_per_s == 0 && info.seeds == 0) return "a peer that has the missing pieces";
    return {};
}

void update_waiting(TorrentRecord& record, const RouteState& route, TimePoint now)
{
    std::string missing = missing_of(record.info, route, record.hidden_waiting);
    if (!same_wait(missing, record.info.waiting_for)) record.waiting_since = now;
    record.info.waiting_for = std::move(missing);
    record.info.waiting = record.info.waiting_for.empty() ? Duration{} : now - record.waiting_since;
}

} // namespace cepa::main
