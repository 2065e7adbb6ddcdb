// What the node as a whole knows of hidden swarms, as those see it who serve others: the register of its introduction
// points and the lookups. It lives in the Tunnel that discovers; the others reach it through their siblings.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 35.
#pragma once

#include "tunnel/siblings.hpp"

#include <optional>

namespace cepa::tunnel {

/// Every `done` is called at most once, and later rather than from inside the call or not: both happen.
class NodeRegister {
public:
    virtual ~NodeRegister() = default;
    virtual void find_introductions(const LookupHash& hash, IntroductionsFound done) = 0;
    /// Looks for a node in the DHT and has it puncture us.
    virtual void find_node(const PublicKey& key, NodeFound done) = 0;
    /// Refused: another circuit of this node serves that swarm key already, or it could not be asked, or, as the answer
    /// then says, nobody could reach us for it.
    virtual void register_introduction(const Introduction& introduction, Registered done) = 0;
    virtual void forget_introduction(const Introduction& introduction) = 0;
    /// Which circuit of the node serves a swarm key; only the Tunnel that discovers can say.
    [[nodiscard]] virtual std::optional<CircuitId> circuit_of(const PublicKey& swarm_key) const = 0;
    /// Whether a node was proven to live at that address; likewise.
    [[nodiscard]] virtual bool is_proven(const IpAddress&) const { return false; }
};

} // namespace cepa::tunnel
