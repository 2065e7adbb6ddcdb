// Reaching nodes behind a NAT, and being reached behind one: registers this node where others will look for it, and has
// registered nodes open their way to us. Process: worker 0, io thread. Spec: docs/protocol.md, sections 5.6 and 15.3.
#pragma once

#include "tunnel/dht/client.hpp"

#include <functional>
#include <vector>

namespace cepa::tunnel {

class DhtConnector {
public:
    static constexpr std::size_t kTargets = 4; ///< nodes that know of us
    static constexpr auto kRegisterEvery = std::chrono::seconds(30);
    static constexpr auto kPingEvery = std::chrono::seconds(25);
    static constexpr std::size_t kMostConnecting = 32;
    /// The way is open when the puncture has gone out, which the first ping may overtake.
    static constexpr std::size_t kTries = 3;
    static constexpr auto kTryEvery = std::chrono::milliseconds(500);

    using Connected = std::function<void(std::optional<Endpoint>)>;

    DhtConnector(const TunnelSettings& settings, const OwnAddresses& own, DhtNodeTable& table, DhtRequests& requests,
                 DhtSender& sender, DhtClient& client)
        : settings_(settings), own_(own), table_(table), requests_(requests), sender_(sender), client_(client)
    {
    }
    DhtConnector(const DhtConnector&) = delete;
    DhtConnector& operator=(const DhtConnector&) = delete;

    /// `done` hears later, exactly once, with an address from which `key` answered us.
    void connect(const PublicKey& key, Connected done, TimePoint now);
    void tick(TimePoint now);
    /// A packet of `key` came and proved its address.
    void on_answer(const PublicKey& key, const Endpoint& address);

    [[nodiscard]] std::size_t registrations() const noexcept { return registrations_.size(); }

private:
    struct Attempt {
        PublicKey key;
        Connected done;
        std::vector<Endpoint> addresses;
        std::size_t tries = 0;
        TimePoint due; ///< of the next try
        TimePoint deadline;
    };
    struct Registration {
        DhtRequests::To at;
        TimePoint pinged;
        std::uint32_t failures = 0;
    };
    void ask(const PublicKey& key, const DhtLookup::Node& node);
    void on_nodes(const PublicKey& key, const SignedPacket* packet);
    void try_addresses(Attempt& attempt, TimePoint now);
    void register_at(const DhtClient::Result& result);
    void keep_registrations(TimePoint now);
    [[nodiscard]] bool is_reachable() const noexcept;

    const TunnelSettings& settings_;
    const OwnAddresses& own_;
    DhtNodeTable& table_;
    DhtRequests& requests_;
    DhtSender& sender_;
    DhtClient& client_;
    TimePoint now_{};
    TimePoint next_registering_{};
    std::vector<Attempt> attempts_;
    std::vector<Registration> registrations_;
    std::vector<Connected> refused_;
};

} // namespace cepa::tunnel
