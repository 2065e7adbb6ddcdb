// The folder that holds a node's state: locked while a node runs on it, private to its user, with a schema number that
// keeps an older program from touching newer state. Files in it are replaced atomically.
//   lock             flock()ed while in use
//   schema           "1\n"
//   control.sock     the control socket of the running node
//   identity.key     74 bytes; relays and exits only
//   network-ID.pb    guards and known exits of one overlay (proto::Share)
//   traffic.json     bytes carried for others in the current month
//   torrents/        resume data
// Process: main; start-up and shutdown, and small files now and then.
#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "main/node_identity.hpp"
#include "proto/control.pb.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace cepa::main {

inline constexpr std::uint32_t kStateSchema = 1;

class StateFolder {
public:
    /// Makes the folder when missing (mode 0700), takes its lock and checks its schema. Throws UserError: a second
    /// instance, state of a newer version, a folder that cannot be written or that others may read.
    [[nodiscard]] static StateFolder open(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// The kept key, or a fresh one that is kept from now on. Throws UserError when the file is damaged.
    [[nodiscard]] NodeIdentity persistent_identity();

    /// Guards and exits of the last run on the overlay (40 hexadecimal digits): what was learnt on one network never
    /// leads into another. Empty when there are none, or they are damaged (said as a warning).
    [[nodiscard]] proto::Share load_network(const std::string& overlay) const;
    [[nodiscard]] Result<void> save_network(const std::string& overlay, const proto::Share& share);

    /// Bytes carried for others in `month` ("2026-11"); 0 for another month than the kept one.
    [[nodiscard]] std::uint64_t load_traffic(const std::string& month) const;
    [[nodiscard]] Result<void> save_traffic(const std::string& month, std::uint64_t bytes);

private:
    StateFolder(std::filesystem::path path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

    std::filesystem::path path_;
    FileDescriptor lock_;
};

/// Of PlainMarks.
[[nodiscard]] std::filesystem::path plain_marks_file(const std::filesystem::path& state_folder);

/// Where the control socket of a node with this state folder lies.
[[nodiscard]] std::filesystem::path control_socket_path(const std::filesystem::path& state_folder);

} // namespace cepa::main
