#include "main/node_port.hpp"

#include "main/node_socket.hpp"
#include "main/steering_self_test.hpp"

#include <utility>

namespace cepa::main {
namespace {

/// Errors that a front process would meet as well.
bool is_about_the_address(const ErrorCode& error)
{
    namespace errc = boost::system::errc;
    return error == errc::address_in_use || error == errc::address_not_available || error == errc::permission_denied;
}

} // namespace

Result<std::unique_ptr<NodePort>> NodePort::open(boost::asio::io_context& io, const NodePortPlan& plan,
                                                 FrontProcess::PipeOf pipe_of)
{
    std::unique_ptr<NodePort> port(new NodePort());
    port->endpoint_ = plan.listen;
    if (plan.force_front_process) {
        port->front_reason_ = "forced by a setting";
    } else if (auto group = PortGroup::open(plan.listen, plan.slots, plan.prefix); group) {
        port->endpoint_ = group->endpoint();
        port->front_reason_ = steering_fault(*group);
        if (port->front_reason_.empty()) port->group_ = std::move(*group);
    } else {
        if (is_about_the_address(group.error())) return fail(group.error());
        port->front_reason_ = group.error().message();
    }
    if (!port->group_) CEPA_TRY(port->open_front(io, plan, std::move(pipe_of)));
    return port;
}

Result<void> NodePort::open_front(boost::asio::io_context& io, const NodePortPlan& plan, FrontProcess::PipeOf pipe_of)
{
    auto socket = open_node_socket(endpoint_, PortSharing::alone);
    if (!socket) return fail(socket.error());
    const auto bound = bound_to(socket->get());
    if (!bound) return fail(bound.error());
    endpoint_ = *bound;
    front_ = std::make_unique<FrontProcess>(io, std::move(*socket), plan.prefix, std::move(pipe_of));
    front_->start();
    return {};
}

Result<void> NodePort::steer(const proto::SlotTable& table)
{
    if (group_) return group_->steer(table);
    front_->steer(table);
    return {};
}

std::string NodePort::description() const { return group_ ? "reuseport" : "front process: " + front_reason_; }

} // namespace cepa::main
