// The hidden side of this node's torrents: which of them are hidden swarms of ours, in which role, and the links that
// the tunnels make for them. Stands between the torrents, which know no circuit, and the tunnels, which know no
// torrent. A torrent with hidden peers is looked for while it is incomplete and seeded when it is complete, under a
// swarm key of its own (swarm_key.hpp); while it is paused, being checked or failed nothing is done
// for it. Process: main, io thread. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/clock.hpp"
#include "main/hidden_peers.hpp"
#include "main/routing.hpp"
#include "main/swarm_key.hpp"
#include "main/torrent_types.hpp"
#include "proto/tunnel_service.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cepa::main {

/// The name of a torrent's hidden swarm (20 bytes). `id` is TorrentInfo::id. SHA-1, as the deployed network has it.
[[nodiscard]] std::string lookup_hash_of(const std::string& id);

struct HiddenSwarmStatus {
    std::string id;
    std::string name;
    std::string lookup_hash; ///< 20 bytes
    TorrentRoute route;
    bool download = false;
    bool seed = false;
    bool served = false;                   ///< has a place among the kMaxSwarms
    TorrentState state = TorrentState::checking;
    std::string waiting_for;            ///< empty: nothing
    bool was_findable = false;          ///< had introduction points, in this life as a seed
    std::optional<Duration> unfindable; ///< for how long it has had none, when we seed
    proto::SwarmInfo tunnels;              ///< as the workers said it last, summed
    std::uint32_t introduction_points = 0; ///< wanted, when we seed
    std::uint64_t seen = 0;                ///< messages of others that named the swarm
    /// Seeders found by the last lookups, ourselves, and who is linked to us. Downloaders linked elsewhere are unknown.
    std::uint32_t estimated_size = 0;
};

struct HiddenSwarmsHooks {
    std::function<Route(const TorrentRoute&)> route_of;
    /// The circuit carries what the route's associations send to that made-up address.
    std::function<void(const Route&, CircuitId, const Endpoint&)> add_circuit;
    /// See TorrentService.
    std::function<void(const std::string& id, const Endpoint& peer, bool seeder)> linked;
    std::function<void(const std::string& id, const Endpoint& peer)> lost;
    std::function<void(const std::string& id, const std::string& what)> waiting;
    /// The route is to be awake from now on, with or without an exit: see keeps_awake().
    std::function<void(const TorrentRoute&)> usable;
    /// See TorrentService::hidden_payload(); may be empty.
    std::function<std::uint64_t(const std::string& id, const Endpoint& peer, bool seeder)> payload;
    bool equal_prefixes = false; ///< hops may share a /16 (network.allow_equal_prefixes)
};

class HiddenSwarms {
public:
    /// `service` and `clock` must outlive it.
    HiddenSwarms(proto::TunnelService& service, HiddenSwarmsHooks hooks, const Clock& clock);
    HiddenSwarms(const HiddenSwarms&) = delete;
    HiddenSwarms& operator=(const HiddenSwarms&) = delete;

    /// All torrents as they are now. Tells the tunnels when what is to be done changed.
    void update(const std::vector<TorrentInfo>& torrents);
    void on_link(CircuitId circuit, const proto::HiddenLink& link);
    /// A circuit that was given to add_circuit is gone.
    void on_gone(CircuitId circuit, const Endpoint& peer);
    /// A message of others named that lookup hash.
    void on_seen(const std::string& lookup_hash);

    /// Whether the route's session must not sleep although no circuit out of an exit is up: a hidden link carries
    /// traffic, somebody may come to a seed at any moment, and who has hidden peers only has no patience to lose.
    [[nodiscard]] bool keeps_awake(const TorrentRoute& route) const;
    [[nodiscard]] std::vector<HiddenSwarmStatus> status() const;

private:
    struct Swarm {
        TorrentInfo torrent;
        bool download = false;
        bool seed = false;
        bool served = false;
        SwarmKey seed_key;
        bool was_findable = false;
        std::optional<TimePoint> unfindable_since;
        std::uint64_t seen = 0;
        std::uint32_t linked_ever = 0; ///< in any role; the tunnels forget when the role changes
    };
    struct Link {
        std::string id;
        TorrentRoute route;
        Endpoint peer;
        bool seeder = false;            ///< at the other end
        std::uint64_t payload_from = 0; ///< what its peer had carried before
        std::uint64_t payload_told = 0;
    };

    [[nodiscard]] bool is_of_another(const std::string& hash, const TorrentInfo& torrent,
                                     const std::vector<TorrentInfo>& torrents) const;
    void take_in(const TorrentInfo& torrent);
    void note_findable(Swarm& swarm, bool findable);
    void choose_served();
    void tell();
    void tell_payloads();
    [[nodiscard]] std::uint64_t payload_of(const Link& link) const;
    [[nodiscard]] bool has_links(const TorrentRoute& route) const;
    void wake_routes();
    void say_waiting();
    [[nodiscard]] std::string waiting_of(const std::string& lookup_hash, const Swarm& swarm) const;
    [[nodiscard]] const proto::SwarmInfo& told_of(const std::string& lookup_hash) const;
    [[nodiscard]] bool can_search(const Route& route) const;
    [[nodiscard]] std::vector<proto::SwarmRequest> requests() const;
    [[nodiscard]] std::uint32_t links_of(const std::string& id) const;

    proto::TunnelService& service_;
    HiddenSwarmsHooks hooks_;
    const Clock& clock_;
    HiddenPeers peers_;
    std::map<std::string, Swarm> swarms_; ///< by lookup hash
    std::map<CircuitId, Link> links_;
    std::set<TorrentRoute> awake_;
    std::vector<std::string> told_; ///< what the tunnels know, without keys
};

} // namespace cepa::main
