// The program that the kernel runs for every UDP packet on the node's port to choose the worker: cells of the tunnel
// overlay go by the keyed slot of their circuit id, everything else to worker 0.
// Pure. Process: main. Spec: docs/protocol.md, section 33.
//
//   packet = prefix (22 bytes) || message id || circuit id u32 || ...      a cell has message id 0 and at least 29 bytes
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "proto/slot_table.hpp"

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <vector>

namespace cepa::main {

inline constexpr std::size_t kOverlayPrefixSize = 22;
using OverlayPrefix = std::array<std::uint8_t, kOverlayPrefixSize>;

/// Version bytes and the overlay id. Needs 20 bytes; fewer leave zeros.
[[nodiscard]] OverlayPrefix overlay_prefix(ByteSpan overlay_id) noexcept;

/// Classic BPF; returns the index of a worker's socket in the group. Offset 0 is the UDP payload.
[[nodiscard]] std::vector<sock_filter> steering_program(const proto::SlotTable& table, const OverlayPrefix& prefix);

/// What the program decides, in plain code: for the front process, and to test the one against the other.
[[nodiscard]] WorkerId steered_to(const proto::SlotTable& table, const OverlayPrefix& prefix, ByteSpan packet) noexcept;

} // namespace cepa::main
