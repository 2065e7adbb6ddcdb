// SHA-256 of files, and files of random bytes. Process: main (a command's process); blocks on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace cepa::main {

/// `keep_going` is asked about every 8 MiB; false throws UserError("interrupted").
using KeepGoing = std::function<bool()>;

/// In hexadecimal. Throws UserError when the file cannot be read.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& file, const KeepGoing& keep_going);

/// Writes `bytes` random bytes to a new file and returns their SHA-256. Throws UserError, for a full disk too; the file
/// is then removed.
[[nodiscard]] std::string write_random_file(const std::filesystem::path& file, std::uint64_t bytes,
                                            const KeepGoing& keep_going);

} // namespace cepa::main
