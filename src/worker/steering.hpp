// The slot table as one worker sees it: which circuit ids are its own. Shared by the tunnel, which draws only such ids,
// and the hand-over, which passes on what is another's. Process: worker, io thread. Spec: docs/protocol.md, section 33.
#pragma once

#include "proto/slot_table.hpp"
#include "tunnel/environment.hpp"

namespace cepa::worker {

class Steering final : public tunnel::CircuitIdOwner {
public:
    Steering(WorkerId self, const proto::SlotTable& table) : self_(self), table_(table) {}

    [[nodiscard]] bool is_mine(CircuitId id) const noexcept override { return table_.owner(id) == self_; }
    [[nodiscard]] WorkerId self() const noexcept { return self_; }
    [[nodiscard]] const proto::SlotTable& table() const noexcept { return table_; }
    /// An older version is ignored.
    void update(const proto::SlotTable& table) noexcept
    {
        if (table.version() >= table_.version()) table_ = table;
    }

private:
    WorkerId self_;
    proto::SlotTable table_;
};

} // namespace cepa::worker
