// The node's UDP socket as main makes it, alone or as one of a group that shares the port. Process: main.
#pragma once

#include "base/address.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace cepa::main {

enum class PortSharing : bool { alone, shared };

/// Wanted receive and send buffer: bursts of cells wait here while a worker is replaced.
inline constexpr int kNodeSocketBuffer = 4 << 20;

/// A bound, non-blocking, close-on-exec UDP socket. Never connected: that would take packets past the steering.
/// A socket that is `alone` fails with address_in_use when anyone has the port, a shared one of our own user included.
[[nodiscard]] Result<FileDescriptor> open_node_socket(const Endpoint& listen, PortSharing sharing);
/// Where the socket is bound: tells the port that was taken for port 0.
[[nodiscard]] Result<Endpoint> bound_to(int socket);

} // namespace cepa::main
