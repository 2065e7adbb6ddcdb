// State on disk: a file is replaced as a whole or not at all, whatever kills the process or the machine.
// Process: main.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <filesystem>

namespace cepa::main {

/// Writes `bytes` to a temporary file beside `path` (mode 0600), syncs it, renames it over `path` and syncs the folder.
/// After an error the old file is untouched and the temporary one is gone. The folder must exist.
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path, ByteSpan bytes);

/// The whole file. Fails with file_too_large above `limit` bytes, with is_a_directory or no_such_file as the system says.
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{64} << 20U);

/// Makes `path` and its parents, each new one with mode 0700. Fine when it exists.
[[nodiscard]] Result<void> make_private_folder(const std::filesystem::path& path);

} // namespace cepa::main
