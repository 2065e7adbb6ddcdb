// The node's port as a worker has it where main owns the one socket (front process): packets leave as frames on the data
// pipe. (They arrive there too: see data_path.) The fallback for kernels without steering; it costs a copy per packet,
// because what is queued here may be read only. Process: worker, io thread. Spec: docs/protocol.md, sections 31 and 33.
#pragma once

#include "worker/slot_ring.hpp"

#include "proto/pipe.hpp"
#include "tunnel/environment.hpp"

namespace cepa::worker {

class FramedPort final : public tunnel::PacketSender {
public:
    explicit FramedPort(proto::Pipe& pipe) : pipe_(pipe) {}

    void queue(const Endpoint& to, ByteSpan packet, CircuitId circuit) override;
    void flush() override;
    void send_now(const Endpoint& to, ByteSpan packet) override;

    [[nodiscard]] std::uint64_t packets_out() const noexcept { return packets_; }
    [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_; }

private:
    proto::Pipe& pipe_;
    SlotRing slots_;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

} // namespace cepa::worker
