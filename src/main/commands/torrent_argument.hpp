// What a user names as a torrent: a magnet link or the path of a .torrent file. Checked before anything is started.
// Process: main (a command's process).
#pragma once

#include "main/api.hpp"
#include "main/options.hpp"
#include "main/progress_bar.hpp"

#include <filesystem>
#include <string>

namespace cepa::main {

/// The source in a form that any process understands: magnet links as they are, paths made absolute. Throws UserError:
/// a file that is missing or cannot be read, a link that is none, an address of the Web.
[[nodiscard]] std::string checked_source(const std::string& source);

/// TorrentInfo::id of a checked source.
[[nodiscard]] std::string id_of_source(const std::string& source);

/// The folder for a download, absolute, made when missing. Throws UserError when it cannot be written to.
[[nodiscard]] std::filesystem::path checked_folder(const std::filesystem::path& folder);

/// Parameters of an add request.
[[nodiscard]] Json add_params(const TorrentOptions& torrent, const std::string& source,
                              const std::filesystem::path& folder);

/// Of a torrent as show answers it.
[[nodiscard]] Progress progress_of(const Json& torrent);

} // namespace cepa::main
