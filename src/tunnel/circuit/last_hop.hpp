// Cells of others' circuits that end here: strips the layer, checks, and hands each message to who acts on it; answers
// pings and tests itself. Process: worker, io thread. Spec: docs/protocol.md, sections 8, 11.5, 12 and 18 (F8).
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/joining.hpp"
#include "tunnel/exit/exits.hpp"

#include <functional>

namespace cepa::tunnel {

/// Who acts on the messages of hidden services. Each comes in an authentic cell of `circuit`.
class HiddenRequests {
public:
    virtual ~HiddenRequests() = default;
    virtual void on_establish_intro(JoinedCircuit& circuit, const EstablishIntro& request, TimePoint now) = 0;
    virtual void on_establish_rendezvous(JoinedCircuit& circuit, const EstablishRendezvous& request) = 0;
    /// `circuit` may be gone afterwards.
    virtual void on_link_e2e(JoinedCircuit& circuit, const LinkE2e& request, TimePoint now) = 0;
    virtual void on_peers_request(JoinedCircuit& circuit, const PeersRequest& request, TimePoint now) = 0;
};

class LastHop {
public:
    struct Tools {
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RandomSource& random;
        RateCap& rate;        ///< of what leaves or comes in for others
        TrafficBudget& budget;
        Joining& joining;
        Exits& exits;
        std::function<void(ByteSpan)> lookup_hash; ///< a message named a swarm
        HiddenRequests* hidden = nullptr;          ///< null: nobody acts on them
    };
    explicit LastHop(Tools tools) : tools_(std::move(tools)) {}

    /// True when the cell was authentic: its sender lives. `circuit` may be gone afterwards: linked at a rendezvous.
    bool on_cell(JoinedCircuit& circuit, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                 TimePoint now);

private:
    void dispatch(JoinedCircuit& circuit, PacketBuffer& message, TimePoint now);
    void dispatch_hidden(JoinedCircuit& circuit, MessageId id, ByteSpan body, TimePoint now);
    template <class Response, class Request>
    void answer_test(JoinedCircuit& circuit, const std::optional<Request>& request, std::size_t request_size,
                     TimePoint now);

    Tools tools_;
};

} // namespace cepa::tunnel
