// The node's UDP port as one worker sees it: a receive loop that hands packets to its receiver in batches, and the
// PacketSender through which everything leaves. It does not bind: the descriptor comes bound (a slot's socket).
// Process: worker, io thread. Spec: docs/protocol.md, sections 1 and 33.
#pragma once

#include "base/file_descriptor.hpp"
#include "base/udp_batch.hpp"
#include "tunnel/environment.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace cepa::tunnel {

/// Receives what arrives on the node's port.
class PacketReceiver {
public:
    virtual ~PacketReceiver() = default;
    /// `packet` has kPacketHeadroom and kPacketTailroom, may be changed in place, and is valid until
    /// on_packet_batch_end() returns.
    virtual void on_packet(const Endpoint& source, PacketBuffer& packet) = 0;
    /// Here the receiver flushes what the batch queued, on this endpoint and elsewhere.
    virtual void on_packet_batch_end() = 0;
};

class UdpEndpoint final : public PacketSender {
public:
    /// Takes `socket`, a bound UDP socket; `io` and `receiver` must outlive this. Throws when it is no socket.
    UdpEndpoint(boost::asio::io_context& io, FileDescriptor socket, PacketReceiver& receiver);
    ~UdpEndpoint() override;
    UdpEndpoint(const UdpEndpoint&) = delete;
    UdpEndpoint& operator=(const UdpEndpoint&) = delete;

    /// Begins to receive. To be called once, when the receiver is ready.
    void start();
    /// Stops receiving and closes the descriptor; nothing is called afterwards. Sending then drops.
    void close();

    void queue(const Endpoint& to, ByteSpan packet, CircuitId circuit) override;
    void flush() override;
    void send_now(const Endpoint& to, ByteSpan packet) override;

    /// The address it is bound to.
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] const UdpStats& stats() const noexcept;

private:
    struct Loop;
    /// Shared with the pending wait only: Asio may call it once more after this object is gone.
    std::shared_ptr<Loop> loop_;
};

} // namespace cepa::tunnel
