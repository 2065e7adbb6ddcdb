// Serves what siblings ask of this worker's Tunnel, as main passes it on. Process: worker, io thread. Spec:
// docs/protocol.md, section 35.
#pragma once

#include "proto/rpc.hpp"
#include "tunnel/siblings.hpp"

namespace cepa::worker {

class SiblingService {
public:
    /// Begins to serve. No call may come when this or `tunnel` is gone.
    SiblingService(proto::Rpc& rpc, tunnel::ForSiblings& tunnel);

private:
    void serve(proto::Rpc& rpc, proto::Envelope::BodyCase kind,
               void (SiblingService::*handler)(const proto::Envelope&, const proto::Rpc::Respond&));
    void find_introductions(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void find_node(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void register_introduction(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void forget_introduction(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void link(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void unlink(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void moved(const proto::Envelope& call, const proto::Rpc::Respond& respond);

    tunnel::ForSiblings& tunnel_;
};

} // namespace cepa::worker
