// What the node knows of hidden swarms for all its workers: the DHT, the register of its own introduction points, the
// overlays in which introduction points meet. Worker 0 has it; its siblings ask through main.
// Process: worker 0, io thread. Spec: docs/protocol.md, sections 14 and 35.
#pragma once

#include "tunnel/dht/dht.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/hidden_services/directory_state.hpp"
#include "tunnel/hidden_services/found_introductions.hpp"
#include "tunnel/hidden_services/pex.hpp"

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace cepa::tunnel {

class Directory {
public:
    static constexpr std::size_t kMostIntroductions = 256;
    /// A sibling repeats what it registered well within this.
    static constexpr auto kRegistrationLife = std::chrono::seconds(60);
    /// A DHT value lives an hour at most, and less at nodes that are not among the closest.
    static constexpr auto kAnnounceEvery = std::chrono::minutes(10);
    static constexpr auto kAnnounceAgain = std::chrono::seconds(15);
    /// Stored on fewer nodes than this it is done again soon.
    static constexpr std::size_t kEnoughNodes = 3;
    static constexpr std::size_t kMostAnnouncing = 4;
    static constexpr auto kAnswerLife = std::chrono::seconds(10);
    static constexpr std::size_t kMostAnswers = 256;
    static constexpr std::size_t kMostWaiting = 256;
    static constexpr std::size_t kMostWaitingPerHash = 32;
    static constexpr auto kMeetOthersEvery = std::chrono::minutes(3);

    struct Tools {
        const TunnelSettings& settings;
        const Environment& environment;
        Discovery& discovery;
        std::function<void(ByteSpan)> on_lookup_hash; ///< hears what others look for in the DHT
        std::function<bool()> strangers_get_in;       ///< see discovery/reach.hpp; none: no
    };
    /// Needs settings.identity; everything given must outlive it.
    explicit Directory(const Tools& tools);
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    /// A packet that is not of the tunnel overlay. False when it is of no overlay known here.
    bool on_packet(const Endpoint& source, ByteSpan packet);
    /// A peers-request outside a cell: `body` follows the message id.
    void on_peers_request(const Endpoint& source, ByteSpan body);
    void tick();

    // For the siblings, and for this worker. `done` is called later, exactly once.
    void find_introductions(const LookupHash& hash, IntroductionsFound done);
    void find_node(const PublicKey& key, NodeFound done);
    /// Refused: another circuit of this node serves that swarm key already, or there is no room, or nobody could reach us
    /// for it; where that is not known yet, it is not said. To be repeated.
    [[nodiscard]] Registration register_introduction(const Introduction& introduction);
    void forget_introduction(const Introduction& introduction);
    /// Which circuit of this node serves the seeder with that swarm key.
    [[nodiscard]] std::optional<CircuitId> circuit_of(const PublicKey& swarm_key) const;
    /// Whether a node that answered us lives at that address.
    [[nodiscard]] bool is_proven(const IpAddress& ip) const { return proven_.contains(ip); }

    [[nodiscard]] DirectoryState state() const;
    void restore(const DirectoryState& state);
    /// Changes whenever state() is worth sending anew.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_ + dht_.changes(); }
    /// Fills in what `view` says of the DHT and of introductions.
    void describe(DiscoveryView& view) const;
    void add_drops(std::map<std::string, std::uint64_t>& drops) const;

    [[nodiscard]] Dht& dht() noexcept { return dht_; }

private:
    struct Entry {
        Introduction introduction;
        TimePoint end;
        TimePoint announce; ///< the next time
        bool announcing = false;
    };
    struct Answer {
        TimePoint asked;
        std::optional<std::vector<PeersResponse::Peer>> peers; ///< of the DHT; not there yet while it looks
        std::vector<IntroductionsFound> waiting;
    };
    [[nodiscard]] std::vector<PeersResponse::Peer> ours(const LookupHash& hash) const;
    [[nodiscard]] bool serves(const LookupHash& hash) const noexcept;
    [[nodiscard]] std::vector<PeersResponse::Peer> choose(const LookupHash& hash, const Answer& answer, TimePoint now);
    void look_up(const LookupHash& hash, Answer& answer, TimePoint now);
    void on_found(const LookupHash& hash, const DhtClient::Result& result);
    void later(std::function<void()> call) { calls_.push_back(std::move(call)); }
    void meet_nodes(TimePoint now);
    void meet_others(TimePoint now);
    void expire(TimePoint now);
    void announce_due(TimePoint now);
    void announce(Entry& entry, TimePoint now);
    [[nodiscard]] bool is_reachable() const;
    [[nodiscard]] bool may_ask(const IpAddress& source, TimePoint now);
    void tell_pex(const LookupHash& hash);
    [[nodiscard]] std::uint32_t unix_s(TimePoint now) const noexcept;
    [[nodiscard]] TimePoint now() const noexcept { return environment_.clock.now(); }

    const TunnelSettings& settings_;
    const Environment& environment_;
    Discovery& discovery_;
    std::function<bool()> strangers_get_in_;
    TimePoint started_;
    Prefix prefix_;
    DropCounts drops_;
    Dht dht_;
    Pex pex_;
    std::unordered_map<PublicKey, Entry> register_; ///< by swarm key
    std::map<LookupHash, Answer> answers_;
    std::size_t waiting_ = 0;
    std::size_t announcing_ = 0;
    std::deque<std::function<void()>> calls_;
    std::unordered_map<Endpoint, TimePoint> met_;
    TimePoint next_meeting_{};
    TimePoint next_sweep_{};
    TimePoint next_others_{};
    std::uint64_t changes_ = 0;
    FloodLimit lookups_{10, 40};
    FloodLimit requests_{50, 100};
    FloodLimit known_requests_{50, 100}; ///< of addresses where a node was proven to live
    std::unordered_set<IpAddress> proven_;
    DhtQueryLimit per_asker_{10};
    DhtQueryLimit per_known_asker_{10};
};

} // namespace cepa::tunnel
