// What main asks of "the tunnels": the single-core interface. Implemented twice: by main::WorkerPool with child
// processes and by worker::InProcessTunnels with none. What stands above cannot tell which. It has datagrams and
// circuits, and nothing of layouts, cells or processes.
// Process: main, io thread; every call returns at once and every callback comes from the io loop, never from inside
// a call (except that send() may drop).
#pragma once

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/packet_buffer.hpp"
#include "base/result.hpp"
#include "proto/control.pb.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cepa::proto {

inline constexpr std::size_t kLookupHashSize = 20;
/// A swarm key in either form.
inline constexpr std::size_t kSwarmKeySize = 74;
/// Of a swarm that we seed, over all workers.
inline constexpr std::uint32_t kIntroductionPoints = 3;
/// Hidden swarms of one node at a time; a Tunnel takes no more.
inline constexpr std::size_t kMaxSwarms = 256;

/// What a circuit is for: `hops` 1..5; circuits of different groups never share anything.
struct CircuitRequest {
    std::uint8_t hops = 3;
    GroupId group;
};

/// A hidden swarm of ours: what is to be done for it. The tunnels do not know torrents.
struct SwarmRequest {
    std::string lookup_hash; ///< 20 bytes
    std::uint8_t hops = 1;   ///< 1..4; introduction and rendezvous need one more
    GroupId group;
    bool download = false; ///< find seeders and link to them
    std::string seed_key;  ///< private form (74 bytes): seed under this swarm key; empty: do not

    friend bool operator==(const SwarmRequest&, const SwarmRequest&) = default;
};

/// Payload of a torrent that went over a hidden link, as libtorrent counts it: garbage is none.
struct LinkPayload {
    CircuitId circuit;
    std::uint64_t bytes = 0; ///< since the link was reported

    friend bool operator==(const LinkPayload&, const LinkPayload&) = default;
};

/// All shared objects as last synchronised, keyed by circuit id (workers by worker id). Values, not references.
struct TunnelSnapshot {
    std::map<std::uint32_t, CircuitInfo> circuits;
    std::map<std::uint32_t, RelayInfo> relays;
    std::map<std::uint32_t, ExitInfo> exits;
    std::map<std::uint32_t, WorkerInfo> workers;
    DiscoveryInfo discovery;
    /// Hidden swarms of ours by lookup hash, summed over the workers; those that a worker has spoken of.
    std::map<std::string, SwarmInfo> swarms;
    /// Candidates as worker 0 last verified them.
    Share share;
};

/// How the tunnels run, for `cepa status` and `cepa workers`.
struct ServiceInfo {
    std::uint32_t workers = 0;  ///< 0: in this process
    std::string steering;       ///< "none", "reuseport" or "front process: <why>"
    Endpoint listen;            ///< the node's UDP address
    std::uint64_t restarts = 0; ///< workers replaced since the start
};

/// Receives what comes out of the tunnels.
class TunnelObserver {
public:
    virtual ~TunnelObserver() = default;
    /// A datagram arrived through `circuit` from `origin`. `payload` has at least 10 bytes of headroom, may be changed
    /// in place and is valid until on_batch_end() of the same batch returns.
    virtual void on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload) = 0;
    /// The end of a batch of datagrams: now is the time to send what was gathered.
    virtual void on_batch_end() = 0;
    /// A circuit that create_circuit() or on_hidden_link() had delivered is gone; its id will not be used again for a long time.
    virtual void on_circuit_dead(CircuitId circuit, const std::string& reason) = 0;
    /// A circuit to the other end of one of our hidden swarms carries data: `link` names the swarm, and the seeder at
    /// the other end unless we are it. Its datagrams have the null address as origin, and any destination will do;
    /// its end is an on_circuit_dead(). Comes before its first datagram, from inside the same batch; the service may be
    /// called, though.
    virtual void on_hidden_link(CircuitId circuit, const HiddenLink& link) = 0;
    /// The snapshot changed.
    virtual void on_sync() = 0;
    virtual void on_notify(const Notify& notice) = 0;
};

class TunnelService {
public:
    using CircuitReady = std::function<void(Result<CircuitId>)>;

    virtual ~TunnelService() = default;

    /// Starts the tunnels; `observer` must outlive the service. Called once. Fails when the system refuses (port in
    /// use, no child can be started).
    [[nodiscard]] virtual Result<void> start(TunnelObserver& observer) = 0;

    /// Tries to make a circuit; `done` is called exactly once, later. One attempt: the caller decides about another.
    virtual void create_circuit(const CircuitRequest& request, CircuitReady done) = 0;
    /// Ends a circuit; on_circuit_dead() follows, once.
    virtual void close_circuit(CircuitId circuit) = 0;

    /// Sends `payload` through `circuit` to `destination`, or drops and counts it, as UDP would: full pipe, stale
    /// circuit. The payload is changed in place (kPacketHeadroom before it, kPacketTailroom behind it) and must stay
    /// valid until flush().
    virtual void send(CircuitId circuit, const Address& destination, PacketBuffer& payload) = 0;
    /// Hands on what send() gathered; to be called once per batch.
    virtual void flush() = 0;

    /// Replaces the list of lookup hashes (20 bytes each) whose sightings are reported by on_notify().
    virtual void monitor(const std::vector<std::string>& lookup_hashes) = 0;
    /// Replaces the list of hidden swarms: what is not in it any more ends, links included. Malformed entries and those
    /// past kMaxSwarms are left out; of two with one lookup hash the first counts.
    virtual void set_swarms(const std::vector<SwarmRequest>& swarms) = 0;
    /// What hidden links have carried; of those where it changed. A link of which nothing is said is of no use and makes
    /// room where others wait.
    virtual void set_payloads(const std::vector<LinkPayload>& links) = 0;
    /// Changes the number of running workers (pool only; elsewhere it fails with invalid_argument).
    [[nodiscard]] virtual Result<void> set_workers(std::uint32_t count) = 0;

    /// A new month has begun: the monthly cap on what is carried for others counts from nothing again.
    virtual void new_month() = 0;

    [[nodiscard]] virtual const TunnelSnapshot& snapshot() const = 0;
    [[nodiscard]] virtual ServiceInfo info() const = 0;

    /// Ends everything: destroys are sent, children asked to exit, killed past `grace`. `done` is called once.
    virtual void stop(Duration grace, std::function<void()> done) = 0;
};

} // namespace cepa::proto
