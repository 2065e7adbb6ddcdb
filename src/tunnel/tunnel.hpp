// The tunnels of one worker: own circuits, relaying, exiting and (worker 0) discovery, wired together. No socket, no
// thread, no timer of its own: packets and ticks come in, packets go out through the Environment.
// It does not know pipes, frames, steering or sibling workers.
// Process: worker, io thread. Spec: docs/protocol.md, sections 1 to 14.
#pragma once

#include "base/packet_buffer.hpp"
#include "base/result.hpp"
#include "tunnel/environment.hpp"
#include "tunnel/hidden_services/swarm_plan.hpp"
#include "tunnel/settings.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cepa::tunnel {

/// closing: still usable, but it ends within minutes: nothing new should be put on it.
enum class CircuitState : std::uint8_t { extending, ready, closing };

/// What a circuit of ours is for. Only data circuits are made and named by who uses the Tunnel.
enum class CircuitPurpose : std::uint8_t {
    data,         ///< datagrams out of an exit
    lookup,       ///< asks for introduction points and speaks to them
    introduction, ///< ends at an introduction point of a swarm that we seed
    rendezvous,   ///< ends at a rendezvous point, where the other end waits or will come
};

struct HopView {
    Mid mid{};
    Endpoint address; ///< null where unknown
    PeerFlags flags = 0;
};

/// Copies for those who watch. Times are ages, not instants.
struct CircuitView {
    CircuitId id;
    std::uint32_t group = 0;
    std::uint8_t wanted_hops = 0;
    CircuitState state = CircuitState::extending;
    std::vector<HopView> hops;
    std::uint64_t bytes_up = 0;
    std::uint64_t bytes_down = 0;
    Duration age{};
    Duration round_trip{}; ///< zero: not measured yet
    CircuitPurpose purpose = CircuitPurpose::data;
};
struct RelayView {
    CircuitId previous;
    CircuitId next;
    std::uint64_t bytes_forward = 0;
    std::uint64_t bytes_backward = 0;
    Duration age{};
};
struct ExitView {
    CircuitId id;
    bool open = false;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint32_t destinations = 0;
    Duration age{};
};

/// A peer fit to be a hop, as worker 0 verified it and all workers use it.
struct Candidate {
    PublicKey key;
    Endpoint address;
    PeerFlags flags = 0;
    bool connectable = false; ///< an extend by address to it succeeded, or it is an exit
    friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// What a network address translator makes of our address: nothing, one other address for all, or another port towards
/// each. Behind the last only those we speak to first can reach us.
enum class Translation : std::uint8_t { unknown, none, endpoint_independent, address_dependent };

/// Whether others can reach this node, as worker 0 knows it.
struct Reachability {
    Translation translation = Translation::unknown;
    bool strangers_get_in = false; ///< also those whom we never wrote to (discovery/reach.hpp)
    friend bool operator==(const Reachability&, const Reachability&) = default;
};

struct DiscoveryView {
    std::uint32_t peers = 0;
    std::uint32_t relays = 0;
    std::uint32_t exits = 0;
    std::uint32_t distinct_prefixes = 0;
    Endpoint wan;
    bool bootstrapping = false;
    std::uint32_t dht_nodes = 0;
    std::uint32_t dht_values = 0;    ///< kept for others
    std::uint32_t introductions = 0; ///< of others' swarms at this node
    Reachability reach = {};
};

struct TunnelCounters {
    std::uint64_t cells_in = 0;
    std::uint64_t cells_out = 0;
    std::uint64_t packet_bytes_in = 0;
    std::uint64_t packet_bytes_out = 0;
    std::uint64_t data_bytes_up = 0;
    std::uint64_t data_bytes_down = 0;
    std::uint64_t relayed_bytes = 0;
    std::uint64_t exited_bytes = 0;
    std::map<std::string, std::uint64_t> drops; ///< by reason, for reporting only
};

/// Called by the Tunnel from inside its own calls; an observer must not call back into the Tunnel except send_data().
class TunnelObserver {
public:
    virtual ~TunnelObserver() = default;
    /// A datagram for us. `payload` is in place in the packet's buffer: at least 44 bytes of headroom.
    virtual void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) = 0;
    /// A data circuit; the others are not told of, but for those that link two ends: on_hidden_link().
    virtual void on_circuit_ready(CircuitId circuit) = 0;
    /// A circuit that was asked for, or linked, ended, ready or not. `reason` is a short text of ours.
    virtual void on_circuit_closed(CircuitId circuit, std::string_view reason) = 0;
    /// A circuit carries data end to end now, for a swarm of ours. `seeder` is the swarm key at the other end; null when
    /// we are the seeder. Its data has the null address as origin, and any destination will do for send_data().
    virtual void on_hidden_link(CircuitId /*circuit*/, const LookupHash& /*lookup_hash*/, const PublicKey* /*seeder*/) {}
    /// Worker 0: the verified candidates or our own addresses changed; candidates() and own_addresses() tell.
    virtual void on_candidates_changed() = 0;
    virtual void on_guards_changed(const std::vector<Guard>& guards) = 0;
    virtual void on_address_changed() = 0;
    virtual void on_resumed() = 0;
    /// A cap was reached, said once.
    virtual void on_limit(std::string_view which) = 0;
    /// A monitored lookup hash was named by a message of the last 10 s (hidden_services/swarm_sightings.hpp).
    virtual void on_swarm_seen(ByteSpan lookup_hash) = 0;
};

