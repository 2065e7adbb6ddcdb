#include "main/commands/torrent_argument.hpp"

#include "main/quantity.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_source.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <libtorrent/torrent_info.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <unistd.h>

namespace cepa::main {
namespace {

bool starts_like(std::string_view text, std::string_view scheme)
{
    return text.size() >= scheme.size() && ::strncasecmp(text.data(), scheme.data(), scheme.size()) == 0;
}

void check_magnet(const std::string& link)
{
    if (link.find("xt=urn:btih:") == std::string::npos && link.find("xt=urn:btmh:") == std::string::npos)
        throw Misuse("bad magnet link: it names no torrent (xt=urn:btih:... or xt=urn:btmh:... is missing)");
    if (const auto parsed = parse_magnet(link); !parsed) throw Misuse("bad " + parsed.error());
}

/// Empty when the text is no info hash in hex.
std::string link_of_hash(const std::string& text)
{
    constexpr std::size_t kV1Digits = 40;
    constexpr std::size_t kV2Digits = 64;
    if (text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return {};
    if (text.size() == kV1Digits) return "magnet:?xt=urn:btih:" + text;
    return text.size() == kV2Digits ? "magnet:?xt=urn:btmh:1220" + text : std::string(); // 1220: SHA-256, 32 bytes
}

/// A .torrent file is a dictionary: its first byte tells it from nearly all that is none, before anything else is done.
bool begins_like_torrent(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return in.get() == 'd';
}

} // namespace

std::string checked_source(const std::string& source)
{
    if (starts_like(source, "magnet:")) {
        check_magnet(source);
        return source;
    }
    if (starts_like(source, "http://") || starts_like(source, "https://"))
        throw Misuse("torrents are not fetched from the Web yet: that needs streams through the tunnels. Save the "
                     ".torrent file and name it");
    std::error_code error;
    const auto path = std::filesystem::absolute(source, error);
    const bool absent = ::access(path.c_str(), F_OK) != 0;
    if (const std::string link = absent ? link_of_hash(source) : ""; !link.empty())
        throw Misuse(fmt::format("torrent {}: not a file; for an info hash write {}", source, link));
    if (::access(path.c_str(), R_OK) != 0) throw UserError(fmt::format("torrent {}: {}", source, std::strerror(errno)));
    if (std::filesystem::is_directory(path, error))
        throw UserError(fmt::format("torrent {}: a folder, not a .torrent file", source));
    if (!begins_like_torrent(path)) throw UserError(fmt::format("torrent {}: not a .torrent file", source));
    AddTorrent whole;
    whole.source = path.string();
    if (const auto parsed = read_source(whole); !parsed) throw UserError(parsed.error());
    return path.string();
}

std::string id_of_source(const std::string& source)
{
    AddTorrent whole;
    whole.source = source;
    auto parsed = read_source(whole);
    if (!parsed) throw UserError(parsed.error());
    return torrent_id(parsed->ti ? parsed->ti->info_hashes() : parsed->info_hashes);
}

std::filesystem::path checked_folder(const std::filesystem::path& folder)
{
    std::error_code error;
    const auto path =
        std::filesystem::absolute(folder.empty() ? std::filesystem::path(".") : folder, error).lexically_normal();
    std::filesystem::create_directories(path, error);
    if (error) throw UserError(fmt::format("folder {}: {}", path.string(), error.message()));
    if (!std::filesystem::is_directory(path, error))
        throw UserError(fmt::format("folder {}: not a folder", path.string()));
    if (::access(path.c_str(), W_OK | X_OK) != 0)
        throw UserError(fmt::format("folder {}: {}", path.string(), std::strerror(errno)));
    return path;
}

Json add_params(const TorrentOptions& torrent, const std::string& source, const std::filesystem::path& folder)
{
    Json out{{"source", source}, {"folder", folder.string()}, {"group", torrent.group}, {"paused", torrent.paused}};
    if (torrent.hops) out["hops"] = *torrent.hops;
    if (torrent.peers) out["peer_mode"] = to_string(*torrent.peers);
    out["although_seen"] = torrent.although_seen;
    out["peers"] = Json::array();
    for (const Endpoint& peer : torrent.seeders)
        out["peers"].push_back(peer.to_string());
    return out;
}

Progress progress_of(const Json& torrent)
{
    Progress out;
    out.what = torrent.value("state", "");
    out.done = torrent.value("bytes_done", std::uint64_t{0});
    out.total = torrent.value("bytes_total", std::uint64_t{0});
    out.rate_bytes_per_s = torrent.value("download_bytes_per_s", 0.0);
    if (torrent.contains("eta_s") && torrent["eta_s"].is_number())
        out.left = std::chrono::seconds(torrent["eta_s"].get<std::int64_t>());
    const std::string waiting = torrent.value("waiting_for", "");
    if (waiting.empty())
        out.detail = fmt::format("{} peers", torrent.value("peers", 0U));
    else
        out.detail = fmt::format("waits {} for: {}", format_duration(torrent.value("waiting_s", 0.0)), waiting);
    return out;
}

} // namespace cepa::main
