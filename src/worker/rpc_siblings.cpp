#include "worker/rpc_siblings.hpp"

#include "worker/shared_facts.hpp"
#include "worker/sibling_messages.hpp"

#include <chrono>
#include <utility>

namespace cepa::worker {
namespace {

using namespace std::chrono_literals;

/// A lookup takes up to 10 s; main gives up a little earlier than we.
constexpr Duration kSiblingLookup = 12s;
constexpr Duration kSiblingRegister = 5s;
/// Main bounds the link itself at 1 s.
constexpr Duration kSiblingLink = 3s;

bool succeeded(const Result<proto::Answer>& answer)
{
    return answer && answer->error().empty();
}

} // namespace

void RpcSiblings::find_introductions(const tunnel::LookupHash& hash, tunnel::IntroductionsFound done)
{
    proto::Envelope call;
    call.mutable_find_introductions()->set_lookup_hash(text_of(hash));
    rpc_.call(std::move(call), kSiblingLookup, [done = std::move(done)](const Result<proto::Answer>& answer) {
        done(succeeded(answer) ? found_from_proto(*answer) : std::vector<tunnel::PeersResponse::Peer>());
    });
}

void RpcSiblings::find_node(const tunnel::PublicKey& key, tunnel::NodeFound done)
{
    proto::Envelope call;
    call.mutable_find_node()->set_public_key(text_of(key));
    rpc_.call(std::move(call), kSiblingLookup, [done = std::move(done)](const Result<proto::Answer>& answer) {
        const bool found = succeeded(answer) && answer->addresses_size() > 0;
        done(found ? endpoint_from_proto(answer->addresses(0)) : std::nullopt);
    });
}

void RpcSiblings::register_introduction(const tunnel::Introduction& introduction, tunnel::Registered done)
{
    proto::Envelope call;
    *call.mutable_register_introduction() = introduction_to_proto(introduction);
    rpc_.call(std::move(call), kSiblingRegister, [done = std::move(done)](const Result<proto::Answer>& answer) {
        done(answer ? registration_from_proto(*answer) : tunnel::Registration(false));
    });
}

void RpcSiblings::forget_introduction(const tunnel::Introduction& introduction)
{
    proto::Envelope notice;
    *notice.mutable_forget_introduction() = introduction_to_proto(introduction);
    (void)rpc_.notify(std::move(notice)); // it expires
}

void RpcSiblings::offer_rendezvous(const tunnel::Cookie& cookie, CircuitId circuit)
{
    proto::Envelope notice;
    notice.mutable_offer_rendezvous()->set_cookie(text_of(cookie));
    notice.mutable_offer_rendezvous()->set_circuit_id(circuit.value);
    (void)rpc_.notify(std::move(notice)); // else the link is refused
}

void RpcSiblings::withdraw_rendezvous(const tunnel::Cookie& cookie)
{
    proto::Envelope notice;
    notice.mutable_withdraw_rendezvous()->set_cookie(text_of(cookie));
    (void)rpc_.notify(std::move(notice)); // else the link is refused
}

void RpcSiblings::link(const tunnel::Cookie& cookie, tunnel::LinkHalf mine, tunnel::Linked done)
{
    proto::Envelope call;
    call.mutable_link()->set_cookie(text_of(cookie));
    *call.mutable_link()->mutable_half() = half_to_proto(std::move(mine));
    rpc_.call(std::move(call), kSiblingLink, [done = std::move(done)](const Result<proto::Answer>& answer) {
        done(succeeded(answer) && answer->has_half() ? half_from_proto(answer->half()) : std::nullopt);
    });
}

void RpcSiblings::unlinked(CircuitId mine)
{
    proto::Envelope notice;
    notice.mutable_unlink()->set_circuit_id(mine.value);
    (void)rpc_.notify(std::move(notice)); // else the other side ends when it has been silent
}

void RpcSiblings::moved(CircuitId mine, const Endpoint& neighbour)
{
    proto::Envelope notice;
    notice.mutable_link_moved()->set_circuit_id(mine.value);
    *notice.mutable_link_moved()->mutable_neighbour() = endpoint_to_proto(neighbour);
    (void)rpc_.notify(std::move(notice));
}

void RpcSiblings::pass_on(CircuitId circuit, const Endpoint& source, PacketBuffer& packet)
{
    handover_.pass_on(circuit, source, packet);
}

} // namespace cepa::worker
