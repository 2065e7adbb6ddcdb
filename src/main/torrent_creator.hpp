// Makes a .torrent of a file or folder. The same content gives the same bytes: no date, creator, path or file time goes
// in. Process: main; blocks while it reads and hashes, so a running service calls it on a thread of its own.
#pragma once

#include "main/torrent_types.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cepa::main {

enum class TorrentFormat : std::uint8_t { hybrid, v1 };

struct CreateTorrent {
    std::filesystem::path path; ///< a file, or a folder with at least one file; symbolic links are not followed
    TorrentFormat format = TorrentFormat::hybrid;
    std::uint32_t piece_bytes = 0;     ///< a power of two from 16 KiB to 128 MiB; 0 chooses by size
    std::vector<std::string> trackers; ///< one tier each
};

struct CreatedTorrent {
    Bytes content;      ///< of the .torrent file
    std::string id;     ///< as TorrentInfo::id
    std::string magnet; ///< without trackers
    std::string name;
    std::uint64_t bytes = 0;
    std::uint32_t pieces = 0;
};

/// `progress` gets a value from 0 to 1 after each piece, on the calling thread.
[[nodiscard]] Answer<CreatedTorrent> create_torrent(const CreateTorrent& request,
                                                    const std::function<void(double)>& progress = {});

} // namespace cepa::main
