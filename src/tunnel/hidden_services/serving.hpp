// What a node does for the hidden services of others: introduction point, rendezvous point, lookups, and the circuits
// that it has spliced; wired together here, and the answering side of what siblings ask of each other for it.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14 and 35.
#pragma once

#include "tunnel/circuit/last_hop.hpp"
#include "tunnel/hidden_services/introductions.hpp"
#include "tunnel/hidden_services/lookups.hpp"
#include "tunnel/hidden_services/rendezvous.hpp"
#include "tunnel/siblings.hpp"

#include <functional>

namespace cepa::tunnel {

class Serving final : public HiddenRequests {
public:
    struct Tools {
        const TunnelSettings& settings;
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RateCap& rate;
        TrafficBudget& budget;
        JoinedCircuits& joined;
        Splices& splices;
        NodeRegister& node;
        std::function<Endpoint()> own_address; ///< as others reach us; null when we do not know
    };
    explicit Serving(const Tools& tools);

    void on_establish_intro(JoinedCircuit& circuit, const EstablishIntro& request, TimePoint now) override;
    void on_establish_rendezvous(JoinedCircuit& circuit, const EstablishRendezvous& request) override;
    void on_link_e2e(JoinedCircuit& circuit, const LinkE2e& request, TimePoint now) override;
    void on_peers_request(JoinedCircuit& circuit, const PeersRequest& request, TimePoint now) override;

    /// See Introductions::on_create_e2e().
    void on_create_e2e(const Endpoint& source, PacketBuffer& packet, TimePoint now);
    /// See ForSiblings::link().
    [[nodiscard]] std::optional<LinkHalf> link(const Cookie& cookie, LinkHalf theirs, TimePoint now);
    /// See ForSiblings::unlink().
    void unlink(CircuitId mine, TimePoint now);
    /// To be called about every second.
    void sweep(TimePoint now);

private:
    Splices& splices_;
    Introductions introductions_;
    Lookups lookups_;
    Rendezvous rendezvous_;
};

} // namespace cepa::tunnel
