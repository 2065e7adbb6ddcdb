// A TunnelService without tunnels: attempts wait until the test decides about them, datagrams are remembered.
#pragma once

#include "proto/tunnel_service.hpp"

#include <deque>
#include <utility>
#include <vector>

namespace cepa::main::test {

class FakeTunnelService final : public proto::TunnelService {
public:
    struct Attempt {
        proto::CircuitRequest request;
        CircuitReady done;
    };
    struct Sent {
        CircuitId circuit;
        Address destination;
        Bytes payload;
    };

    Result<void> start(proto::TunnelObserver&) override { return {}; }
    void create_circuit(const proto::CircuitRequest& request, CircuitReady done) override
    {
        attempts.push_back({request, std::move(done)});
        ++attempts_made;
    }
    void close_circuit(CircuitId circuit) override { closed.push_back(circuit); }
    void send(CircuitId circuit, const Address& destination, PacketBuffer& payload) override
    {
        sent.push_back({circuit, destination, Bytes(payload.bytes().begin(), payload.bytes().end())});
    }
    void flush() override { ++flushes; }
    void monitor(const std::vector<std::string>& hashes) override { monitored = hashes; }
    void set_swarms(const std::vector<proto::SwarmRequest>& wanted) override { swarms = wanted; }
    void set_payloads(const std::vector<proto::LinkPayload>& links) override
    {
        payloads.insert(payloads.end(), links.begin(), links.end());
    }
    Result<void> set_workers(std::uint32_t count) override
    {
        workers = count;
        return {};
    }
    void new_month() override {}
    const proto::TunnelSnapshot& snapshot() const override { return state; }
    proto::ServiceInfo info() const override { return {workers, "none", {}, 0}; }
    void stop(Duration, std::function<void()> done) override { done(); }

    /// The oldest attempt under way succeeds, carried by `worker`; the circuit's id.
    CircuitId succeed(std::uint32_t worker)
    {
        const CircuitId id(next_id++);
        name_worker(id, worker);
        take().done(id);
        return id;
    }
    void fail_oldest(boost::system::errc::errc_t error = boost::system::errc::host_unreachable)
    {
        take().done(fail(make_error_code(error)));
    }
    void name_worker(CircuitId circuit, std::uint32_t worker) { state.circuits[circuit.value].set_worker_id(worker); }
    Attempt take()
    {
        Attempt oldest = std::move(attempts.front());
        attempts.pop_front();
        return oldest;
    }

    std::deque<Attempt> attempts; ///< under way
    std::size_t attempts_made = 0;
    std::vector<CircuitId> closed;
    std::vector<Sent> sent;
    std::size_t flushes = 0;
    std::vector<std::string> monitored;
    std::vector<proto::LinkPayload> payloads; ///< all that was told
    std::vector<proto::SwarmRequest> swarms;
    std::uint32_t workers = 0;
    std::uint32_t next_id = 100;
    proto::TunnelSnapshot state;
};

} // namespace cepa::main::test
