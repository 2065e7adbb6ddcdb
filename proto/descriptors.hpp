// The file descriptors that a worker finds open when it starts: these and 0 to 2, no other.
// Standard input and output are /dev/null, standard error is a pipe whose lines main puts into its log.
// Process: main (which passes them on) and worker. Spec: docs/protocol.md, sections 31 to 34.
#pragma once

#include "base/ids.hpp"

#include <cstdint>

namespace cepa::proto {

// "In" and "out" as the worker sees them: it reads from the in ends and writes to the out ends.
inline constexpr int kControlIn = 3;
inline constexpr int kControlOut = 4;
inline constexpr int kDataIn = 5;
inline constexpr int kDataOut = 6;
inline constexpr int kExitIn = 7;
inline constexpr int kExitOut = 8;
/// The slot's UDP socket, bound and non-blocking. Not open when Create.front_process is set.
inline constexpr int kSlotSocket = 9;
/// Read end of the slot's hand-over inbox: an AF_UNIX datagram socket, non-blocking (proto/hand_over.hpp).
inline constexpr int kInbox = 10;
/// The siblings' inboxes, write ends, in slot order without the own slot.
inline constexpr int kFirstSibling = 11;

/// More slots than this are refused: the steering table has 64 cells.
inline constexpr std::uint32_t kMaxWorkers = 32;

/// Descriptor of the inbox of `sibling` in the worker `own`. Needs sibling != own.
[[nodiscard]] constexpr int sibling_descriptor(WorkerId own, WorkerId sibling) noexcept
{
    return kFirstSibling + (sibling < own ? sibling.value : sibling.value - 1);
}

/// The highest descriptor that a worker of a pool with `max_workers` slots finds open.
[[nodiscard]] constexpr int last_descriptor(std::uint32_t max_workers) noexcept
{
    return kInbox + static_cast<int>(max_workers) - 1;
}

} // namespace cepa::proto
