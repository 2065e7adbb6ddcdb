// Everything that exists in a child from Create on: steering, hand-over, the port, the resolver and the tunnels, wired
// to the data path that was there before. Builds and owns; no logic. Process: worker, io thread.
#pragma once

#include "worker/data_path.hpp"
#include "worker/framed_port.hpp"
#include "worker/handover.hpp"
#include "worker/hardening.hpp"
#include "worker/inbox.hpp"
#include "worker/rpc_resolver.hpp"
#include "worker/rpc_siblings.hpp"
#include "worker/sibling_service.hpp"
#include "worker/steering.hpp"
#include "worker/tunnel_host.hpp"

#include "tunnel/udp_endpoint.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace cepa::worker {

class WorkerTunnels {
public:
    /// Checks `create` against `sockets` and builds; the error is for the answer to Create. `data`, `rpc` and `observer`
    /// must outlive the result.
    [[nodiscard]] static std::expected<std::unique_ptr<WorkerTunnels>, std::string>
    make(boost::asio::io_context& io, const proto::Create& create, InheritedSockets sockets, DataPath& data,
         proto::Rpc& rpc, HostObserver& observer);
    ~WorkerTunnels();
    WorkerTunnels(const WorkerTunnels&) = delete;
    WorkerTunnels& operator=(const WorkerTunnels&) = delete;

    [[nodiscard]] TunnelHost& host() noexcept { return *host_; }
    /// False when the table is malformed.
    [[nodiscard]] bool steer(const proto::Steer& steer);
    /// Adds what the way in and out has counted.
    void add_counters(proto::WorkerInfo& info) const;

private:
    WorkerTunnels(boost::asio::io_context& io, HostSetup setup, Steering steering, std::uint32_t max_workers,
                  InheritedSockets sockets, DataPath& data, proto::Rpc& rpc, HostObserver& observer);
    tunnel::PacketSender& open_port(boost::asio::io_context& io, FileDescriptor socket);

    std::uint32_t max_workers_;
    DataPath& data_;
    Steering steering_;
    RpcResolver resolver_;
    Handover handover_;
    RpcSiblings siblings_;
    std::optional<Inbox> inbox_;
    std::unique_ptr<tunnel::UdpEndpoint> socket_; ///< one of the two is the port
    std::unique_ptr<FramedPort> framed_;
    std::unique_ptr<TunnelHost> host_;
    std::optional<SiblingService> for_siblings_;
};

} // namespace cepa::worker
