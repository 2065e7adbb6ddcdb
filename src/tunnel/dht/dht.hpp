// The DHT overlay of one node: keeps values and registrations for the network, and finds them. Sans-IO: packets and
// ticks come in, packets leave through Environment::packets. IPv4 only, as the tunnel overlay is.
// Process: worker 0, io thread. Spec: docs/protocol.md, sections 15 and 35.
#pragma once

#include "tunnel/dht/connector.hpp"
#include "tunnel/dht/server.hpp"
#include "tunnel/discovery/overlay_member.hpp"

#include <vector>

namespace cepa::tunnel {

class Dht {
public:
    /// Nodes below which the overlay is walked for more.
    static constexpr std::size_t kWantedNodes = 20;
    static constexpr auto kRefreshEvery = std::chrono::minutes(15);

    /// Hears the keys that others look for and store under.
    using OnTarget = std::function<void(const DhtId&)>;

    /// Needs settings.identity; everything given must outlive it.
    explicit Dht(const OverlayMember::Tools& tools, OnTarget on_target = {});
    Dht(const Dht&) = delete;
    Dht& operator=(const Dht&) = delete;

    /// False when the packet is none of this overlay's.
    bool on_packet(const Endpoint& source, ByteSpan packet);
    /// To be called about every 50 ms.
    void tick();

    /// A node may live there: it was proven to, in another overlay, or in a former life of ours.
    void meet(const Endpoint& address);
    void remember(const DhtNode& node);

    /// For whoever asked us; it leaves room for what we store ourselves.
    void find_values(const DhtId& key, DhtClient::Found done);
    /// `value` as stored (DhtValue).
    void store(const DhtId& key, Bytes value, DhtClient::Stored done);
    /// Finds a node behind a NAT; see DhtConnector.
    void connect(const PublicKey& key, DhtConnector::Connected done);

    [[nodiscard]] const DhtNodeTable& table() const noexcept { return table_; }
    [[nodiscard]] DhtValueStore& values() noexcept { return store_; }
    [[nodiscard]] const DhtValueStore& values() const noexcept { return store_; }
    [[nodiscard]] const DhtPeerRegistry& registry() const noexcept { return registry_; }
    [[nodiscard]] std::size_t registrations() const noexcept { return connector_.registrations(); }
    /// Grows with everything that a successor would want to know.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_ + store_.changes(); }

private:
    void on_response(const Endpoint& source, ByteSpan packet, TimePoint now);
    void on_alive(const PublicKey& key, const Endpoint& address, TimePoint now);
    void take_own_id();
    [[nodiscard]] bool is_hungry(TimePoint now);
    void maintain(TimePoint now);
    void refresh(TimePoint now);

    const TunnelSettings& settings_;
    const Environment& environment_;
    OwnAddresses& own_;
    DropCounts& drops_;
    Prefix prefix_;
    DhtNodeTable table_;
    DhtValueStore store_;
    DhtPeerRegistry registry_;
    DhtTokens tokens_;
    DhtSender sender_;
    DhtRequests requests_;
    OverlayMember member_;
    DhtClient client_;
    DhtServer server_;
    DhtConnector connector_;
    TimePoint next_step_{};
    TimePoint last_news_{};
    TimePoint next_slow_step_{};
    TimePoint next_maintenance_{};
    TimePoint next_refresh_{};
    std::uint32_t refreshes_ = 0;
    std::uint64_t changes_ = 0; ///< of the nodes
};

} // namespace cepa::tunnel
