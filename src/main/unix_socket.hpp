// AF_UNIX stream sockets by path, as the control socket uses them. A socket's address holds at most 107 bytes, so the
// path goes through the folder's descriptor: any length works. Process: main.
#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <filesystem>

namespace cepa::main {

/// A listening, non-blocking socket (mode 0600). A file in the way is removed first.
[[nodiscard]] Result<FileDescriptor> listen_unix(const std::filesystem::path& path);
/// A connected, blocking socket. Fails with no_such_file_or_directory or connection_refused when nobody listens.
[[nodiscard]] Result<FileDescriptor> connect_unix(const std::filesystem::path& path);
/// Whether the process at the other end of a connected socket runs as our user (or root).
[[nodiscard]] bool peer_is_same_user(int socket) noexcept;

} // namespace cepa::main
