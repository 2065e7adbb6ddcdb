// What every TunnelService must do, whoever implements it: one suite, run against the in-process tunnels here and
// against the pool with real children elsewhere. Around the service under test stands a small private network on
// loopback, each node with an address of its own, and an echo server behind the exits.
//
// To run it against another implementation: link this file's .cpp, and
//   INSTANTIATE_TEST_SUITE_P(Pool, TunnelServiceContract, testing::Values(ServiceMaker{"pool", make_pool}));
#pragma once

#include "proto/tunnel_service.hpp"
#include "worker/in_process_tunnels.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace cepa::test {

/// Makes the service under test from the same plain values for all.
struct ServiceMaker {
    std::string name;
    std::function<std::unique_ptr<proto::TunnelService>(boost::asio::io_context&, worker::InProcessConfig)> make;
};
inline void PrintTo(const ServiceMaker& maker, std::ostream* out) { *out << maker.name; }

/// Remembers what a service said, and notices what it said from inside a call.
class RememberingObserver final : public proto::TunnelObserver {
public:
    void on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;
    void on_batch_end() override { ++batches; }
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override;
    void on_hidden_link(CircuitId circuit, const proto::HiddenLink& link) override;
    void on_sync() override;
    void on_notify(const proto::Notify&) override { note_call(); }

    struct Datagram {
        CircuitId circuit;
        Address origin;
        Bytes payload;
    };
    std::vector<Datagram> datagrams;
    std::map<std::uint32_t, std::string> dead;
    std::map<std::uint32_t, proto::HiddenLink> links;
    int batches = 0;
    int syncs = 0;
    bool inside_a_call = false; ///< set by the test around each call
    bool broke_the_rule = false;

private:
    void note_call() { broke_the_rule = broke_the_rule || inside_a_call; }
};

class TunnelServiceContract : public testing::TestWithParam<ServiceMaker> {
protected:
    TunnelServiceContract();
    ~TunnelServiceContract() override;

    struct Node {
        RememberingObserver observer;
        std::unique_ptr<proto::TunnelService> service;
        std::string address;
    };
    /// A configuration with a fresh key, the test's private overlay and a loopback address of its own, that walks to
    /// every node started before.
    worker::InProcessConfig config();
    /// Starts a node of the network around (never the service under test).
    Node& add_node(bool exit);
    /// Relays and exits, started and known to each other.
    void start_network(int relays, int exits);
    /// Starts the service under test and waits until it knows `candidates` peers fit to be hops.
    void start_service(int candidates = 0);
    /// Repeats until one attempt succeeds: a single attempt may fail for good reasons.
    CircuitId circuit(std::uint8_t hops, std::uint32_t group = 1);
    Result<CircuitId> try_circuit(std::uint8_t hops, std::uint32_t group = 1);
    /// Sends `payload` and flushes.
    void send(CircuitId circuit, const Address& to, const Bytes& payload);
    /// A datagram that the exits let through (looks like uTP) and that is the `number`th.
    static Bytes datagram(std::uint32_t number, std::size_t size = 100);
    bool run_until(const std::function<bool()>& happened);
    void receive_echo();

    boost::asio::io_context io_;
    boost::asio::ip::udp::socket echo_;
    boost::asio::ip::udp::endpoint echo_peer_;
    std::array<std::uint8_t, 2048> echo_buffer_{};
    std::vector<Endpoint> echo_sources_; ///< from where the echo server was asked
    std::string overlay_;
    std::vector<std::unique_ptr<Node>> nodes_;
    RememberingObserver observer_;
    std::unique_ptr<proto::TunnelService> service_;
    int next_address_ = 1;
};

} // namespace cepa::test
