// The siblings as a Tunnel asks them, when they are other processes: calls to main, which passes them on, and the
// hand-over for packets. Process: worker, io thread. Spec: docs/protocol.md, section 35.
#pragma once

#include "proto/rpc.hpp"
#include "tunnel/siblings.hpp"
#include "worker/handover.hpp"

namespace cepa::worker {

class RpcSiblings final : public tunnel::Siblings {
public:
    /// Both must outlive this.
    RpcSiblings(proto::Rpc& rpc, Handover& handover) noexcept : rpc_(rpc), handover_(handover) {}

    void find_introductions(const tunnel::LookupHash& hash, tunnel::IntroductionsFound done) override;
    void find_node(const tunnel::PublicKey& key, tunnel::NodeFound done) override;
    void register_introduction(const tunnel::Introduction& introduction, tunnel::Registered done) override;
    void forget_introduction(const tunnel::Introduction& introduction) override;
    void offer_rendezvous(const tunnel::Cookie& cookie, CircuitId circuit) override;
    void withdraw_rendezvous(const tunnel::Cookie& cookie) override;
    void link(const tunnel::Cookie& cookie, tunnel::LinkHalf mine, tunnel::Linked done) override;
    void unlinked(CircuitId mine) override;
    void moved(CircuitId mine, const Endpoint& neighbour) override;
    void pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet) override;

private:
    proto::Rpc& rpc_;
    Handover& handover_;
};

} // namespace cepa::worker
