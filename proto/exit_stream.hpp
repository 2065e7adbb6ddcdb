// The worker's side of the exit stream, for a thread of its own: blocking, without Asio, so that it works while the
// control loop is stuck. (Main's side is a MessageStream.) Process: worker, exit thread.
// Spec: docs/protocol.md, section 34.
#pragma once

#include "proto/exit.pb.h"

#include <cstddef>
#include <optional>

namespace cepa::proto {

/// A longer message on the exit stream is a broken one.
inline constexpr std::size_t kMaxExitMessage = 4096;

/// Waits for the one request. nullopt when the stream ended or is broken: the worker must end at once.
[[nodiscard]] std::optional<ExitRequest> read_exit_request(int fd);
/// Writes the one answer; false when main is gone. A text that is too long is cut.
bool write_exit_answer(int fd, ExitAnswer answer);

} // namespace cepa::proto
