// The torrent of a hidden seed: made of the file or folder that was named, or kept from an earlier start.
// Process: main (a command's process).
#pragma once

#include "main/commands/commands.hpp"
#include "main/torrent_types.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace cepa::main {

struct SeedTorrent {
    Bytes content;
    std::filesystem::path file;   ///< where it is kept, in a folder of its own
    std::filesystem::path folder; ///< where the files lie that it names
    std::string id;
    std::string magnet;
};

/// Of context.options.torrent.source; hashes it, with a progress bar, unless the kept one still fits or --torrent names
/// one. Throws UserError.
[[nodiscard]] SeedTorrent seed_torrent(CommandContext& context);

/// Whether a .torrent made at the time of `torrent_file` still describes `path`: same bytes in all, nothing newer.
[[nodiscard]] bool still_fits(const std::filesystem::path& torrent_file, const Bytes& content,
                              const std::filesystem::path& path);

} // namespace cepa::main
