// The node's register as this Tunnel reaches it: its own where it discovers, the discovering sibling's elsewhere.
// Process: worker, io thread. Spec: docs/protocol.md, section 35.
#pragma once

#include "tunnel/hidden_services/node_register.hpp"

namespace cepa::tunnel {

class Directory;

class NodeAccess final : public NodeRegister {
public:
    /// `directory` is the own one, null where the Tunnel does not discover; there `siblings` is asked, if any.
    NodeAccess(Siblings* siblings, Directory* directory) noexcept : siblings_(siblings), directory_(directory) {}

    void find_introductions(const LookupHash& hash, IntroductionsFound done) override;
    void find_node(const PublicKey& key, NodeFound done) override;
    void register_introduction(const Introduction& introduction, Registered done) override;
    void forget_introduction(const Introduction& introduction) override;
    [[nodiscard]] std::optional<CircuitId> circuit_of(const PublicKey& swarm_key) const override;
    [[nodiscard]] bool is_proven(const IpAddress& ip) const override;

private:
    Siblings* siblings_;
    Directory* directory_;
};

} // namespace cepa::tunnel
