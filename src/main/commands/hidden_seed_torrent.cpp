#include "main/commands/hidden_seed_torrent.hpp"

#include "main/atomic_file.hpp"
#include "main/commands/named_torrent.hpp"
#include "main/interrupt.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/torrent_creator.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>
#include <openssl/sha.h>

#include <array>
#include <system_error>

namespace cepa::main {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kLargestTorrent = std::size_t{64} << 20U;

/// One folder per seeded path: resume data of other torrents is not its business.
fs::path seed_folder(const fs::path& state, const fs::path& path)
{
    const std::string text = path.string();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return state / "seeds" / fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 10, ""));
}

Bytes made_torrent(CommandContext& context, const fs::path& path)
{
    CreateTorrent request;
    request.path = path;
    request.trackers = context.options.create.trackers;
    Interrupt interrupt;
    auto created = create_torrent(request, [&](double share) {
        Progress progress;
        progress.what = fmt::format("hashing {:.0f} %", share * 100);
        context.console.progress(progress);
        return !interrupt.interrupted();
    });
    context.console.end_progress();
    if (interrupt.interrupted()) throw UserError("interrupted");
    if (!created) throw UserError(created.error());
    return std::move(created->content);
}

Bytes content_of(CommandContext& context, const fs::path& path, const fs::path& kept)
{
    if (!context.options.create.output.empty()) return named_torrent(context.options.create.output, path);
    const auto former = read_file(kept, kLargestTorrent);
    if (former && context.options.create.trackers.empty() && still_fits(kept, *former, path)) return *former;
    return made_torrent(context, path);
}

struct Extent {
    std::uint64_t bytes = 0;
    fs::file_time_type newest = fs::file_time_type::min();

    void add(const fs::path& path, std::error_code& error)
    {
        newest = std::max(newest, fs::last_write_time(path, error));
        if (fs::is_regular_file(path, error)) bytes += fs::file_size(path, error);
    }
};

} // namespace

bool still_fits(const fs::path& torrent_file, const Bytes& content, const fs::path& path)
{
    const auto parsed = parse_torrent_file(content);
    if (!parsed || !parsed->ti) return false;
    std::uint64_t described = 0;
    const libtorrent::file_storage& files = parsed->ti->files();
    for (const libtorrent::file_index_t file : files.file_range())
        if (!files.pad_file_at(file)) described += static_cast<std::uint64_t>(files.file_size(file));
    std::error_code error;
    Extent found;
    found.add(path, error);
    if (fs::is_directory(path, error))
        for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
            found.add(entry->path(), error);
    return !error && found.bytes == described && found.newest < fs::last_write_time(torrent_file, error) && !error;
}

SeedTorrent seed_torrent(CommandContext& context)
{
    const auto path = seeded_path(context.options.torrent.source);
    SeedTorrent out;
    const auto folder = seed_folder(context.state, path);
    if (const auto made = make_private_folder(folder); !made)
        throw UserError(fmt::format("{}: {}", folder.string(), made.error().message()));
    out.file = folder / "seed.torrent";
    out.folder = path.parent_path();
    out.content = content_of(context, path, out.file);
    auto parsed = parse_torrent_file(out.content);
    if (!parsed) throw UserError(fmt::format("{}: {}", path.string(), parsed.error()));
    if (const auto written = write_file_atomically(out.file, out.content); !written)
        throw UserError(fmt::format("{}: {}", out.file.string(), written.error().message()));
    out.id = torrent_id(parsed->ti->info_hashes());
    parsed->trackers.clear(); // the link is for those who come hidden
    parsed->url_seeds.clear();
    parsed->info_hashes = parsed->ti->info_hashes();
    out.magnet = libtorrent::make_magnet_uri(*parsed);
    return out;
}

} // namespace cepa::main
