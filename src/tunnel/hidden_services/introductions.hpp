// Introduction point for others: circuits of seeders that end here and stand in the node's register under their swarm
// key, and the create-e2e requests of downloaders, which are passed on over them as they came.
// Whatever a request costs is bounded per introduction and in all, who passes is drawn, and a replayed one goes nowhere.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.2, 14.3 and 18.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/join_limits.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/rate_cap.hpp"
#include "tunnel/hidden_services/node_register.hpp"
#include "tunnel/hidden_services/recent_keys.hpp"
#include "tunnel/hidden_services/request_shares.hpp"

#include <memory>
#include <unordered_map>

namespace cepa::tunnel {

class Introductions {
public:
    /// Of this worker. They may stay for a day, so they leave room for circuits that come and go.
    static constexpr std::size_t kMostIntroductions = 64;
    /// Whose circuits come from one address; not where the whole network may be one address.
    static constexpr std::size_t kMostOfAddress = 16;
    /// Of these, for one swarm: who makes up seeders of it cannot be told from one.
    static constexpr std::size_t kMostOfAddressAndSwarm = 3;

    struct Tools {
        const TunnelSettings& settings;
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RateCap& rate; ///< of what comes in for others
        TrafficBudget& budget;
        JoinedCircuits& joined;
        NodeRegister& node;
    };
    explicit Introductions(Tools tools);

    /// An establish-intro in an authentic cell of `circuit`. Answered once the node's register has accepted it; where
    /// it does not, there is silence (section 14.2).
    void on_establish(JoinedCircuit& circuit, const EstablishIntro& request, TimePoint now);
    /// A create-e2e outside a cell, prefix included, from anybody. It is passed on now, or kept until it is drawn.
    void on_create_e2e(const Endpoint& source, PacketBuffer& packet, TimePoint now);
    /// An introduction circuit is gone.
    void forget(const JoinedCircuit& circuit);
    /// To be called about every second: repeats registrations, which the register keeps for a while only, and draws
    /// requests.
    void tick(TimePoint now);

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct Entry {
        Introduction introduction;
        IpAddress source;
        std::uint16_t identifier = 0;
        bool established = false;
        TimePoint registered{};
    };
    [[nodiscard]] bool may_establish(const JoinedCircuit& circuit, const EstablishIntro& request) const;
    void enter(Entry& entry, TimePoint now);
    void on_entered(const Introduction& introduction, Registration answer);
    void end_unreachable(const Introduction& introduction);
    void draw(TimePoint now);
    [[nodiscard]] bool serves(const CreateE2e& request) const;
    void let_pass(const PublicKey& swarm_key, const KeyBytes& ephemeral, const Endpoint& source, PacketBuffer& packet,
                  TimePoint now);
    void forward(Entry& entry, const Endpoint& source, PacketBuffer& packet, TimePoint now);

    Tools tools_;
    std::unordered_map<PublicKey, Entry> entries_; ///< by swarm key
    RequestShares shares_;                         ///< only of seeders that the node serves
    EventCap all_;
    RecentKeys recent_;
    std::shared_ptr<bool> alive_; ///< shared with callbacks of the register, which may come after us
};

} // namespace cepa::tunnel
