// Sends the datagrams of others' circuits into the world and the answers back: filter, address policy, names, caps.
// Sans-IO: sockets come from the ExitSocketFactory, names from the Resolver. Datagrams pass in place.
// Process: worker, io thread. Spec: docs/protocol.md, sections 13 and 18 (F8).
#pragma once

#include "tunnel/circuit/cell_sender.hpp"
#include "tunnel/circuit/joined_circuits.hpp"
#include "tunnel/circuit/rate_cap.hpp"
#include "tunnel/exit/exit_policy.hpp"
#include "tunnel/exit/name_cache.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace cepa::tunnel {

class Exits final : public ExitReceiver {
public:
    /// Datagrams of one circuit that wait for names, and names that are asked for at the same time.
    static constexpr std::size_t kMostWaiting = 10;
    static constexpr std::size_t kMostNames = 64;
    /// Destinations that one circuit's exit remembers.
    static constexpr std::size_t kMostDestinations = 4096;

    struct Tools {
        const TunnelSettings& settings;
        Environment& environment;
        RoutingTable& routes;
        CellSender& sender;
        Aead& aead;
        Counters& counters;
        RateCap& rate;
        TrafficBudget& budget;
    };
    explicit Exits(Tools tools);
    ~Exits() override;

    /// An authentic data message (id included) of a circuit that ends here.
    void on_data(JoinedCircuit& circuit, PacketBuffer& message, TimePoint now);
    /// Sends what on_data() queued.
    void flush();
    void tick(TimePoint now);
    void set_host_addresses(const std::vector<IpAddress>& addresses) { policy_.set_host_addresses(addresses); }
    void set_own_addresses(std::vector<Endpoint> addresses) { policy_.set_own_addresses(std::move(addresses)); }

    void on_exit_datagram(CircuitId circuit, const Endpoint& origin, PacketBuffer& datagram) override;
    void on_exit_batch_end() override;

private:
    [[nodiscard]] bool may_exit(const JoinedCircuit& circuit, ByteSpan datagram) const noexcept;
    [[nodiscard]] OpenExit* opened(JoinedCircuit& circuit);
    void send_to_name(JoinedCircuit& circuit, const Address& destination, ByteSpan datagram, TimePoint now);
    void send_to_first(JoinedCircuit& circuit, const std::vector<IpAddress>& addresses, std::uint16_t port,
                       ByteSpan datagram, TimePoint now);
    void send(JoinedCircuit& circuit, const Endpoint& destination, ByteSpan datagram, TimePoint now);
    [[nodiscard]] bool may_reach(JoinedCircuit& circuit, OpenExit& exit, const Endpoint& destination, TimePoint now);
    [[nodiscard]] bool take_place(CircuitId circuit, const IpAddress& destination, TimePoint now);
    [[nodiscard]] bool within_rates(const Endpoint& destination, std::size_t bytes, TimePoint now);
    void ask(const std::string& host, CircuitId circuit);
    void on_resolved(const std::string& host, Result<std::vector<IpAddress>> answer);

    Tools tools_;
    ExitPolicy policy_;
    NameCache names_;
    std::unordered_map<std::string, std::vector<CircuitId>> asked_; ///< names on their way, and who waits
    std::unordered_map<IpAddress, RateCap> destination_rates_;
    /// Which circuits send to an address, and when each last said so.
    std::unordered_map<IpAddress, std::vector<std::pair<CircuitId, TimePoint>>> senders_;
    std::vector<CircuitId> unflushed_;
    TimePoint swept_{};
    std::shared_ptr<bool> alive_; ///< shared with resolver callbacks, which may come after us
};

} // namespace cepa::tunnel
