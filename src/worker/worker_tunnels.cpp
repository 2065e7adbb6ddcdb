#include "worker/worker_tunnels.hpp"

#include "proto/descriptors.hpp"
#include "worker/settings_from_proto.hpp"

#include <exception>
#include <utility>

namespace cepa::worker {
namespace {

using Failure = std::unexpected<std::string>;

std::string mismatch(const proto::Create& create, const InheritedSockets& sockets)
{
    if (create.max_workers() < 1 || create.max_workers() > proto::kMaxWorkers) return "max_workers is out of range";
    if (create.worker_id() >= create.max_workers()) return "worker_id is not below max_workers";
    if (sockets.siblings.size() + 1 != create.max_workers()) return "the siblings' inboxes do not fit max_workers";
    if (create.front_process() == sockets.slot.valid()) return "the slot's socket does not fit front_process";
    return {};
}

} // namespace

std::expected<std::unique_ptr<WorkerTunnels>, std::string> WorkerTunnels::make(boost::asio::io_context& io,
                                                                               const proto::Create& create,
                                                                               InheritedSockets sockets, DataPath& data,
                                                                               proto::Rpc& rpc, HostObserver& observer)
{
    if (std::string error = mismatch(create, sockets); !error.empty()) return Failure(std::move(error));
    const auto table = proto::SlotTable::from_message(create.steer(), create.max_workers());
    if (!table) return Failure("the steering table is malformed");
    auto settings = settings_from_proto(create);
    if (!settings) return Failure(std::move(settings.error()));
    const WorkerId self(static_cast<std::uint16_t>(create.worker_id()));
    try {
        return std::unique_ptr<WorkerTunnels>(
            new WorkerTunnels(io, HostSetup{std::move(*settings), self, create.share(), create.dht()}, Steering(self, *table),
                              create.max_workers(), std::move(sockets), data, rpc, observer));
    } catch (const std::exception& error) {
        return Failure(error.what());
    }
}

WorkerTunnels::WorkerTunnels(boost::asio::io_context& io, HostSetup setup, Steering steering, std::uint32_t max_workers,
                             InheritedSockets sockets, DataPath& data, proto::Rpc& rpc, HostObserver& observer)
    : max_workers_(max_workers), data_(data), steering_(steering), resolver_(rpc),
      handover_(
          steering_, setup.settings.overlay, std::move(sockets.siblings),
          [this](CircuitId circuit) { return host_->knows(circuit); }, data),
      siblings_(rpc, handover_)
{
    tunnel::PacketSender& port = open_port(io, std::move(sockets.slot));
    host_ = std::make_unique<TunnelHost>(std::move(setup), HostWorld{io, port, resolver_, steering_, &siblings_}, data,
                                         observer);
    for_siblings_.emplace(rpc, host_->for_siblings());
    data_.attach(*host_, framed_ ? &handover_ : nullptr);
    if (sockets.inbox.valid()) inbox_.emplace(io, std::move(sockets.inbox), handover_).start();
    if (socket_) socket_->start();
}

WorkerTunnels::~WorkerTunnels()
{
    data_.detach();
    if (socket_) socket_->close();
}

tunnel::PacketSender& WorkerTunnels::open_port(boost::asio::io_context& io, FileDescriptor socket)
{
    if (socket.valid()) {
        socket_ = std::make_unique<tunnel::UdpEndpoint>(io, std::move(socket), handover_);
        return *socket_;
    }
    framed_ = std::make_unique<FramedPort>(data_.pipe());
    return *framed_;
}

bool WorkerTunnels::steer(const proto::Steer& steer)
{
    const auto table = proto::SlotTable::from_message(steer, max_workers_);
    if (table) steering_.update(*table);
    return table.has_value();
}

void WorkerTunnels::add_counters(proto::WorkerInfo& info) const
{
    auto& drops = *info.mutable_drops();
    const auto add = [&drops](const char* reason, std::uint64_t count) {
        if (count != 0) drops[reason] += count;
    };
    if (socket_) {
        const auto& udp = socket_->stats();
        info.set_udp_bytes_in(udp.bytes_in);
        info.set_udp_bytes_out(udp.bytes_out);
        add("udp_truncated", udp.truncated);
        add("udp_full", udp.dropped_full);
        add("udp_send_error", udp.send_errors);
    }
    if (framed_) {
        info.set_udp_bytes_in(data_.counters().front_bytes_in);
        info.set_udp_bytes_out(framed_->bytes_out());
    }
    info.set_handed_over(handover_.counters().handed_over);
    info.set_pipe_drops(data_.pipe().counters().drops);
    add("inbox_full", handover_.counters().inbox_full);
    add("forged_destroy", handover_.counters().forged);
    add("inbox_malformed", inbox_ ? inbox_->malformed() : 0);
    add("malformed_frame", data_.counters().malformed_frames);
    add("stale_circuit", data_.counters().stale_circuits);
    add("early_frame", data_.counters().early_frames);
}

} // namespace cepa::worker
