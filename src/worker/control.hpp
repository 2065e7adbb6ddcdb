// The control stream in the child: serves Create first, then Monitor, Circuit, CloseCircuit, Share, Steer, Limits
// and Swarms, and says Sync, CircuitDead, HiddenLink and Notify. It decides nothing about circuits: it is the tunnels' tongue. Process: worker,
// io thread. Spec: docs/protocol.md, section 32.
#pragma once

#include "base/file_descriptor.hpp"
#include "proto/rpc.hpp"
#include "worker/data_path.hpp"
#include "worker/hardening.hpp"
#include "worker/outbox.hpp"
#include "worker/tunnel_host.hpp"
#include "worker/worker_tunnels.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>

namespace cepa::worker {

class Control final : private HostObserver {
public:
    using OnEnd = std::function<void(ErrorCode why)>;

    /// `sockets` go to the tunnels that Create makes; `data` must outlive this.
    Control(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out, InheritedSockets sockets,
            DataPath& data);
    ~Control() override;

    /// Begins to serve; `on_end` hears once that the stream has ended.
    void start(OnEnd on_end);
    /// Ends the tunnels in good order: destroys, a last change frame.
    void shut_down();

private:
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override;
    void on_hidden_link(const proto::HiddenLink& link) override;
    void on_notify(const proto::Notify& notice) override;
    void on_sync(const proto::Sync& changes) override;
    [[nodiscard]] bool takes_sync() override { return outbox_.drain(); }
    void add_counters(proto::WorkerInfo& info) const override;

    void serve(proto::Envelope::BodyCase kind,
               void (Control::*handler)(const proto::Envelope&, const proto::Rpc::Respond&));
    void create(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void circuit(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void close_circuit(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void monitor(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void share(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void steer(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void swarms(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void link_payloads(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    void limits(const proto::Envelope& call, const proto::Rpc::Respond& respond);
    std::string build(const proto::Create& create);

    boost::asio::io_context& io_;
    InheritedSockets sockets_;
    DataPath& data_;
    proto::Rpc rpc_;
    Outbox outbox_;
    std::unique_ptr<WorkerTunnels> tunnels_; ///< null until Create
};

} // namespace cepa::worker