/// What may be carried for others; of TunnelSettings, the part that changes while a Tunnel lives.
struct TunnelLimits {
    std::uint64_t relay_rate_bytes_per_s = 0; ///< 0: no limit
    std::uint64_t exit_rate_bytes_per_s = 0;  ///< 0: no limit
    std::uint64_t month_bytes_left = UINT64_MAX;
    std::uint32_t max_joined_circuits = 0;
};

class ForSiblings;
struct DirectoryState;

class Tunnel {
public:
    /// `environment` and `observer` must outlive the tunnel.
    Tunnel(TunnelSettings settings, Environment environment, TunnelObserver& observer);
    ~Tunnel();

    /// Any UDP packet that arrived on the node's port. Malformed ones are dropped and counted.
    void on_packet(const Endpoint& source, PacketBuffer& packet);
    /// The end of a batch of on_packet() or send_data(): flushes what they queued.
    void on_batch_end();
    /// To be called about every 50 ms: all timeouts, pings, walking and maintenance.
    void tick();

    /// Begins a circuit of `hops` hops (1..5). The observer hears ready or closed, exactly one of them first.
    /// Fails with no_candidates when no path can be chosen now.
    [[nodiscard]] Result<CircuitId> create_circuit(std::uint8_t hops, std::uint32_t group);
    void close_circuit(CircuitId circuit);
    /// Seals `payload` into a data cell in place and queues it. Needs kPacketHeadroom and kPacketTailroom and a ready
    /// circuit; fails with unknown_circuit, too_large or nonce_exhausted.
    [[nodiscard]] Result<void> send_data(CircuitId circuit, const Address& destination, PacketBuffer& payload);

    /// The hidden swarms of ours that this Tunnel works for: all of them, in place of the former list.
    void set_swarms(std::vector<SwarmPlan> plans);
    [[nodiscard]] std::vector<SwarmView> swarms() const;
    /// The payload that a hidden link has carried since it was reported: what it is worth is judged by that.
    void set_payload(CircuitId link, std::uint64_t bytes);

    /// Facts from worker 0 for the others, or of the former worker 0: replaces candidates and own addresses.
    void share(const std::vector<Candidate>& candidates, const std::vector<Endpoint>& own_addresses,
               const std::vector<Guard>& guards, const Reachability& reach = {});
    void monitor(const std::vector<std::array<std::uint8_t, 20>>& lookup_hashes);
    /// In place of those of the settings. Who had reached a cap serves again when there is something left.
    void set_limits(const TunnelLimits& limits);
    /// What the former worker 0 had told last: to be called before anything else happens.
    void restore_directory(const DirectoryState& state);
    /// The addresses of this machine's interfaces: never an exit's destination, and what tells whether others see us
    /// translated.
    void set_host_addresses(const std::vector<IpAddress>& addresses);
    /// Sends destroys for everything that is ours or passes through us.
    void shut_down();

    /// What siblings ask of this Tunnel. Calls are allowed like those of this class.
    [[nodiscard]] ForSiblings& for_siblings() noexcept;

    /// Whether `circuit` names a circuit, relay or exit here. One lookup. A cell that is steered to us since the slots
    /// moved, but whose circuit we do not know, is still the former owner's.
    [[nodiscard]] bool knows(CircuitId circuit) const noexcept;

    // What it knows, as copies.
    [[nodiscard]] std::vector<Candidate> candidates() const;
    [[nodiscard]] std::vector<Endpoint> own_addresses() const;
    [[nodiscard]] std::vector<CircuitView> circuits() const;
    [[nodiscard]] std::vector<RelayView> relays() const;
    [[nodiscard]] std::vector<ExitView> exits() const;
    [[nodiscard]] DiscoveryView discovery() const;
    /// Where it discovers: what a successor needs of DHT and introductions (directory_state.hpp), and a number that
    /// changes with it.
    [[nodiscard]] DirectoryState directory_state() const;
    [[nodiscard]] std::uint64_t directory_changes() const noexcept;
    [[nodiscard]] TunnelCounters counters() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cepa::tunnel
