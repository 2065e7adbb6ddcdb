// Resolves host names for the exit by asking main: a worker may open no file and no socket for it.
// Process: worker, io thread. Spec: docs/protocol.md, section 32 (RESOLVE).
#pragma once

#include "proto/rpc.hpp"
#include "tunnel/environment.hpp"

namespace cepa::worker {

class RpcResolver final : public tunnel::Resolver {
public:
    /// `rpc` must outlive this.
    explicit RpcResolver(proto::Rpc& rpc) : rpc_(rpc) {}

    /// Fails with host_not_found when main found none, timed_out after 10 s, or as the call did.
    void resolve(const std::string& host, Done done) override;

private:
    proto::Rpc& rpc_;
};

} // namespace cepa::worker
