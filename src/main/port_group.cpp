#include "main/port_group.hpp"

#include "main/node_socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace cepa::main {
namespace {

/// The endpoint with its real port, when nobody else has it.
Result<Endpoint> probe(const Endpoint& listen)
{
    const auto alone = open_node_socket(listen, PortSharing::alone);
    if (!alone) return fail(alone.error());
    return bound_to(alone->get());
}

Result<void> lock_program(int socket)
{
    const int on = 1;
    if (::setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) == 0) return {};
    return fail(ErrorCode(errno, boost::system::system_category()));
}

} // namespace

Result<PortGroup> PortGroup::open(const Endpoint& listen, std::uint32_t slots, const OverlayPrefix& prefix)
{
    const auto endpoint = probe(listen);
    if (!endpoint) return fail(endpoint.error());
    PortGroup group(*endpoint, prefix);
    for (std::uint32_t i = 0; i <= slots; ++i) {
        auto member = open_node_socket(*endpoint, PortSharing::shared);
        if (!member) return fail(member.error());
        group.members_.push_back(std::move(*member));
    }
    CEPA_TRY(group.steer(proto::SlotTable()));
    for (std::uint32_t i = 0; i < slots; ++i) CEPA_TRY(lock_program(group.members_[i].get()));
    return group;
}

Result<void> PortGroup::steer(const proto::SlotTable& table)
{
    // An index past the group would make the kernel fall back to a hash over the addresses.
    if (std::ranges::any_of(table.owners(), [this](std::uint8_t owner) { return owner >= slots(); }))
        return fail(make_error_code(boost::system::errc::invalid_argument));
    std::vector<sock_filter> instructions = steering_program(table, prefix_);
    const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
    const int through = members_.back().get();
    if (::setsockopt(through, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0) return {};
    return fail(ErrorCode(errno, boost::system::system_category()));
}

} // namespace cepa::main
