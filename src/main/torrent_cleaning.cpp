#include "main/torrent_cleaning.hpp"

#include "main/hidden_peers.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <locale>
#include <optional>

namespace cepa::main {
namespace {

namespace lt = libtorrent;

/// "info" and "piece layers" as they stand in the file, in a dictionary of their own. Copied byte by byte: encoding
/// them anew could change the info hash of a torrent that is not written canonically.
std::string without_extras(const lt::bdecode_node& torrent)
{
    const auto raw = [](const lt::bdecode_node& node) {
        const lt::span<const char> section = node.data_section();
        return std::string_view(section.data(), static_cast<std::size_t>(section.size()));
    };
    std::string bare = "d4:info";
    bare += raw(torrent.dict_find_dict("info"));
    if (const lt::bdecode_node layers = torrent.dict_find_dict("piece layers")) {
        bare += "12:piece layers";
        bare += raw(layers);
    }
    return bare + "e";
}

/// The host of scheme://[user@]host[:port][/...]; empty when there is none.
std::string host_of(std::string_view url)
{
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#"));
    if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
    if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
    std::string host(url.substr(0, url.rfind(':')));
    while (host.ends_with('.'))
        host.pop_back();
    boost::to_lower(host, std::locale::classic());
    return host;
}

/// "127.1", "0x7f000001", "2130706433": address literals that only some parsers know. No public host name looks so.
bool odd_literal(std::string_view host)
{
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return !last.empty() && std::isdigit(static_cast<unsigned char>(last.front())) != 0;
}

bool allowed_peer(const lt::address& address, bool private_network)
{
    const auto ip = IpAddress::parse(address.to_string());
    return private_network || (ip && ip->is_global_unicast());
}

void clean_trackers(lt::add_torrent_params& params, bool private_network)
{
    std::vector<std::string> kept;
    std::vector<int> tiers;
    for (std::size_t i = 0; i < params.trackers.size(); ++i) {
        if (!tracker_allowed(params.trackers[i], private_network)) continue;
        kept.push_back(params.trackers[i]);
        tiers.push_back(i < params.tracker_tiers.size() ? params.tracker_tiers[i] : 0);
    }
    static_cast<std::vector<std::string>&>(params.trackers) = std::move(kept);
    static_cast<std::vector<int>&>(params.tracker_tiers) = std::move(tiers);
}

/// libtorrent reads nodes, trackers and web seeds of the info object too: one made of the info section has none.
void rebuild_info(lt::add_torrent_params& params)
{
    if (!params.ti || !params.ti->is_valid()) return;
    const lt::torrent_info& info = *params.ti;
    if (info.nodes().empty() && info.trackers().empty() && info.web_seeds().empty() && !info.is_i2p()) return;
    for (const lt::announce_entry& entry : info.trackers()) {
        params.trackers.push_back(entry.url);
        params.tracker_tiers.push_back(entry.tier);
    }
    const lt::span<const char> section = info.info_section();
    std::string bare = "d4:info";
    bare.append(section.data(), static_cast<std::size_t>(section.size()));
    bare += 'e';
    lt::error_code error;
    auto rebuilt = std::make_shared<lt::torrent_info>(
        lt::span<const char>(bare.data(), static_cast<std::ptrdiff_t>(bare.size())), error, lt::from_span);
    // What libtorrent has parsed once it parses again; if not, a torrent without its description is still harmless.
    params.ti = error ? nullptr : std::move(rebuilt);
}

void clean_for_hidden_only(lt::add_torrent_params& params)
{
    params.trackers.clear();
    params.tracker_tiers.clear();
    params.trackerid.clear();
    params.peers.clear();
    params.banned_peers.clear();
}

/// From a made-up address of this start or another: whoever has it next is somebody else.
bool made_up_peer(const lt::tcp::endpoint& peer)
{
    const auto ip = IpAddress::parse(peer.address().to_string());
    return ip && is_made_up(*ip);
}

} // namespace

Answer<lt::add_torrent_params> parse_torrent_file(ByteSpan content)
{
    const lt::span<const char> buffer(reinterpret_cast<const char*>(content.data()),
                                      static_cast<std::ptrdiff_t>(content.size()));
    const lt::load_torrent_limits limits;
    try {
        lt::error_code error;
        const lt::bdecode_node root =
            lt::bdecode(buffer, error, nullptr, limits.max_decode_depth, limits.max_decode_tokens);
        if (error) return std::unexpected("not a .torrent file: " + error.message());
        if (root.type() != lt::bdecode_node::dict_t || !root.dict_find_dict("info"))
            return std::unexpected(std::string("not a .torrent file: it has no info dictionary"));
        const std::string bare = without_extras(root);
        lt::add_torrent_params params =
            lt::load_torrent_buffer({bare.data(), static_cast<std::ptrdiff_t>(bare.size())}, limits);
        lt::add_torrent_params whole = lt::load_torrent_buffer(buffer, limits);
        params.trackers = std::move(whole.trackers);
        params.tracker_tiers = std::move(whole.tracker_tiers);
        params.url_seeds = std::move(whole.url_seeds);
        params.http_seeds = std::move(whole.http_seeds);
        return params;
    } catch (const std::exception& error) {
        return std::unexpected(std::string("not a usable .torrent file: ") + error.what());
    }
}

Answer<lt::add_torrent_params> parse_magnet(std::string_view link)
{
    constexpr std::size_t kLongest = 64 * 1024;
    if (link.size() > kLongest) return std::unexpected(std::string("magnet link: longer than 64 KiB"));
    lt::error_code error;
    lt::add_torrent_params params;
    constexpr std::string_view kScheme = "magnet:";
    std::string text(link);
    if (boost::istarts_with(text, kScheme))
        text.replace(0, kScheme.size(), kScheme); // libtorrent wants it in small letters
    lt::parse_magnet_uri(text, params, error);
    if (error)
        return std::unexpected("magnet link: " + error.message() +
                               " (expected magnet:?xt=urn:btih:<40 hex digits> or xt=urn:btmh:1220<64 hex digits>)");
    return params;
}

bool tracker_allowed(std::string_view url, bool private_network)
{
    constexpr std::array<std::string_view, 3> kSchemes{"http://", "https://", "udp://"};
    if (!std::ranges::any_of(kSchemes, [&](std::string_view scheme) { return boost::istarts_with(url, scheme); }))
        return false;
    const std::string host = host_of(url);
    if (host.empty() || host.ends_with(".i2p")) return false;
    if (private_network) return true;
    if (host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local")) return false;
    if (const auto ip = IpAddress::parse(host)) return ip->is_global_unicast();
    return !odd_literal(host) && host.find_first_of(":%") == std::string::npos;
}

void clean(lt::add_torrent_params& params, const CleaningPolicy& policy)
{
    // Names in here go to the system's resolver, past every proxy; a plain torrent of a private network has no use
    // either.
    params.dht_nodes.clear();
    std::erase_if(static_cast<std::vector<lt::tcp::endpoint>&>(params.peers), made_up_peer);
    std::erase_if(static_cast<std::vector<lt::tcp::endpoint>&>(params.banned_peers), made_up_peer);
    if (!policy.anonymous && !policy.private_network) return;
    rebuild_info(params);
    clean_trackers(params, policy.private_network);
    params.url_seeds.clear();
    params.http_seeds.clear();
    params.flags |= lt::torrent_flags::override_trackers | lt::torrent_flags::override_web_seeds;
    const auto refused = [&](const lt::tcp::endpoint& peer) {
        return !allowed_peer(peer.address(), policy.private_network);
    };
    std::erase_if(static_cast<std::vector<lt::tcp::endpoint>&>(params.peers), refused);
    if (policy.hidden_only) clean_for_hidden_only(params);
}

void forget_plain_life(lt::add_torrent_params& params)
{
    params.peers.clear();
    params.banned_peers.clear();
    params.dht_nodes.clear();
    params.trackerid.clear();
    params.num_complete = params.num_incomplete = params.num_downloaded = -1;
}

std::string torrent_id(const lt::info_hash_t& hashes)
{
    const lt::sha1_hash hash = hashes.has_v1() ? hashes.v1 : lt::sha1_hash(hashes.v2.data());
    std::string text;
    for (const std::uint8_t byte : hash)
        text += fmt::format("{:02x}", byte);
    return text;
}

std::vector<std::string> torrent_ids(const lt::info_hash_t& hashes)
{
    std::vector<std::string> ids;
    if (hashes.has_v1()) ids.push_back(torrent_id(lt::info_hash_t(hashes.v1)));
    if (hashes.has_v2()) ids.push_back(torrent_id(lt::info_hash_t(hashes.v2)));
    return ids;
}

} // namespace cepa::main
