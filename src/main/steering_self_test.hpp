// Finds out at start whether the kernel really steers cells as the table says: where it does not, main owns the one
// socket and hands the cells out itself. Process: main, before any worker runs. Spec: docs/protocol.md, section 33.
#pragma once

#include "main/port_group.hpp"

#include <string>

namespace cepa::main {

inline constexpr int kSelfTestCells = 256;

/// Steers by a table over all slots, sends 256 cells to the group over loopback and looks where each arrives. Empty
/// when all arrived at the right socket, else what went wrong. Takes at most about 300 ms, a few when all is well.
/// Leaves that table in place; other packets that arrive meanwhile are lost.
[[nodiscard]] std::string steering_fault(PortGroup& group);
/// The same with the table that is in place already and should be `table`.
[[nodiscard]] std::string steering_fault(const PortGroup& group, const proto::SlotTable& table);

} // namespace cepa::main
