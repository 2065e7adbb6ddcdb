// Rendezvous point for others: a seeder's circuit waits here under a cookie; who brings the cookie is linked with it.
// A cookie links once. The two circuits may end in two workers: then the link is made through the siblings.
// Process: worker, io thread. Spec: docs/protocol.md, sections 14.3 (4 to 7), 14.4 and 35.
//
//   circuit:  none -- establish-rendezvous --> rendezvous -- a link-e2e with its cookie --> spliced
//             none -- link-e2e, cookie here --> spliced
//             none -- link-e2e, cookie not here --> linking -- a sibling has it --> spliced
//                                                           -- nobody has it    --> destroyed
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/circuit/splices.hpp"
#include "tunnel/environment.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace cepa::tunnel {

class Rendezvous {
public:
    /// Circuits that wait at a time.
    static constexpr std::size_t kMostWaiting = 256;

    struct Tools {
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        JoinedCircuits& joined;
        Splices& splices;
        const PrivateKey* identity;            ///< signs destroys
        std::function<Endpoint()> own_address; ///< as others reach us; null when we do not know
    };
    explicit Rendezvous(Tools tools);

    /// An establish-rendezvous in an authentic cell of `circuit`.
    void on_establish(JoinedCircuit& circuit, const EstablishRendezvous& request);
    /// A link-e2e in an authentic cell of `circuit`, which may be gone afterwards.
    void on_link(JoinedCircuit& circuit, const LinkE2e& request, TimePoint now);
    /// See ForSiblings::link().
    [[nodiscard]] std::optional<LinkHalf> link(const Cookie& cookie, LinkHalf theirs, TimePoint now);
    /// The sibling's circuit that `mine` is being linked with is gone: as if nobody had it. Others are ignored.
    void unlink(CircuitId mine, TimePoint now);
    /// A circuit that waits is gone.
    void forget(const JoinedCircuit& circuit);

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    [[nodiscard]] JoinedCircuit* waiting_under(const Cookie& cookie) const;
    void withdraw(const Cookie& cookie);
    void link_here(JoinedCircuit& circuit, JoinedCircuit& waiting, const LinkE2e& request, TimePoint now);
    void link_elsewhere(JoinedCircuit& circuit, const LinkE2e& request);
    /// `told`: where the other side believes our neighbour to be.
    void on_linked(CircuitId id, const Endpoint& told, ByteSpan linked_cell, std::optional<LinkHalf> theirs);
    void give_up(const JoinedCircuit& circuit, TimePoint now);

    Tools tools_;
    std::map<Cookie, CircuitId> waiting_; ///< ordered: strangers choose cookies
    std::shared_ptr<bool> alive_;         ///< shared with callbacks of siblings, which may come after us
};

} // namespace cepa::tunnel
