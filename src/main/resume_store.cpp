#include "main/resume_store.hpp"

#include "base/log.hpp"
#include "main/atomic_file.hpp"

#include <fmt/format.h>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/read_resume_data.hpp>
#include <libtorrent/write_resume_data.hpp>

#include <algorithm>
#include <system_error>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
namespace lt = libtorrent;

constexpr unsigned kMostHops = 16; // far above any setting: only to see that the file is sane

bool is_id(std::string_view text)
{
    return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_corrupt(const std::string& refusal)
{
    return refusal.starts_with("corrupt");
}

/// Where a corrupt file goes: beside itself, without overwriting an earlier one.
fs::path aside(const fs::path& file)
{
    for (int i = 0; i < 1000; ++i) {
        fs::path name = file;
        name += i == 0 ? ".corrupt" : fmt::format(".corrupt{}", i);
        if (!fs::exists(name)) return name;
    }
    return file.string() + ".corrupt";
}

std::string set_aside(const fs::path& file, const std::string& why)
{
    const fs::path to = aside(file);
    std::error_code error;
    fs::rename(file, to, error);
    return fmt::format("resume data {}: {}; {} {}", file.string(), why,
                       error ? "could not be set aside as" : "set aside as", to.string());
}

std::string text_of(const lt::bdecode_node& node, const char* key)
{
    const lt::string_view text = node.dict_find_string_value(key);
    return {text.data(), text.size()};
}

} // namespace

Answer<void> ResumeStore::prepare() const
{
    if (folder_.empty()) return {};
    if (const Result<void> made = make_private_folder(folder_); !made)
        return std::unexpected(fmt::format("folder for resume data {}: {}", folder_.string(), made.error().message()));
    return {};
}

Bytes ResumeStore::encode(const StoredTorrent& torrent)
{
    lt::entry whole;
    lt::entry& ours = whole["cepa"];
    ours["schema"] = has_hidden_peers(torrent.peer_mode) ? kResumeSchema : 1;
    ours["peers"] = to_string(torrent.peer_mode);
    ours["id"] = torrent.id;
    ours["hops"] = static_cast<std::int64_t>(torrent.route.hops);
    ours["group"] = torrent.route.group;
    ours["paused"] = torrent.paused ? 1 : 0;
    ours["plain life"] = torrent.plain_life ? 1 : 0;
    if (!torrent.held.empty()) ours["held"] = torrent.held;
    whole["resume"] = lt::write_resume_data(torrent.params);
    Bytes bytes;
    lt::bencode(std::back_inserter(bytes), whole);
    return bytes;
}

Answer<StoredTorrent> ResumeStore::decode(ByteSpan bytes)
{
    const lt::span<const char> buffer(reinterpret_cast<const char*>(bytes.data()),
                                      static_cast<std::ptrdiff_t>(bytes.size()));
    lt::error_code error;
    const lt::load_torrent_limits limits;
    const lt::bdecode_node root =
        lt::bdecode(buffer, error, nullptr, limits.max_decode_depth, limits.max_decode_tokens);
    if (error) return std::unexpected("corrupt: " + error.message());
    const lt::bdecode_node ours =
        root.type() == lt::bdecode_node::dict_t ? root.dict_find_dict("cepa") : lt::bdecode_node();
    if (!ours) return std::unexpected(std::string("corrupt: not resume data of this program"));
    const std::int64_t schema = ours.dict_find_int_value("schema", -1);
    if (schema > kResumeSchema)
        return std::unexpected(
            fmt::format("written by a newer version (schema {}, this one reads up to {})", schema, kResumeSchema));
    const lt::bdecode_node resume = root.dict_find_dict("resume");
    const std::int64_t hops = ours.dict_find_int_value("hops", -1);
    StoredTorrent torrent{text_of(ours, "id"),
                          {static_cast<unsigned>(hops), text_of(ours, "group")},
                          ours.dict_find_int_value("paused") != 0,
                          ours.dict_find_int_value("plain life") != 0,
                          {}};
    torrent.held = text_of(ours, "held");
    const std::string peers = text_of(ours, "peers");
    const auto mode = peers.empty() && schema == 1 ? PeerMode::open : parse_peer_mode(peers);
    torrent.peer_mode = mode.value_or(PeerMode::hidden);
    // A wrong hop count would take the torrent's anonymity away, and so would a wrong kind of peers: when in doubt it is
    // not loaded.
    const bool odd_peers = !mode || (has_hidden_peers(*mode) && (hops < 1 || hops > kMostHiddenHops));
    if (schema < 1 || !resume || hops < 0 || hops > kMostHops || odd_peers || !is_id(torrent.id))
        return std::unexpected(std::string("corrupt: a field is missing or out of range"));
    try {
        torrent.params = lt::read_resume_data(resume, error);
    } catch (const std::exception& thrown) {
        return std::unexpected(std::string("corrupt: ") + thrown.what());
    }
    if (error) return std::unexpected("corrupt: " + error.message());
    return torrent;
}

Answer<void> ResumeStore::save(const StoredTorrent& torrent) const
{
    if (folder_.empty()) return {};
    if (const Result<void> done = write_file_atomically(file_of(torrent.id), encode(torrent)); !done)
        return std::unexpected(fmt::format("resume data {}: {}", file_of(torrent.id).string(), done.error().message()));
    return {};
}

Answer<void> ResumeStore::remove(const std::string& id) const
{
    std::error_code error;
    if (!folder_.empty()) fs::remove(file_of(id), error);
    if (error) return std::unexpected(fmt::format("resume data {}: {}", file_of(id).string(), error.message()));
    return {};
}

Answer<StoredTorrent> ResumeStore::read(const fs::path& file)
{
    const Result<Bytes> bytes = read_file(file);
    if (!bytes) return std::unexpected(bytes.error().message());
    Answer<StoredTorrent> torrent = decode(*bytes);
    if (torrent && torrent->id != file.stem().string())
        return std::unexpected(std::string("corrupt: its name is another torrent's"));
    return torrent;
}

Answer<std::optional<StoredTorrent>> ResumeStore::find(const std::string& id) const
{
    std::error_code error;
    if (folder_.empty() || !fs::exists(file_of(id), error)) return std::nullopt;
    Answer<StoredTorrent> torrent = read(file_of(id));
    if (torrent) return std::optional(std::move(*torrent));
    if (!is_corrupt(torrent.error()))
        return std::unexpected(fmt::format("resume data {}: {}; it would be overwritten: use the version that wrote "
                                           "it, or delete the file to start anew",
                                           file_of(id).string(), torrent.error()));
    log::warn("resume data set aside", {log::field("what", Sensitive(set_aside(file_of(id), torrent.error())))});
    return std::nullopt;
}

ResumeStore::Loaded ResumeStore::load() const
{
    Loaded loaded;
    std::error_code error;
    std::vector<fs::path> files;
    if (!folder_.empty())
        for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
            if (entry->path().extension() == ".resume") files.push_back(entry->path());
    if (error && error != std::errc::no_such_file_or_directory)
        loaded.messages.push_back(fmt::format("resume data {}: {}", folder_.string(), error.message()));
    std::ranges::sort(files);
    for (const fs::path& file : files) {
        Answer<StoredTorrent> torrent = read(file);
        if (torrent)
            loaded.torrents.push_back(std::move(*torrent));
        else if (is_corrupt(torrent.error()))
            loaded.messages.push_back(set_aside(file, torrent.error()));
        else
            loaded.messages.push_back(fmt::format("resume data {}: {}; left as it is", file.string(), torrent.error()));
    }
    return loaded;
}

} // namespace cepa::main
