// Lookups for others: a peers-request in a cell of a circuit that ends here is answered with introduction points of the
// swarm, out of the node's register or the DHT. Bounded per circuit and in all.
// Process: worker, io thread. Spec: docs/protocol.md, section 14.3, step 1.
#pragma once

#include "tunnel/cell/hidden_payloads.hpp"
#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/join_limits.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/rate_cap.hpp"
#include "tunnel/hidden_services/node_register.hpp"

#include <memory>
#include <unordered_map>

namespace cepa::tunnel {

class Lookups {
public:
    static constexpr std::size_t kMostOutstanding = 64;
    static constexpr std::size_t kMostOfCircuit = 4;
    /// Introduction points in one answer.
    static constexpr std::size_t kMostPeers = 7;

    struct Tools {
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RateCap& rate; ///< of what comes in for others
        TrafficBudget& budget;
        NodeRegister& node;
    };
    explicit Lookups(Tools tools);

    /// A peers-request in an authentic cell of `circuit`.
    void on_request(JoinedCircuit& circuit, const PeersRequest& request, TimePoint now);

    [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }

private:
    void on_found(CircuitId circuit, TimePoint created, const PeersRequest& request,
                  std::vector<PeersResponse::Peer> peers);

    Tools tools_;
    std::unordered_map<CircuitId, std::size_t> of_circuit_;
    std::size_t outstanding_ = 0;
    EventCap all_;
    std::shared_ptr<bool> alive_; ///< shared with callbacks of the register, which may come after us
};

} // namespace cepa::tunnel
