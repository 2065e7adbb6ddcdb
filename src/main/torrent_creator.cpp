#include "main/torrent_creator.hpp"

#include "main/torrent_cleaning.hpp"

#include <fmt/format.h>
#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <system_error>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
namespace lt = libtorrent;

constexpr std::uint32_t kSmallestPiece = 16 << 10;
constexpr std::uint32_t kLargestPiece = 128 << 20;

/// Why `path` cannot become a torrent; empty when it can.
std::string refusal(const CreateTorrent& request)
{
    std::error_code error;
    const fs::file_status about = fs::status(request.path, error);
    const std::string shown = request.path.string();
    if (!fs::exists(about)) return fmt::format("create {}: no such file or folder", shown);
    if (!fs::is_regular_file(about) && !fs::is_directory(about))
        return fmt::format("create {}: neither a file nor a folder", shown);
    if (request.piece_bytes != 0 && (!std::has_single_bit(request.piece_bytes) ||
                                     request.piece_bytes < kSmallestPiece || request.piece_bytes > kLargestPiece))
        return fmt::format("create {}: piece size {} is not a power of two from 16 KiB to 128 MiB", shown,
                           request.piece_bytes);
    return {};
}

/// The path without what would leave the torrent nameless: a slash at the end, "." and "..".
fs::path named_path(const fs::path& path)
{
    fs::path whole = fs::absolute(path).lexically_normal();
    return whole.has_filename() ? whole : whole.parent_path();
}

/// Every regular file below, sorted: the order of a folder's entries differs between file systems. Throws when a
/// sub-folder cannot be read, for a torrent that silently misses files is worse than none.
std::vector<fs::path> regular_files(const fs::path& path)
{
    if (fs::is_regular_file(path)) return {path};
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path))
        if (!entry.is_symlink() && entry.is_regular_file()) found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
}

/// No attributes and no times, which libtorrent's own listing would put in.
lt::file_storage list_files(const fs::path& path)
{
    lt::file_storage files;
    for (const fs::path& file : regular_files(path))
        files.add_file(file.lexically_relative(path.parent_path()).string(),
                       static_cast<std::int64_t>(fs::file_size(file)));
    return files;
}

CreatedTorrent describe(Bytes content)
{
    CreatedTorrent created;
    const lt::torrent_info info(lt::span<const char>(reinterpret_cast<const char*>(content.data()),
                                                     static_cast<std::ptrdiff_t>(content.size())),
                                lt::from_span);
    lt::add_torrent_params link;
    link.info_hashes = info.info_hashes();
    link.name = info.name();
    created.content = std::move(content);
    created.id = torrent_id(info.info_hashes());
    created.magnet = lt::make_magnet_uri(link);
    created.name = info.name();
    created.bytes = static_cast<std::uint64_t>(info.total_size());
    created.pieces = static_cast<std::uint32_t>(info.num_pieces());
    return created;
}

CreatedTorrent make(const CreateTorrent& request, const std::function<void(double)>& progress)
{
    const fs::path path = named_path(request.path);
    lt::file_storage files = list_files(path);
    if (files.num_files() == 0 || files.total_size() == 0) throw std::runtime_error("there is nothing in it");
    const lt::create_flags_t format =
        request.format == TorrentFormat::v1 ? lt::create_torrent::v1_only : lt::create_flags_t{};
    lt::create_torrent torrent(files, static_cast<int>(request.piece_bytes), format);
    torrent.set_creation_date(0);
    for (std::size_t i = 0; i < request.trackers.size(); ++i)
        torrent.add_tracker(request.trackers[i], static_cast<int>(i));
    const double pieces = torrent.num_pieces();
    lt::set_piece_hashes(torrent, path.parent_path().string(), [&](lt::piece_index_t piece) {
        if (progress) progress((static_cast<int>(piece) + 1) / pieces);
    });
    lt::entry encoded = torrent.generate();
    encoded.dict().erase("creation date");
    encoded.dict().erase("created by");
    Bytes content;
    lt::bencode(std::back_inserter(content), encoded);
    return describe(std::move(content));
}

} // namespace

Answer<CreatedTorrent> create_torrent(const CreateTorrent& request, const std::function<void(double)>& progress)
{
    try {
        if (std::string refused = refusal(request); !refused.empty()) return std::unexpected(std::move(refused));
        return make(request, progress);
    } catch (const std::exception& error) {
        return std::unexpected(fmt::format("create {}: {}", request.path.string(), error.what()));
    }
}

} // namespace cepa::main
