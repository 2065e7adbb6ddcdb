// Exit sockets of a real machine: one UDP socket per circuit that exits here, opened on another's behalf. Says nothing
// about what may leave: that is exit/exit_policy. Process: worker, io thread. Spec: docs/protocol.md, section 13.
#pragma once

#include "base/udp_batch.hpp"
#include "tunnel/environment.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace cepa::tunnel {

class UdpExitSockets final : public ExitSocketFactory {
public:
    /// `listen` is the node's own address: its IP, where specific, is the one that datagrams leave from; where
    /// unspecified, sockets carry IPv4 and, if the machine has it, IPv6. `io` must outlive this, and this the sockets.
    UdpExitSockets(boost::asio::io_context& io, const Endpoint& listen);
    ~UdpExitSockets() override;
    UdpExitSockets(const UdpExitSockets&) = delete;
    UdpExitSockets& operator=(const UdpExitSockets&) = delete;

    /// The socket receives from now on. Fails with the system's error (too many descriptors, no such address).
    [[nodiscard]] Result<std::unique_ptr<ExitSocket>> open(CircuitId circuit, ExitReceiver& receiver) override;

    /// Sums over all sockets, closed ones too.
    [[nodiscard]] const UdpStats& stats() const noexcept { return stats_; }

private:
    class Socket;
    boost::asio::io_context& io_;
    IpAddress local_;
    UdpReceiveBatch batch_; ///< one for all: a batch is consumed before the next socket is read
    UdpStats stats_;
};

} // namespace cepa::tunnel
