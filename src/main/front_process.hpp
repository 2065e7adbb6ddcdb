// The fallback where the kernel cannot steer: main owns the node's one UDP socket and hands what arrives to the workers
// over their data pipes, by the same function that the kernel would have used. What they send comes back as frames.
// Process: main, io thread. Spec: docs/protocol.md, sections 31 and 33.
#pragma once

#include "main/steering_program.hpp"

#include "base/file_descriptor.hpp"
#include "base/udp_batch.hpp"
#include "proto/pipe.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace cepa::main {

class FrontProcess {
public:
    /// The data pipe of a worker, or null while it has none: its packets are dropped then.
    using PipeOf = std::function<proto::Pipe*(WorkerId)>;

    FrontProcess(boost::asio::io_context& io, FileDescriptor socket, const OverlayPrefix& prefix, PipeOf pipe_of);
    ~FrontProcess();

    void start();
    void steer(const proto::SlotTable& table) { table_ = table; }
    /// A packet that a worker wants to send; it must stay as it is until flush().
    void send(const Endpoint& to, ByteSpan packet);
    void flush() { sender_.flush(stats_); }

    [[nodiscard]] const UdpStats& stats() const noexcept { return stats_; }
    /// Packets for a worker that was not there.
    [[nodiscard]] std::uint64_t undeliverable() const noexcept { return undeliverable_; }

private:
    void wait_readable();
    void hand_out();

    boost::asio::posix::stream_descriptor socket_;
    OverlayPrefix prefix_;
    PipeOf pipe_of_;
    proto::SlotTable table_;
    UdpReceiveBatch batch_;
    UdpSendBatch sender_;
    UdpStats stats_;
    std::uint64_t undeliverable_ = 0;
    /// Handlers hold a weak reference to it: Asio may call them after the object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
