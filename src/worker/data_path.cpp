#include "worker/data_path.hpp"

#include "tunnel/error.hpp"

#include <utility>

namespace cepa::worker {

DataPath::DataPath(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out, OnEnd on_end)
    : pipe_(io, std::move(in), std::move(out), *this), on_end_(std::move(on_end))
{
}

void DataPath::attach(TunnelHost& host, tunnel::PacketReceiver* front) noexcept
{
    host_ = &host;
    front_ = front;
}

void DataPath::detach() noexcept
{
    host_ = nullptr;
    front_ = nullptr;
}

void DataPath::on_frame(const proto::FrameView& frame)
{
    if (host_ == nullptr) {
        ++counters_.early_frames;
        return;
    }
    if (slots_.full()) flush();
    if (frame.kind == proto::FrameKind::data) into_circuit(frame);
    else if (frame.kind == proto::FrameKind::packet_in && front_ != nullptr) from_main_socket(frame);
    else ++counters_.malformed_frames;
}

void DataPath::into_circuit(const proto::FrameView& frame)
{
    const auto data = proto::parse_data(frame);
    auto payload = data ? slots_.take(data->payload.bytes()) : std::nullopt;
    if (!payload) ++counters_.malformed_frames;
    else if (const auto sent = host_->send_data(data->circuit, data->address, *payload);
             !sent && sent.error() != make_error_code(tunnel::TunnelError::too_large))
        ++counters_.stale_circuits; // the tunnel itself counts what is too large
}

void DataPath::from_main_socket(const proto::FrameView& frame)
{
    const auto received = proto::parse_packet(frame);
    auto packet = received ? slots_.take(received->packet.bytes()) : std::nullopt;
    if (!packet) {
        ++counters_.malformed_frames;
        return;
    }
    counters_.front_bytes_in += packet->size();
    front_->on_packet(received->peer, *packet);
}

void DataPath::on_frame_batch_end() { flush(); }

void DataPath::on_packet(const Endpoint& source, PacketBuffer& packet)
{
    if (host_ != nullptr) host_->on_packet(source, packet);
}

void DataPath::on_packet_batch_end() { flush(); }

void DataPath::on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    if (proto::wrap_data(payload, circuit, origin)) pipe_.send(std::as_const(payload).bytes());
    else ++counters_.malformed_frames;
}

// Packets and frames refer to the slots, or to the memory of whoever called us: both are sent before either is reused.
void DataPath::flush()
{
    if (host_ != nullptr) host_->on_batch_end();
    pipe_.flush();
    slots_.clear();
}

} // namespace cepa::worker
