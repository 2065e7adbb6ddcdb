// Which torrents this node has ever used without hops: whoever was in their swarm then has seen its address, so they
// are hidden afterwards only when the user insists. Kept as hashes of the ids in one file of the state folder, because
// resume data goes with its torrent and this must not. Process: main; blocks on the disk for a moment.
#pragma once

#include "main/torrent_types.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace cepa::main {

class PlainMarks {
public:
    /// Past it the oldest is forgotten.
    static constexpr std::size_t kMost = 65536;

    /// An empty `file`: nothing is kept, and nothing was.
    explicit PlainMarks(std::filesystem::path file) : file_(std::move(file)) {}

    /// `id` as TorrentInfo::id. A file that cannot be read counts as one that has it: when in doubt, ask.
    [[nodiscard]] bool has(const std::string& id) const;
    /// A second time changes nothing.
    [[nodiscard]] Answer<void> add(const std::string& id) const;

private:
    std::filesystem::path file_;
};

} // namespace cepa::main
