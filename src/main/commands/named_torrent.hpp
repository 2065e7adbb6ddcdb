// The .torrent that `cepa seed --torrent` names, held against what is to be seeded. A torrent says itself where its
// files lie: one of something else would publish that, and one whose files are missing would fetch them from strangers.
// Process: main (a command's process).
#pragma once

#include "base/bytes.hpp"

#include <filesystem>
#include <string>

namespace cepa::main {

/// What is to be seeded, absolute and without a slash at its end.
[[nodiscard]] std::filesystem::path seeded_path(const std::string& source);

/// The bytes of the .torrent `file`. Throws Misuse when it is the torrent of another name than `path` has, UserError
/// when it is none, or when not every file of it is there in its full size. Nothing is hashed.
[[nodiscard]] Bytes named_torrent(const std::filesystem::path& file, const std::filesystem::path& path);

} // namespace cepa::main
