// What the tunnels of one node do for each other when they live in several workers: worker 0 discovers, keeps the DHT
// and the register of introduction points for all; two circuits that a rendezvous joins may end in two workers.
// Siblings is what a Tunnel asks; ForSiblings is what every Tunnel answers. The worker carries one to the other.
// Where a node has one Tunnel there are no siblings, and it asks itself. Nothing here is a pipe or a process.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 35.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/crypto/sealing_right.hpp"

#include "base/address.hpp"
#include "base/ids.hpp"
#include "base/packet_buffer.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace cepa::tunnel {

/// A circuit of others that serves a seeder as introduction circuit: it ends at this node.
struct Introduction {
    LookupHash lookup_hash{};
    PublicKey swarm_key;
    CircuitId circuit; ///< names the worker too: who owns its slot
    friend bool operator==(const Introduction&, const Introduction&) = default;
};

/// One side of a rendezvous, as the other side needs it: where its cells go and how they are sealed. Who gives it away
/// never seals with that key again.
struct LinkHalf {
    CircuitId circuit;
    Endpoint neighbour;
    SealingRight seal;
};

/// What the node's register says to an introduction.
struct Registration {
    Registration(bool yes) noexcept : accepted(yes) {} // NOLINT(google-explicit-constructor): mostly it is no more
    [[nodiscard]] static Registration nobody_reaches_us() noexcept
    {
        Registration out(false);
        out.unreachable = true;
        return out;
    }
    explicit operator bool() const noexcept { return accepted; }
    bool accepted;
    bool unreachable = false; ///< no request can come in any more: what was accepted before is of no use either
};

using IntroductionsFound = std::function<void(std::vector<PeersResponse::Peer>)>;
using NodeFound = std::function<void(std::optional<Endpoint>)>;
using Registered = std::function<void(Registration)>;
using Linked = std::function<void(std::optional<LinkHalf>)>;

/// Every `done` is called once, later, also when the sibling dies meanwhile (with nothing).
class Siblings {
public:
    virtual ~Siblings() = default;

    // Answered by the Tunnel that discovers.
    virtual void find_introductions(const LookupHash& hash, IntroductionsFound done) = 0;
    /// Looks for a node in the DHT and has it puncture us.
    virtual void find_node(const PublicKey& key, NodeFound done) = 0;
    /// Refused: another circuit of this node serves that swarm key already, or the node is not reached.
    virtual void register_introduction(const Introduction& introduction, Registered done) = 0;
    virtual void forget_introduction(const Introduction& introduction) = 0;

    // Rendezvous.
    /// A circuit of this Tunnel waits under that cookie; until withdrawn, or the circuit is gone.
    virtual void offer_rendezvous(const Cookie& cookie, CircuitId circuit) = 0;
    virtual void withdraw_rendezvous(const Cookie& cookie) = 0;
    /// Links `mine` with the circuit that waits under `cookie` in a sibling; done with nothing when there is none.
    /// From this call on `mine` seals nothing here, whatever comes of it.
    virtual void link(const Cookie& cookie, LinkHalf mine, Linked done) = 0;
    /// The linked circuit of this Tunnel is gone: so is the other.
    virtual void unlinked(CircuitId mine) = 0;
    /// The neighbour of the linked circuit `mine` has another port now.
    virtual void moved(CircuitId mine, const Endpoint& neighbour) = 0;

    /// A packet that is no cell but belongs to the owner of `circuit`.
    virtual void pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet) = 0;
};

/// The answering side of the same.
class ForSiblings {
public:
    virtual ~ForSiblings() = default;

    // Of the Tunnel that discovers; elsewhere they find nothing and refuse.
    virtual void find_introductions(const LookupHash& hash, IntroductionsFound done) = 0;
    virtual void find_node(const PublicKey& key, NodeFound done) = 0;
    [[nodiscard]] virtual Registration register_introduction(const Introduction& introduction) = 0;
    virtual void forget_introduction(const Introduction& introduction) = 0;

    /// Links the circuit that waits here under `cookie` with `theirs` and gives our half; nothing when none waits or it
    /// can no longer be linked.
    [[nodiscard]] virtual std::optional<LinkHalf> link(const Cookie& cookie, LinkHalf theirs) = 0;
    /// The other side of `mine` is gone: ends it, with a destroy to its neighbour. Unknown ones are ignored.
    virtual void unlink(CircuitId mine) = 0;
    /// The neighbour of the other side of `mine` is elsewhere now.
    virtual void moved(CircuitId mine, const Endpoint& neighbour) = 0;
};

} // namespace cepa::tunnel
