// The child process `cepa worker`: one loop that owns circuits, between the pipes to main and the UDP port.
// It is started by the pool with descriptors 3.. as design has them (proto/descriptors.hpp) and ends when any of its
// pipes closes, whatever happened to main. Process: worker. Spec: docs/protocol.md, sections 31 to 34.
#pragma once

namespace cepa::worker {

/// Exit codes of a child, beside 0 (asked to end, and did).
inline constexpr int kExitLostPipe = 1;  ///< a pipe closed or carried nonsense: main is gone or broken
inline constexpr int kExitMisuse = 2;    ///< not started by the pool
inline constexpr int kExitGrace = 3;     ///< asked to end, and the control loop did not finish in time

/// Runs a worker on the descriptors it was started with and returns the process's exit code. Hardens the process
/// first (signals, limits, parent death), so it must be the first thing main() does and is called once.
[[nodiscard]] int run_worker();

} // namespace cepa::worker
