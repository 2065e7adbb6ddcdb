// What a worker gives up before it reads its first byte: surviving main, core dumps, files, new processes, every
// descriptor that is not on the list. Landlock and the system call filter belong at the marked place of harden_process().
// Process: worker, before its threads. Spec: docs/architecture.md (processes).
#pragma once

#include "base/file_descriptor.hpp"

#include <vector>

namespace cepa::worker {

/// Whether descriptors 3 to 8 are the pipes of proto/descriptors.hpp, each open in its direction.
[[nodiscard]] bool has_worker_pipes() noexcept;

/// The descriptors beside the pipes, as far as they are there.
struct InheritedSockets {
    FileDescriptor slot;                  ///< invalid when main owns the one socket
    FileDescriptor inbox;
    std::vector<FileDescriptor> siblings; ///< in slot order without the own slot
};
/// Takes ownership of the sockets from kSlotSocket on and closes every other descriptor above the pipes.
[[nodiscard]] InheritedSockets take_sockets();

/// Signals, death with main, dumps and limits. Ends the process when main has died meanwhile.
void harden_process() noexcept;
/// The limit that counts threads: to be called when all of them run.
void forbid_new_processes() noexcept;

} // namespace cepa::worker
