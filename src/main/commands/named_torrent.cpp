#include "main/commands/named_torrent.hpp"

#include "main/atomic_file.hpp"
#include "main/torrent_cleaning.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <libtorrent/torrent_info.hpp>

#include <system_error>

namespace cepa::main {
namespace {

constexpr std::size_t kLargestNamedTorrent = std::size_t{64} << 20U;

struct Presence {
    std::uint64_t here = 0;
    std::uint64_t described = 0;
};

Presence presence_of(const libtorrent::file_storage& files, const std::filesystem::path& folder)
{
    Presence out;
    for (const libtorrent::file_index_t file : files.file_range()) {
        const auto size = static_cast<std::uint64_t>(files.file_size(file));
        if (size == 0 || files.pad_file_at(file)) continue;
        out.described += size;
        std::error_code error;
        const std::filesystem::path path = files.file_path(file, folder.string());
        if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) == size && !error)
            out.here += size;
    }
    return out;
}

} // namespace

std::filesystem::path seeded_path(const std::string& source)
{
    std::error_code ignored;
    const auto spelled = std::filesystem::absolute(source, ignored).lexically_normal();
    return spelled.has_filename() ? spelled : spelled.parent_path();
}

Bytes named_torrent(const std::filesystem::path& file, const std::filesystem::path& path)
{
    auto content = read_file(file, kLargestNamedTorrent);
    if (!content) throw UserError(fmt::format("{}: {}", file.string(), content.error().message()));
    const auto parsed = parse_torrent_file(*content);
    if (!parsed) throw UserError(fmt::format("{}: {}", file.string(), parsed.error()));
    const libtorrent::file_storage& files = parsed->ti->files();
    if (files.name() != path.filename())
        throw Misuse(
            fmt::format("{} is the torrent of {}, not of {}", file.string(), files.name(), path.filename().string()));
    const Presence found = presence_of(files, path.parent_path());
    if (found.here != found.described)
        throw UserError(fmt::format("{}: {} % of it is in {}; seed does not download: cepa get does", files.name(),
                                    found.here * 100 / found.described, path.parent_path().string()));
    return std::move(*content);
}

} // namespace cepa::main
