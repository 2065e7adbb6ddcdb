// Circuits of others that end here: made by create, they exit, or become a relay by extend. Owns them and their ids in
// the routing table; who answers create and who exits stand beside it.
// Process: worker, io thread. Spec: docs/protocol.md, sections 11.2 to 11.6.
#pragma once

#include "base/clock.hpp"
#include "tunnel/circuit/join_limits.hpp"
#include "tunnel/circuit/routing_table.hpp"
#include "tunnel/crypto/layer.hpp"
#include "tunnel/crypto/replay_window.hpp"
#include "tunnel/exit/open_exit.hpp"
#include "tunnel/tunnel.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

/// An extend that we were asked for: create went out, created has not come.
struct PendingExtend {
    CircuitId next;
    std::uint16_t identifier = 0;        ///< ours, in create
    std::uint16_t extend_identifier = 0; ///< the originator's, for extended
    Endpoint address;
    PublicKey key;
    TimePoint deadline{};
};

/// What a circuit does here besides being there. It does one thing in its life.
enum class JoinedRole : std::uint8_t {
    none,         ///< may still become anything, or exits
    introduction, ///< a seeder is asked for over it; it may live for a day
    rendezvous,   ///< a seeder waits on it under a cookie
    linking,      ///< is being linked with a sibling's circuit; it seals nothing any more
};

struct JoinedCircuit {
    JoinedCircuit(CircuitId circuit, const Endpoint& from, const PublicKey& key, Layer session, TimePoint now)
        : id(circuit), previous(from), previous_key(key), layer(std::move(session)), created(now), last_activity(now)
    {
    }

    CircuitId id;
    Endpoint previous;
    PublicKey previous_key; ///< may be fresh for this circuit alone; only it may destroy
    Layer layer;
    ReplayWindow window;
    std::vector<Candidate> offered;
    std::vector<PendingExtend> pending;
    std::uint32_t extends = 0;
    TimePoint created;
    TimePoint last_activity;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;
    std::unique_ptr<OpenExit> exit; ///< since the first datagram
    JoinedRole role = JoinedRole::none;
    EventCap lookups{8, 1}; ///< that it may ask for

    /// Neither exits nor is extended nor has a role.
    [[nodiscard]] bool is_unused() const noexcept { return role == JoinedRole::none && !exit && pending.empty(); }
    /// Its cells come from that IP; the port may have moved once a cell was authentic (F6).
    [[nodiscard]] bool may_come_from(const Endpoint& source) const noexcept { return source.ip == previous.ip; }
};

class JoinedCircuits {
public:
    using OnGone = std::function<void(const JoinedCircuit&)>;
    explicit JoinedCircuits(RoutingTable& routes) : routes_(routes) {}

    /// Hears of circuits with a role that remove() gives up.
    void set_on_gone(OnGone on_gone) { on_gone_ = std::move(on_gone); }

    JoinedCircuit& add(std::unique_ptr<JoinedCircuit> circuit);
    /// Gives the circuit up: its exit socket sends what it has queued and closes, its ids linger.
    void remove(CircuitId id, TimePoint now);
    /// Takes it out without lingering, with its pending extends' ids freed: it becomes a relay or is spliced.
    [[nodiscard]] std::unique_ptr<JoinedCircuit> release(CircuitId id, TimePoint now);

    /// Starts to wait for the answer to an extend.
    void expect(JoinedCircuit& circuit, const PendingExtend& extend);

    /// Removes what is silent, too old or over the traffic limit, and forgets extends that nobody answered.
    /// Returns how many extends those were. Calls `on_spent` before it removes one at its limit: the originator is told
    /// of that end alone (section 11.5).
    std::size_t sweep(TimePoint now, const std::function<void(const JoinedCircuit&)>& on_spent);

    void for_each(const std::function<void(JoinedCircuit&)>& visit);
    [[nodiscard]] std::size_t size() const noexcept { return circuits_.size(); }

private:
    void forget_pending(JoinedCircuit& circuit, TimePoint now);

    RoutingTable& routes_;
    OnGone on_gone_;
    std::unordered_map<CircuitId, std::unique_ptr<JoinedCircuit>> circuits_;
};

} // namespace cepa::tunnel
