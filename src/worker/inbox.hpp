// The other end of the hand-over: reads in batches what siblings put into this worker's inbox and gives it to whoever
// sorts packets, with the number of times that it was handed over. Process: worker, io thread.
// Spec: docs/protocol.md, section 33.
#pragma once

#include "base/file_descriptor.hpp"
#include "proto/hand_over.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>

namespace cepa::worker {

/// Takes what siblings passed on.
class HandedOverReceiver {
public:
    virtual ~HandedOverReceiver() = default;
    /// The packet may be changed in place and has kPacketHeadroom less kMaxHandOverHead at least; valid until the end
    /// of the batch.
    virtual void on_handed_over(proto::HandedOverPacket& handed) = 0;
    virtual void on_packet_batch_end() = 0;
};

class Inbox {
public:
    /// Takes `socket`, an AF_UNIX datagram socket. `receiver` must outlive this. Throws when it is no descriptor.
    Inbox(boost::asio::io_context& io, FileDescriptor socket, HandedOverReceiver& receiver);
    ~Inbox();
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    /// Begins to read. To be called once.
    void start();
    /// Datagrams that were no handed-over packet.
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

private:
    struct Slots;

    void wait();
    bool read_batch();

    boost::asio::posix::stream_descriptor socket_;
    HandedOverReceiver& receiver_;
    std::unique_ptr<Slots> slots_;
    std::uint64_t malformed_ = 0;
    /// Asio may call the handler of a wait after this object is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::worker
