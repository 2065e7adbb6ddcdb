// One UDP port, one socket per worker slot: a SO_REUSEPORT group with a steering program. Main keeps its copy of every
// socket for ever, so the group never renumbers and a dead worker's packets wait for the next one. Each worker's socket
// is locked against another program; a last, unlocked member that no table names is main's way to change it.
// Process: main. Spec: docs/protocol.md, section 33.
#pragma once

#include "main/steering_program.hpp"

#include "base/address.hpp"
#include "base/file_descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "proto/slot_table.hpp"

#include <cstdint>
#include <vector>

namespace cepa::main {

class PortGroup {
public:
    /// Binds `slots` sockets and the last one, after a probe that finds out whether another program (or another node
    /// of the same user) has the port: fails with address_in_use. Everything goes to worker 0 at first.
    [[nodiscard]] static Result<PortGroup> open(const Endpoint& listen, std::uint32_t slots, const OverlayPrefix& prefix);

    /// Steers by `table` from the next packet on: one atomic change. Fails with invalid_argument when the table
    /// names a worker without a slot.
    [[nodiscard]] Result<void> steer(const proto::SlotTable& table);

    /// Needs worker < slots. Stays open as long as the group.
    [[nodiscard]] int socket(WorkerId worker) const noexcept { return members_[worker.value].get(); }
    [[nodiscard]] std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(members_.size() - 1); }
    /// With the real port.
    [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
    [[nodiscard]] const OverlayPrefix& prefix() const noexcept { return prefix_; }

private:
    PortGroup(const Endpoint& endpoint, const OverlayPrefix& prefix) : endpoint_(endpoint), prefix_(prefix) {}

    Endpoint endpoint_;
    OverlayPrefix prefix_;
    std::vector<FileDescriptor> members_; ///< in the order of the group; the last is nobody's
};

} // namespace cepa::main
