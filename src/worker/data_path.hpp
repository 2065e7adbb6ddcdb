// The hot path of a worker: frame -> circuit -> UDP and back.
//
//   data pipe --on_frame--> slot (the one copy) --send_data: layers in place--> port --one sendmmsg per batch
//   port --on_packet--> tunnel: layers off in place --on_data: frame header in front--> data pipe, one writev per batch
//
// Calls only: no queue, no lock, no allocation, no protobuf. A full pipe drops and counts.
// Process: worker, io thread. Spec: docs/protocol.md, section 31.
#pragma once

#include "worker/slot_ring.hpp"
#include "worker/tunnel_host.hpp"

#include "base/file_descriptor.hpp"
#include "proto/pipe.hpp"
#include "tunnel/udp_endpoint.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>

namespace cepa::worker {

class DataPath final : public proto::FrameReceiver, public tunnel::PacketReceiver, public DataReceiver {
public:
    struct Counters {
        std::uint64_t malformed_frames = 0;
        std::uint64_t stale_circuits = 0; ///< datagrams for a circuit that is not (or no longer) usable
        std::uint64_t early_frames = 0;   ///< before the tunnels existed
        std::uint64_t front_bytes_in = 0; ///< of packets that main's socket received for us
    };
    using OnEnd = std::function<void(ErrorCode why)>;

    /// `on_end` hears once that the data pipe has ended.
    DataPath(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out, OnEnd on_end);

    void start() { pipe_.start(); }
    /// From now on frames go into circuits of `host`. `front` takes the packets that main received for us, null where
    /// this worker has a socket of its own. Both must outlive their use: detach() ends it.
    void attach(TunnelHost& host, tunnel::PacketReceiver* front) noexcept;
    void detach() noexcept;

    void on_frame(const proto::FrameView& frame) override;
    void on_frame_batch_end() override;
    void on_pipe_end(ErrorCode why) override { on_end_(why); }
    void on_packet(const Endpoint& source, PacketBuffer& packet) override;
    void on_packet_batch_end() override;
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;

    [[nodiscard]] proto::Pipe& pipe() noexcept { return pipe_; }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    void into_circuit(const proto::FrameView& frame);
    void from_main_socket(const proto::FrameView& frame);
    void flush();

    proto::Pipe pipe_;
    OnEnd on_end_;
    TunnelHost* host_ = nullptr;
    tunnel::PacketReceiver* front_ = nullptr;
    SlotRing slots_;
    Counters counters_;
};

} // namespace cepa::worker
