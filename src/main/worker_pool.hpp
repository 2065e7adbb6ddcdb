// The tunnels as a pool of worker processes: starts and replaces the children, spreads circuits over them, carries
// datagrams to and from the right one, and keeps the merged snapshot. A worker is treated as hostile: every frame and
// every id that it names is checked against what it owns.
// Process: main, io thread. Spec: docs/protocol.md, sections 31 to 34; docs/architecture.md.
#pragma once

#include "main/worker_pool_config.hpp"
#include "proto/tunnel_service.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace cepa::main {

class WorkerPool final : public proto::TunnelService {
public:
    /// Starts nothing yet. `io` and `clock` must outlive the pool.
    WorkerPool(boost::asio::io_context& io, const Clock& clock, WorkerPoolConfig config);
    /// Kills what stop() did not end.
    ~WorkerPool() override;

    /// Fails with address_in_use when another program has the port, invalid_argument for impossible numbers of
    /// workers, and with the system's error when no child can be started.
    [[nodiscard]] Result<void> start(proto::TunnelObserver& observer) override;
    void create_circuit(const proto::CircuitRequest& request, CircuitReady done) override;
    void close_circuit(CircuitId circuit) override;
    void send(CircuitId circuit, const Address& destination, PacketBuffer& payload) override;
    void flush() override;
    void monitor(const std::vector<std::string>& lookup_hashes) override;
    void set_swarms(const std::vector<proto::SwarmRequest>& swarms) override;
    void set_payloads(const std::vector<proto::LinkPayload>& links) override;
    /// 1 .. max_workers. New workers start at once; stopped ones (the highest) drain first.
    [[nodiscard]] Result<void> set_workers(std::uint32_t count) override;
    void new_month() override;
    [[nodiscard]] const proto::TunnelSnapshot& snapshot() const override;
    [[nodiscard]] proto::ServiceInfo info() const override;
    void stop(Duration grace, std::function<void()> done) override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace cepa::main
