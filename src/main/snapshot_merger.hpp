// Merges the workers' change frames into the pool's snapshot. A worker is hostile: it may only name circuits that steer
// to it and change objects that are its own; what it says about itself (its id, its pid) is not believed.
// Its bounds (main/worker_claims.hpp) are checked before. Pure. Process: main. Spec: docs/protocol.md, section 32.
#pragma once

#include "base/ids.hpp"
#include "proto/slot_table.hpp"
#include "proto/tunnel_service.hpp"

#include <cstddef>
#include <cstdint>

namespace cepa::main {

class SnapshotMerger {
public:
    /// Objects of one kind that are kept; more are refused.
    static constexpr std::size_t kMaxObjects = 65536;

    explicit SnapshotMerger(proto::TunnelSnapshot& into) : into_(into) {}

    /// Everything but the share. Returns how many entries were refused.
    std::size_t merge(WorkerId from, std::uint64_t pid, const proto::Sync& sync, const proto::SlotTable& table);
    /// Forgets the worker and its objects.
    void remove(WorkerId worker);

private:
    void sum_swarms();

    proto::TunnelSnapshot& into_;
    std::map<WorkerId, proto::SwarmInfos> swarms_; ///< as each worker said it last
};

} // namespace cepa::main
