// The node's one UDP port, however packets find their worker: steered by the kernel where that works, else by main as
// the front process. Decides which at start. Process: main, io thread. Spec: docs/protocol.md, section 33.
#pragma once

#include "main/front_process.hpp"
#include "main/port_group.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace cepa::main {

struct NodePortPlan {
    Endpoint listen;
    std::uint32_t slots = 1;
    OverlayPrefix prefix{};
    bool force_front_process = false;
};

class NodePort {
public:
    /// Fails with address_in_use when another program has the port.
    [[nodiscard]] static Result<std::unique_ptr<NodePort>> open(boost::asio::io_context& io, const NodePortPlan& plan,
                                                                FrontProcess::PipeOf pipe_of);

    [[nodiscard]] Result<void> steer(const proto::SlotTable& table);
    /// The worker's own socket; -1 with a front process.
    [[nodiscard]] int socket(WorkerId worker) const noexcept { return group_ ? group_->socket(worker) : -1; }
    /// Null when the kernel steers.
    [[nodiscard]] FrontProcess* front() noexcept { return front_.get(); }
    [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
    /// "reuseport" or "front process: <why>".
    [[nodiscard]] std::string description() const;

private:
    NodePort() = default;
    [[nodiscard]] Result<void> open_front(boost::asio::io_context& io, const NodePortPlan& plan,
                                          FrontProcess::PipeOf pipe_of);

    std::optional<PortGroup> group_;
    std::unique_ptr<FrontProcess> front_;
    Endpoint endpoint_;
    std::string front_reason_;
};

} // namespace cepa::main
