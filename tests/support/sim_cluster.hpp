// One node in a SimNetwork whose tunnels are several, as workers would be: one address, a steering function over
// circuit ids, and siblings that reach each other through a hub which stands for main. A worker may be killed at any
// step; its replacement knows nothing. See main/sibling_calls.hpp, which the hub imitates in plain values.
#pragma once

#include "support/circuit_bench.hpp"
#include "support/sim_network.hpp"
#include "tunnel/siblings.hpp"
#include "tunnel/tunnel.hpp"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace cepa::test {

/// Where a link between two workers stands.
enum class LinkStage { asked, passing, linked, answering };

class SimCluster {
public:
    /// One way between a worker and the hub.
    static constexpr Duration kHubLatency = std::chrono::microseconds(500);

    SimCluster(SimNetwork& network, const Endpoint& address, std::size_t workers, tunnel::TunnelSettings settings);
    ~SimCluster();

    [[nodiscard]] const Endpoint& address() const noexcept { return address_; }
    [[nodiscard]] const tunnel::PublicKey& key() const noexcept { return settings_.identity_public; }
    [[nodiscard]] std::size_t owner(CircuitId circuit) const noexcept { return circuit.value % workers_.size(); }
    /// Ends a worker without a word, and puts an empty one in its place.
    void kill(std::size_t worker);
    [[nodiscard]] std::uint64_t dropped(const std::string& why) const;

    /// Called before each step of a link between two workers; it may kill.
    std::function<void(LinkStage stage, std::size_t asking, std::size_t waiting)> before;

private:
    class Wire;
    struct Worker;
    class Sibling;
    struct Side {
        std::size_t worker = 0;
        CircuitId circuit;
    };
    struct Pending {
        Side asking;
        Side waiting;
        std::shared_ptr<tunnel::LinkHalf> half;
        tunnel::Linked done;
        std::uint64_t asking_life = 0;
    };
    void start(std::size_t worker);
    void receive(const SimPacket& packet);
    void deliver(std::size_t worker, const SimPacket& packet);
    void reach(LinkStage stage, const Side& asking, const Side& waiting);
    void link(Pending pending, const tunnel::Cookie& cookie);
    void pass(const std::shared_ptr<Pending>& pending);
    void answer(const std::shared_ptr<Pending>& pending, std::shared_ptr<tunnel::LinkHalf> half);
    void unlink(CircuitId circuit);
    void tell(const Side& side, std::function<void(tunnel::ForSiblings&)> what);

    SimNetwork& network_;
    Endpoint address_;
    tunnel::TunnelSettings settings_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::map<tunnel::Cookie, Side> offers_;
    std::map<CircuitId, Side> others_; ///< of linked circuits, the other one
    std::uint64_t lives_ = 0;
    std::size_t ticking_ = 0;
};

} // namespace cepa::test
