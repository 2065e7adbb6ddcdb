// One node in a SimNetwork whose tunnels are several, as workers would be: one address, a steering function over
// circuit ids, and siblings that reach each other through main's own SiblingCalls, in the messages of the control
// stream. Only the pipes are made up: each way takes time, and what a worker wrote before it died is still read. A
// worker may be killed at any step; its replacement knows nothing.
#pragma once

#include "main/sibling_calls.hpp"
#include "support/circuit_bench.hpp"
#include "support/sim_network.hpp"
#include "tunnel/siblings.hpp"
#include "tunnel/tunnel.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cepa::test {

/// Where a link between two workers stands.
enum class LinkStage { asked, passing, linked, answering };

class SimCluster final : private main::SiblingWires {
public:
    /// One way between a worker and main.
    static constexpr Duration kHubLatency = std::chrono::microseconds(500);

    SimCluster(SimNetwork& network, const Endpoint& address, std::size_t workers, tunnel::TunnelSettings settings);
    ~SimCluster() override;

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
    /// Of a worker, since when: another life is another process.
    struct Sender {
        std::size_t worker = 0;
        std::uint64_t life = 0;
    };
    // main::SiblingWires
    [[nodiscard]] bool runs(WorkerId worker) override;
    [[nodiscard]] bool may_have(WorkerId worker, CircuitId circuit) override;
    void call(WorkerId worker, proto::Envelope envelope, Duration timeout, proto::Rpc::Reply reply) override;
    void notify(WorkerId worker, proto::Envelope envelope) override;

    void start(std::size_t worker);
    void receive(const SimPacket& packet);
    void deliver(std::size_t worker, const SimPacket& packet);
    void say(const Sender& from, const proto::Envelope& message, proto::Rpc::Reply reply);
    [[nodiscard]] proto::Answer serve(std::size_t worker, const proto::Envelope& call);
    void reach(LinkStage stage, const proto::Link& link);

    SimNetwork& network_;
    Endpoint address_;
    tunnel::TunnelSettings settings_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::uint64_t> lives_known_;     ///< to main, which hears of an end a little later
    std::map<std::string, std::size_t> offered_; ///< by cookie, for `before` only
    main::SiblingCalls calls_{*this};
    std::uint64_t lives_ = 0;
    std::size_t ticking_ = 0;
};

} // namespace cepa::test
