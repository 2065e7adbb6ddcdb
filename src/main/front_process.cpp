#include "main/front_process.hpp"

#include "proto/frame.hpp"

#include <utility>

namespace cepa::main {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kCircuitIdOffset = kOverlayPrefixSize + 1;
constexpr std::size_t kMinCell = 29;
/// Batches taken per wake-up, so that a flood on the port leaves the loop's other work its turn.
constexpr int kBatchesPerTurn = 4;

/// Cells of one circuit may share a segmented send. 0, which is never drawn as an id, stands for everything else.
std::uint32_t flow_of(ByteSpan packet) noexcept
{
    const bool cell = packet.size() >= kMinCell && packet[kOverlayPrefixSize] == 0;
    return cell ? Reader(packet.subspan(kCircuitIdOffset)).u32() : 0;
}

} // namespace

FrontProcess::FrontProcess(asio::io_context& io, FileDescriptor socket, const OverlayPrefix& prefix, PipeOf pipe_of)
    : socket_(io, socket.get()), prefix_(prefix), pipe_of_(std::move(pipe_of)), sender_(socket.get(), false)
{
    (void)socket.release(); // only now: socket_'s constructor may throw
}

FrontProcess::~FrontProcess() = default;

void FrontProcess::start() { wait_readable(); }

void FrontProcess::wait_readable()
{
    socket_.async_wait(asio::posix::descriptor_base::wait_read,
                       [this, alive = std::weak_ptr<char>(alive_)](const ErrorCode& ec) {
                           if (ec || alive.expired()) return;
                           hand_out();
                           wait_readable();
                       });
}

void FrontProcess::hand_out()
{
    for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
        const auto packets = batch_.receive(socket_.native_handle(), stats_);
        if (packets.empty()) return;
        std::uint32_t touched = 0; // one bit per worker
        for (auto& [source, packet] : packets) {
            const WorkerId owner = steered_to(table_, prefix_, packet.bytes());
            proto::Pipe* pipe = pipe_of_(owner);
            if (pipe == nullptr || !proto::wrap_packet(packet, proto::FrameKind::packet_in, source)) {
                ++undeliverable_;
                continue;
            }
            pipe->send(packet.bytes());
            touched |= 1U << owner.value;
        }
        for (std::uint16_t i = 0; touched != 0; ++i, touched >>= 1U)
            if (touched & 1U) pipe_of_(WorkerId(i))->flush();
    }
}

void FrontProcess::send(const Endpoint& to, ByteSpan packet) { sender_.queue(to, packet, flow_of(packet), stats_); }

} // namespace cepa::main
