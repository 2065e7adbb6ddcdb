#include "main/steering_self_test.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

namespace cepa::main {
namespace {

constexpr std::size_t kCellSize = 64;
constexpr int kWaitMs = 300;
using Cell = std::array<std::uint8_t, kCellSize>;

/// A cell with a random circuit id and a random body, so that nobody else's packet passes for it.
Cell make_cell(const OverlayPrefix& prefix)
{
    Cell cell{};
    ::randombytes_buf(cell.data(), cell.size());
    std::ranges::copy(prefix, cell.begin());
    cell[kOverlayPrefixSize] = 0;
    return cell;
}

CircuitId circuit_of(const Cell& cell) { return CircuitId(Reader(ByteSpan(cell).subspan(kOverlayPrefixSize + 1)).u32()); }

/// Where a packet of this machine reaches the group: its own address, or loopback when it is bound to all.
Endpoint target(const Endpoint& bound)
{
    if (!bound.ip.is_unspecified()) return bound;
    return {*IpAddress::parse(bound.ip.v6 ? "::1" : "127.0.0.1"), bound.port};
}

/// A socket that speaks from that very address, so that nobody takes the cells for somebody else's.
FileDescriptor sender_at(const IpAddress& ip)
{
    FileDescriptor out(::socket(ip.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = Endpoint{ip, 0}.to_sockaddr(address);
    if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
    return out;
}

bool send_cell(int socket, const Endpoint& to, const Cell& cell)
{
    sockaddr_storage address{};
    const socklen_t size = to.to_sockaddr(address);
    const ssize_t sent = ::sendto(socket, cell.data(), cell.size(), 0, reinterpret_cast<const sockaddr*>(&address), size);
    return sent == static_cast<ssize_t>(cell.size());
}

/// Takes packets from `socket` until `cell` is among them or it is empty.
bool received(int socket, const Cell& cell)
{
    Cell buffer{};
    for (int i = 0; i < 1000; ++i) {
        const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0) return false;
        if (got == static_cast<ssize_t>(cell.size()) && buffer == cell) return true;
    }
    return false;
}

/// Delivery over loopback is done when send returns; the wait is for kernels that put it off.
bool arrives(int socket, const Cell& cell, int& budget_ms)
{
    while (!received(socket, cell)) {
        pollfd wait{socket, POLLIN, 0};
        if (budget_ms <= 0) return false;
        const int step_ms = std::min(budget_ms, 10);
        budget_ms -= step_ms;
        if (::poll(&wait, 1, step_ms) < 0) return false;
    }
    return true;
}

} // namespace

std::string steering_fault(PortGroup& group)
{
    std::array<std::uint32_t, 2> keys{};
    ::randombytes_buf(keys.data(), sizeof keys);
    const auto table = proto::SlotTable::make(keys[0], keys[1], group.slots());
    if (const auto steered = group.steer(table); !steered)
        return "the kernel refuses the steering program: " + steered.error().message();
    return steering_fault(group, table);
}

std::string steering_fault(const PortGroup& group, const proto::SlotTable& table)
{
    const Endpoint to = target(group.endpoint());
    const FileDescriptor sender = sender_at(to.ip);
    int budget_ms = kWaitMs;
    for (int i = 0; i < kSelfTestCells; ++i) {
        const Cell cell = make_cell(group.prefix());
        if (!sender.valid() || !send_cell(sender.get(), to, cell)) return "cannot send to the own port";
        if (!arrives(group.socket(table.owner(circuit_of(cell))), cell, budget_ms))
            return fmt::format("cell {} of {} did not arrive at its worker's socket", i + 1, kSelfTestCells);
    }
    return {};
}

} // namespace cepa::main
