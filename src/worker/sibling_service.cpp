#include "worker/sibling_service.hpp"

#include "worker/shared_facts.hpp"
#include "worker/sibling_messages.hpp"

#include <utility>

namespace cepa::worker {
namespace {

using proto::Answer;
using proto::Envelope;
using proto::Rpc;

Answer refused(const char* why)
{
    Answer out;
    out.set_error(why);
    return out;
}

} // namespace

SiblingService::SiblingService(Rpc& rpc, tunnel::ForSiblings& tunnel) : tunnel_(tunnel)
{
    serve(rpc, Envelope::kFindIntroductions, &SiblingService::find_introductions);
    serve(rpc, Envelope::kFindNode, &SiblingService::find_node);
    serve(rpc, Envelope::kRegisterIntroduction, &SiblingService::register_introduction);
    serve(rpc, Envelope::kForgetIntroduction, &SiblingService::forget_introduction);
    serve(rpc, Envelope::kLink, &SiblingService::link);
    serve(rpc, Envelope::kUnlink, &SiblingService::unlink);
    serve(rpc, Envelope::kLinkMoved, &SiblingService::moved);
}

void SiblingService::serve(Rpc& rpc, Envelope::BodyCase kind,
                           void (SiblingService::*handler)(const Envelope&, const Rpc::Respond&))
{
    rpc.handle(kind,
               [this, handler](const Envelope& call, const Rpc::Respond& respond) { (this->*handler)(call, respond); });
}

void SiblingService::find_introductions(const Envelope& call, const Rpc::Respond& respond)
{
    const auto hash = hash_from_proto(call.find_introductions().lookup_hash());
    if (!hash) return respond(refused("malformed"));
    tunnel_.find_introductions(*hash, [respond](const std::vector<tunnel::PeersResponse::Peer>& found) {
        Answer answer;
        found_to_proto(found, answer);
        respond(std::move(answer));
    });
}

void SiblingService::find_node(const Envelope& call, const Rpc::Respond& respond)
{
    const auto key = key_from_proto(call.find_node().public_key());
    if (!key) return respond(refused("malformed"));
    tunnel_.find_node(*key, [respond](const std::optional<Endpoint>& found) {
        Answer answer;
        if (found) *answer.add_addresses() = endpoint_to_proto(*found);
        respond(std::move(answer));
    });
}

void SiblingService::register_introduction(const Envelope& call, const Rpc::Respond& respond)
{
    const auto introduction = introduction_from_proto(call.register_introduction());
    if (!introduction) return respond(refused("malformed"));
    respond(registration_to_proto(tunnel_.register_introduction(*introduction)));
}

void SiblingService::forget_introduction(const Envelope& call, const Rpc::Respond& respond)
{
    if (const auto introduction = introduction_from_proto(call.forget_introduction()))
        tunnel_.forget_introduction(*introduction);
    respond(Answer());
}

void SiblingService::link(const Envelope& call, const Rpc::Respond& respond)
{
    const auto cookie = hash_from_proto(call.link().cookie());
    auto theirs = half_from_proto(call.link().half());
    if (!cookie || !theirs) return respond(refused("malformed"));
    auto ours = tunnel_.link(*cookie, std::move(*theirs));
    if (!ours) return respond(refused("nobody waits"));
    Answer answer;
    *answer.mutable_half() = half_to_proto(std::move(*ours));
    respond(std::move(answer));
}

void SiblingService::unlink(const Envelope& call, const Rpc::Respond& respond)
{
    tunnel_.unlink(CircuitId(call.unlink().circuit_id()));
    respond(Answer());
}

void SiblingService::moved(const Envelope& call, const Rpc::Respond& respond)
{
    const auto neighbour = endpoint_from_proto(call.link_moved().neighbour());
    if (neighbour) tunnel_.moved(CircuitId(call.link_moved().circuit_id()), *neighbour);
    respond(Answer());
}

} // namespace cepa::worker
