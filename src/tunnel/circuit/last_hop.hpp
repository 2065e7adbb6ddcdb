// Cells of others' circuits that end here: strips the layer, checks, and hands each message to who acts on it; answers
// pings and tests itself. Process: worker, io thread. Spec: docs/protocol.md, sections 8, 11.5, 12 and 18 (F8).
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/joining.hpp"
#include "tunnel/exit/exits.hpp"

#include <functional>

namespace cepa::tunnel {

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
    };
    explicit LastHop(Tools tools) : tools_(std::move(tools)) {}

    /// True when the cell was authentic: its sender lives. `circuit` may be changed, but lives on.
    bool on_cell(JoinedCircuit& circuit, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                 TimePoint now);

private:
    void dispatch(JoinedCircuit& circuit, PacketBuffer& message, TimePoint now);
    template <class Message>
    void reply(JoinedCircuit& circuit, const Message& message);
    template <class Response, class Request>
    void answer_test(JoinedCircuit& circuit, const std::optional<Request>& request, std::size_t request_size,
                     TimePoint now);

    Tools tools_;
};

} // namespace cepa::tunnel
