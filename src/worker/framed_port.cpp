#include "worker/framed_port.hpp"

namespace cepa::worker {

void FramedPort::queue(const Endpoint& to, ByteSpan packet, CircuitId)
{
    if (slots_.full()) flush();
    auto frame = slots_.take(packet);
    if (!frame || !proto::wrap_packet(*frame, proto::FrameKind::packet_out, to)) return; // larger than any packet of ours
    ++packets_;
    bytes_ += packet.size();
    pipe_.send(std::as_const(*frame).bytes());
}

void FramedPort::flush()
{
    pipe_.flush();
    slots_.clear();
}

void FramedPort::send_now(const Endpoint& to, ByteSpan packet)
{
    queue(to, packet, CircuitId());
    flush();
}

} // namespace cepa::worker
