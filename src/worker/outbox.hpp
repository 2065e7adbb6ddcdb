// What the worker has to say on the control stream, in order, when main does not read for a while: the stream's own
// queue is bounded and refuses, so what it refused waits here. Change frames stop at the source meanwhile (see
// HostObserver::takes_sync), so little ever waits. Process: worker, io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "proto/rpc.hpp"

#include <cstddef>
#include <deque>

namespace cepa::worker {

class Outbox {
public:
    /// Messages that may wait; beyond it the oldest is lost, and counted.
    static constexpr std::size_t kMost = 16'384;

    /// `rpc` must outlive this.
    explicit Outbox(proto::Rpc& rpc) : rpc_(rpc) {}

    void send(proto::Envelope notice);
    /// Tries to send what waits; true when nothing does any more.
    bool drain();
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    proto::Rpc& rpc_;
    std::deque<proto::Envelope> waiting_;
    std::uint64_t lost_ = 0;
};

} // namespace cepa::worker
