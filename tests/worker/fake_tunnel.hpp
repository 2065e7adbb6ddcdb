// A Tunnel that does nothing but remember and say what the test wants. Linked in place of the real one, so that the
// worker's parts are tested without a protocol. The newest one is FakeTunnel::newest().
#pragma once

#include "tunnel/hidden_services/directory_state.hpp"
#include "tunnel/siblings.hpp"
#include "tunnel/tunnel.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cepa::tunnel {

/// What siblings ask, remembered; answered as the test wants.
struct FakeForSiblings final : ForSiblings {
    void find_introductions(const LookupHash& hash, IntroductionsFound done) override
    {
        looked_up.push_back(hash);
        done(found);
    }
    void find_node(const PublicKey& key, NodeFound done) override
    {
        nodes.push_back(key);
        done(node);
    }
    [[nodiscard]] Registration register_introduction(const Introduction& introduction) override
    {
        registered.push_back(introduction);
        return accepts;
    }
    void forget_introduction(const Introduction& introduction) override { forgotten.push_back(introduction); }
    [[nodiscard]] std::optional<LinkHalf> link(const Cookie& cookie, LinkHalf theirs) override
    {
        links.emplace_back(cookie, std::move(theirs));
        return std::exchange(half, std::nullopt);
    }
    void unlink(CircuitId mine) override { unlinked.push_back(mine); }
    void moved(CircuitId mine, const Endpoint& neighbour) override { moves.emplace_back(mine, neighbour); }

    std::vector<PeersResponse::Peer> found;
    std::optional<Endpoint> node;
    Registration accepts = true;
    std::optional<LinkHalf> half;
    std::vector<LookupHash> looked_up;
    std::vector<PublicKey> nodes;
    std::vector<Introduction> registered;
    std::vector<Introduction> forgotten;
    std::vector<std::pair<Cookie, LinkHalf>> links;
    std::vector<CircuitId> unlinked;
    std::vector<std::pair<CircuitId, Endpoint>> moves;
};

struct FakeTunnel {
    struct Sent {
        CircuitId circuit;
        Address destination;
        Bytes payload;
        std::size_t headroom;
        std::size_t tailroom;
    };
    struct Received {
        Endpoint source;
        Bytes packet;
    };

    FakeTunnel(TunnelSettings s, Environment e, TunnelObserver& o) : settings(std::move(s)), environment(e), observer(o)
    {
    }

    [[nodiscard]] static FakeTunnel& newest();
    [[nodiscard]] static bool exists() noexcept;

    TunnelSettings settings;
    Environment environment;
    TunnelObserver& observer;

    // What the test sets.
    Result<CircuitId> next_circuit = CircuitId(1);
    std::set<std::uint32_t> usable; ///< circuits that take data
    std::size_t most_payload = SIZE_MAX;
    std::set<std::uint32_t> known;
    std::vector<CircuitView> circuit_views;
    std::vector<RelayView> relay_views;
    std::vector<ExitView> exit_views;
    std::vector<Candidate> candidate_list;
    std::vector<Endpoint> own;
    DiscoveryView discovery_view;
    std::vector<SwarmView> swarm_views;
    DirectoryState directory;
    std::uint64_t directory_changes = 0;
    TunnelCounters counted;
    FakeForSiblings for_siblings;
    std::function<void(const Endpoint&, PacketBuffer&)> on_packet = [](const Endpoint&, PacketBuffer&) {};
    std::function<void()> on_tick = [] {};

    // What it was told.
    std::vector<Sent> sent;
    std::vector<Received> received;
    std::vector<std::size_t> batches;                 ///< datagrams sent up to each end of a batch
    std::vector<std::pair<int, std::uint32_t>> asked; ///< hops, group
    std::vector<CircuitId> closed;
    std::vector<Candidate> shared;
    std::vector<Endpoint> shared_addresses;
    Reachability shared_reach;
    std::vector<IpAddress> host_addresses;
    std::vector<std::array<std::uint8_t, 20>> monitored;
    std::optional<TunnelLimits> limits;
    std::vector<std::pair<CircuitId, std::uint64_t>> payloads;
    std::vector<SwarmPlan> plans;
    std::optional<DirectoryState> restored;
    int ticks = 0;
    bool shut_down = false;
};

} // namespace cepa::tunnel
