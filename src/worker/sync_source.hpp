// The shared objects of one worker as protobuf, and the change frames that keep main's copy of them in step. Reads the
// Tunnel's copies, remembers what was sent, and yields only the fields that differ.
// Process: worker (main, when in-process), io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "worker/shared_facts.hpp"

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "proto/change_frame.hpp"
#include "tunnel/tunnel.hpp"

#include "proto/control.pb.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace cepa::worker {

class SyncSource {
public:
    /// `share_version`: of the last share that anybody has seen; those of worker 0 count on from there.
    SyncSource(WorkerId self, std::uint64_t share_version, std::vector<tunnel::Guard> guards = {})
        : self_(self), share_version_(share_version), guards_(std::move(guards))
    {
    }

    /// The frames that bring main's copy up to date; none when nothing changed. They count as sent. `counters` holds
    /// what is counted outside the tunnel; its drops are added to the tunnel's.
    [[nodiscard]] std::vector<proto::Sync> take(const tunnel::Tunnel& tunnel, const proto::WorkerInfo& counters,
                                                TimePoint now);

    /// From now on the frames say what a successor of this Tunnel would need, each time it has changed.
    void tell_directory() noexcept { tells_directory_ = true; }
    /// Whether that is due: nobody should wait for the regular frame, but a large one takes its time.
    [[nodiscard]] bool has_directory_news(const tunnel::Tunnel& tunnel, TimePoint now) const noexcept;

    /// Whether the swarms differ from what was sent, ages apart: then nobody should wait for the regular frame.
    [[nodiscard]] bool has_swarm_news(const tunnel::Tunnel& tunnel) const;

    /// Facts from elsewhere that need not be reported back.
    void skip(const SharedFacts& facts, std::uint64_t version);
    /// The guards travel with the share; only the observer is told of them.
    void set_guards(std::vector<tunnel::Guard> guards) { guards_ = std::move(guards); }

private:
    [[nodiscard]] proto::SharedObjects objects(const tunnel::Tunnel& tunnel, const proto::WorkerInfo& counters) const;
    bool take_share(const tunnel::Tunnel& tunnel, proto::Sync& sync);
    bool take_swarms(const tunnel::Tunnel& tunnel, proto::Sync& sync);
    bool take_directory(const tunnel::Tunnel& tunnel, proto::Sync& sync, TimePoint now);

    WorkerId self_;
    std::uint64_t share_version_;
    std::vector<tunnel::Guard> guards_;
    SharedFacts shared_;
    proto::SwarmInfos swarms_;
    bool tells_directory_ = false;
    std::uint64_t directory_changes_ = 0; ///< that were told
    TimePoint directory_told_{};
    TimePoint next_directory_{};
    proto::ChangeTracker tracker_;
};

} // namespace cepa::worker
