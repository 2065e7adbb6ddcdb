#include "worker/control.hpp"

#include "base/log.hpp"
#include "proto/build_id.hpp"
#include "tunnel/crypto/keys.hpp"
#include "worker/settings_from_proto.hpp"

#include <chrono>
#include <utility>

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;
using proto::Rpc;

Answer refusal(std::string why)
{
    Answer answer;
    answer.set_error(std::move(why));
    return answer;
}

Answer answer_of(const std::expected<CircuitId, std::string>& made)
{
    if (!made) return refusal(made.error().empty() ? "failed" : made.error());
    Answer answer;
    answer.set_circuit_id(made->value);
    return answer;
}

void take_log_level(const proto::Create& create)
{
    if (const auto level = log::parse_level(create.log_level())) log::set_level(*level);
}

} // namespace

Control::Control(boost::asio::io_context& io, FileDescriptor in, FileDescriptor out, InheritedSockets sockets,
                 DataPath& data)
    : io_(io), sockets_(std::move(sockets)), data_(data), rpc_(io, std::move(in), std::move(out)), outbox_(rpc_)
{
    rpc_.handle(Envelope::kCreate,
                [this](const Envelope& call, const Rpc::Respond& respond) { create(call, respond); });
    serve(Envelope::kCircuit, &Control::circuit);
    serve(Envelope::kCloseCircuit, &Control::close_circuit);
    serve(Envelope::kMonitor, &Control::monitor);
    serve(Envelope::kShare, &Control::share);
    serve(Envelope::kSteer, &Control::steer);
    serve(Envelope::kLimits, &Control::limits);
    serve(Envelope::kSwarms, &Control::swarms);
    serve(Envelope::kLinkPayloads, &Control::link_payloads);
}

Control::~Control() = default;

void Control::start(OnEnd on_end)
{
    rpc_.start(std::move(on_end));
}

void Control::shut_down()
{
    if (tunnels_) tunnels_->host().shut_down();
}

void Control::serve(Envelope::BodyCase kind, void (Control::*handler)(const Envelope&, const Rpc::Respond&))
{
    rpc_.handle(kind, [this, handler](const Envelope& call, const Rpc::Respond& respond) {
        if (tunnels_)
            (this->*handler)(call, respond);
        else
            respond(refusal("nothing is served before create"));
    });
}

void Control::create(const Envelope& call, const Rpc::Respond& respond)
{
    std::string error = build(call.create());
    Answer answer = refusal(std::move(error));
    answer.set_build_id(proto::build_id());
    const bool made = answer.error().empty();
    respond(std::move(answer));
    if (made) tunnels_->host().start(std::chrono::milliseconds(call.create().sync_interval_ms()));
}

std::string Control::build(const proto::Create& create)
{
    if (tunnels_) return "created already";
    if (create.build_id() != proto::build_id())
        return "the program was replaced while it ran: build " + proto::build_id();
    take_log_level(create);
    tunnel::init_crypto();
    auto made = WorkerTunnels::make(io_, create, std::move(sockets_), data_, rpc_, *this);
    if (!made) return made.error();
    tunnels_ = std::move(*made);
    tunnels_->host().monitor({create.monitor().begin(), create.monitor().end()});
    tunnels_->host().set_swarms(create.swarms());
    return {};
}

void Control::circuit(const Envelope& call, const Rpc::Respond& respond)
{
    const std::uint32_t hops = call.circuit().hops();
    if (hops < 1 || hops > 5) return respond(refusal("hops must be 1 to 5"));
    tunnels_->host().create_circuit(
        static_cast<std::uint8_t>(hops), call.circuit().group(),
        [respond](const std::expected<CircuitId, std::string>& made) { respond(answer_of(made)); });
}

void Control::close_circuit(const Envelope& call, const Rpc::Respond& respond)
{
    tunnels_->host().close_circuit(CircuitId(call.close_circuit().circuit_id()));
    respond(Answer());
}

void Control::monitor(const Envelope& call, const Rpc::Respond& respond)
{
    const auto& hashes = call.monitor().lookup_hashes();
    tunnels_->host().monitor({hashes.begin(), hashes.end()});
    respond(Answer());
}

void Control::share(const Envelope& call, const Rpc::Respond& respond)
{
    tunnels_->host().share(call.share());
    respond(Answer());
}

void Control::steer(const Envelope& call, const Rpc::Respond& respond)
{
    respond(tunnels_->steer(call.steer()) ? Answer() : refusal("the steering table is malformed"));
}

void Control::limits(const Envelope& call, const Rpc::Respond& respond)
{
    tunnels_->host().set_limits(limits_from_proto(call.limits()));
    respond(Answer());
}

void Control::swarms(const Envelope& call, const Rpc::Respond& respond)
{
    tunnels_->host().set_swarms(call.swarms());
    respond(Answer());
}

void Control::link_payloads(const Envelope& call, const Rpc::Respond& respond)
{
    tunnels_->host().set_payloads(call.link_payloads());
    respond(Answer());
}

void Control::on_hidden_link(const proto::HiddenLink& link)
{
    Envelope notice;
    *notice.mutable_hidden_link() = link;
    outbox_.send(std::move(notice));
}

void Control::on_circuit_dead(CircuitId circuit, const std::string& reason)
{
    Envelope notice;
    notice.mutable_circuit_dead()->set_circuit_id(circuit.value);
    notice.mutable_circuit_dead()->set_reason(reason);
    outbox_.send(std::move(notice));
}

void Control::on_notify(const proto::Notify& notice)
{
    Envelope envelope;
    *envelope.mutable_notify() = notice;
    outbox_.send(std::move(envelope));
}

void Control::on_sync(const proto::Sync& changes)
{
    Envelope notice;
    *notice.mutable_sync() = changes;
    outbox_.send(std::move(notice));
}

void Control::add_counters(proto::WorkerInfo& info) const
{
    if (tunnels_) tunnels_->add_counters(info);
    if (outbox_.lost() != 0) (*info.mutable_drops())["control_lost"] = outbox_.lost();
}

} // namespace cepa::worker
