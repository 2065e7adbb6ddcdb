// One Tunnel in a SimNetwork, with what it asks of the world: packets, exit sockets, names. Records what it observes.
#pragma once

#include "support/packet.hpp"
#include "support/sim_network.hpp"

#include "tunnel/siblings.hpp"
#include "tunnel/tunnel.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test {

/// Names of the simulated world; each answer takes a while.
class SimResolver final : public tunnel::Resolver {
public:
    explicit SimResolver(SimNetwork& network) : network_(network) {}
    void resolve(const std::string& host, Done done) override;

    std::map<std::string, std::vector<IpAddress>> names;
    Duration takes = std::chrono::milliseconds(50);
    std::size_t asked = 0;

private:
    SimNetwork& network_;
};

struct ReceivedData {
    CircuitId circuit;
    Address origin;
    Bytes payload;
};

class SimNode final : public tunnel::TunnelObserver {
public:
    /// `siblings` and `tick` are for tests whose nodes are Tunnels of one node, or that take days.
    SimNode(SimNetwork& network, const Endpoint& address, tunnel::TunnelSettings settings, std::uint64_t seed,
            tunnel::Siblings* siblings = nullptr, Duration tick = std::chrono::milliseconds(50));
    ~SimNode() override;
    SimNode(const SimNode&) = delete;
    SimNode& operator=(const SimNode&) = delete;

    [[nodiscard]] tunnel::Tunnel& tunnel() noexcept { return *tunnel_; }
    [[nodiscard]] const Endpoint& address() const noexcept { return address_; }
    [[nodiscard]] const tunnel::PublicKey& key() const noexcept { return settings_.identity_public; }
    [[nodiscard]] const tunnel::TunnelSettings& settings() const noexcept { return settings_; }
    [[nodiscard]] SimResolver& resolver() noexcept { return resolver_; }
    [[nodiscard]] tunnel::Candidate candidate(bool connectable = true) const;
    /// Gone without a word: packets to it vanish.
    void die();
    /// Its packets now come from, and go to, another port.
    void move_to(const Endpoint& address);

    [[nodiscard]] bool ready(CircuitId circuit) const { return ready_circuits.contains(circuit); }
    [[nodiscard]] bool closed(CircuitId circuit) const { return closed_circuits.contains(circuit); }
    [[nodiscard]] std::uint64_t dropped(const std::string& why) const;
    /// Sends one datagram through a circuit, in a batch of its own.
    Result<void> send(CircuitId circuit, const Address& to, ByteSpan payload);

    std::set<CircuitId> ready_circuits;
    std::map<CircuitId, std::string> closed_circuits;
    std::vector<ReceivedData> received;
    bool keep_data = true;
    std::size_t data_count = 0;
    /// Circuits that link two ends, and the seeder at the other one; nothing where we seed.
    std::map<CircuitId, std::optional<tunnel::PublicKey>> links;
    std::vector<std::string> limits;
    std::vector<Bytes> swarms_seen;
    std::vector<tunnel::Guard> guards;
    int resumed = 0;
    int address_changes = 0;
    int candidate_changes = 0;
    std::size_t open_exit_sockets = 0;
    bool refuse_exit_sockets = false;

    // TunnelObserver
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;
    void on_circuit_ready(CircuitId circuit) override { ready_circuits.insert(circuit); }
    void on_circuit_closed(CircuitId circuit, std::string_view reason) override
    {
        closed_circuits[circuit] = reason;
        links.erase(circuit);
    }
    void on_hidden_link(CircuitId circuit, const tunnel::LookupHash&, const tunnel::PublicKey* seeder) override
    {
        links[circuit] = seeder == nullptr ? std::nullopt : std::optional(*seeder);
    }
    void on_candidates_changed() override { ++candidate_changes; }
    void on_guards_changed(const std::vector<tunnel::Guard>& now) override { guards = now; }
    void on_address_changed() override { ++address_changes; }
    void on_resumed() override { ++resumed; }
    void on_limit(std::string_view which) override { limits.emplace_back(which); }
    void on_swarm_seen(ByteSpan hash) override { swarms_seen.emplace_back(hash.begin(), hash.end()); }

private:
    class Sender;
    class Sockets;
    void receive(const SimPacket& packet);

    SimNetwork& network_;
    Endpoint address_;
    tunnel::TunnelSettings settings_;
    TestRandom random_;
    SimResolver resolver_;
    std::unique_ptr<Sender> sender_;
    std::unique_ptr<Sockets> sockets_;
    struct EveryId;
    std::unique_ptr<EveryId> ids_;
    std::unique_ptr<tunnel::Tunnel> tunnel_;
    std::size_t ticking_ = 0;
};

/// Settings of a node in a private overlay; each node in a /16 of its own unless it is told otherwise.
[[nodiscard]] tunnel::TunnelSettings sim_settings(const Endpoint& listen);
/// 10.<n>.0.1:8090, and on through 11.0.0.1 where there are more.
[[nodiscard]] Endpoint sim_address(unsigned n);
/// A datagram that the exit filter takes for uTP, with `size` bytes (at least 20).
[[nodiscard]] Bytes utp_datagram(std::size_t size, std::uint8_t filler = 0x5a);

} // namespace cepa::test
