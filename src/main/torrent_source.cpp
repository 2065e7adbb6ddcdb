#include "main/torrent_source.hpp"

#include "base/log.hpp"
#include "main/atomic_file.hpp"
#include "main/peer_reconnect.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <system_error>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

/// All that a request decides, and what libtorrent would otherwise decide by itself (auto_managed).
constexpr lt::torrent_flags_t kDecided = lt::torrent_flags::auto_managed | lt::torrent_flags::paused |
                                         lt::torrent_flags::seed_mode | lt::torrent_flags::sequential_download |
                                         lt::torrent_flags::disable_pex | lt::torrent_flags::disable_dht |
                                         lt::torrent_flags::disable_lsd | lt::torrent_flags::upload_mode |
                                         lt::torrent_flags::apply_ip_filter;

lt::torrent_flags_t flags_of(const AddTorrent& request)
{
    lt::torrent_flags_t flags = lt::torrent_flags::duplicate_is_error | lt::torrent_flags::update_subscribe;
    if (request.paused) flags |= lt::torrent_flags::paused;
    // Where the files turn out to be others, they stay as they are: what is to be seeded is never downloaded.
    if (request.seed_mode) flags |= lt::torrent_flags::seed_mode | lt::torrent_flags::upload_mode;
    if (request.sequential) flags |= lt::torrent_flags::sequential_download;
    // Made-up addresses are known only to us: peer exchange would spread them, and bring open peers their hidden side.
    if (has_hidden_peers(request.peer_mode)) flags |= lt::torrent_flags::disable_pex;
    // An anonymous session's filter passes made-up addresses only.
    if (request.peer_mode == PeerMode::hidden)
        flags |= lt::torrent_flags::disable_dht | lt::torrent_flags::disable_lsd | lt::torrent_flags::apply_ip_filter;
    return flags;
}

} // namespace

bool same_folder(const std::filesystem::path& one, const std::filesystem::path& other)
{
    std::error_code error;
    if (std::filesystem::equivalent(one, other, error)) return true;
    return std::filesystem::absolute(one, error).lexically_normal() ==
           std::filesystem::absolute(other, error).lexically_normal();
}

lt::add_torrent_params continued(lt::add_torrent_params fresh, StoredTorrent kept, const AddTorrent& request)
{
    if (!same_folder(kept.params.save_path, request.save_path)) {
        log::info("an earlier download of this torrent into another folder is left as it is");
        return fresh;
    }
    TorrentRoute route = request.route;
    if (route.hops == 0) route.group.clear(); // all plain torrents are of one
    if (kept.route == route && kept.peer_mode == request.peer_mode) {
        if (kept.plain_life && route.hops > 0) forget_plain_life(kept.params);
        return std::move(kept.params);
    }
    // What it is and which bytes are there, by name: peers, trackers and their answers belong to the other life.
    if (!fresh.ti) fresh.ti = std::move(kept.params.ti);
    fresh.have_pieces = std::move(kept.params.have_pieces);
    fresh.verified_pieces = std::move(kept.params.verified_pieces);
    fresh.unfinished_pieces = std::move(kept.params.unfinished_pieces);
    fresh.merkle_trees = std::move(kept.params.merkle_trees);
    fresh.merkle_tree_mask = std::move(kept.params.merkle_tree_mask);
    fresh.verified_leaf_hashes = std::move(kept.params.verified_leaf_hashes);
    return fresh;
}

Answer<lt::add_torrent_params> read_source(const AddTorrent& request)
{
    if (!request.content.empty()) return parse_torrent_file(request.content);
    if (boost::istarts_with(request.source, "magnet:")) return parse_magnet(request.source);
    const Result<Bytes> content = read_file(request.source);
    if (!content) return std::unexpected(fmt::format("torrent {}: {}", request.source, content.error().message()));
    auto params = parse_torrent_file(*content);
    if (!params) return std::unexpected(fmt::format("torrent {}: {}", request.source, params.error()));
    return params;
}

Answer<void> complete_params(lt::add_torrent_params& params, const AddTorrent& request, const CleaningPolicy& policy)
{
    std::error_code error;
    std::filesystem::create_directories(request.save_path, error);
    if (!error && !std::filesystem::is_directory(request.save_path, error))
        error = std::make_error_code(std::errc::not_a_directory);
    if (error) return std::unexpected(fmt::format("folder {}: {}", request.save_path.string(), error.message()));
    clean(params, policy);
    params.userdata = peer_mode_mark(request.peer_mode);
    if (params.ti) params.info_hashes = params.ti->info_hashes();
    params.save_path = std::filesystem::absolute(request.save_path).string();
    params.flags = (params.flags & ~kDecided) | flags_of(request);
    // In a private network the user names who is talked to: plain torrents take no addresses from their peers there.
    if (!policy.anonymous && policy.private_network) params.flags |= lt::torrent_flags::disable_pex;
    return {};
}

} // namespace cepa::main
