#include "main/sibling_calls.hpp"

#include "proto/tunnel_service.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace cepa::main {
namespace {

using proto::Answer;
using proto::Envelope;
using proto::Rpc;

constexpr WorkerId kDiscoverer(0);
constexpr std::size_t kCookieSize = 20;
constexpr int kMostFound = 7;
constexpr std::size_t kSealKeySize = 32;
constexpr std::size_t kSealSaltSize = 4;

bool is_endpoint(const proto::IpEndpoint& address)
{
    return (address.ip().size() == 4 || address.ip().size() == 16) && address.port() >= 1 && address.port() <= 0xffff;
}

bool is_half(const proto::LinkHalf& half)
{
    return half.key().size() == kSealKeySize && half.salt().size() == kSealSaltSize && is_endpoint(half.neighbour());
}

bool is_introduction(const proto::Introduction& introduction)
{
    return introduction.lookup_hash().size() == proto::kLookupHashSize &&
           introduction.swarm_key().size() == proto::kSwarmKeySize;
}

/// What worker 0 found goes to another worker: neither larger nor other than it may be.
bool is_found(const Answer& answer)
{
    if (answer.introductions_size() > kMostFound || answer.addresses_size() > 1) return false;
    for (const proto::FoundIntroduction& found : answer.introductions()) {
        if (!is_endpoint(found.address()) || found.public_key().size() != proto::kSwarmKeySize ||
            found.swarm_key().size() != proto::kSwarmKeySize)
            return false;
    }
    return answer.addresses_size() == 0 || is_endpoint(answer.addresses(0));
}

Answer sibling_refusal(const char* why)
{
    Answer out;
    out.set_error(why);
    return out;
}

} // namespace

SiblingCalls::Verdict SiblingCalls::on_call(WorkerId from, const Envelope& call, Rpc::Respond respond)
{
    switch (call.body_case()) {
    case Envelope::kFindIntroductions:
        if (call.find_introductions().lookup_hash().size() != proto::kLookupHashSize) return Verdict::misbehaved;
        ask_worker_zero(from, call, std::move(respond));
        return Verdict::served;
    case Envelope::kFindNode:
        if (call.find_node().public_key().size() != proto::kSwarmKeySize) return Verdict::misbehaved;
        ask_worker_zero(from, call, std::move(respond));
        return Verdict::served;
    case Envelope::kRegisterIntroduction: {
        const proto::Introduction& introduction = call.register_introduction();
        const bool its = wires_.may_have(from, CircuitId(introduction.circuit_id()));
        if (!is_introduction(introduction) || !its) return Verdict::misbehaved;
        register_introduction(from, call, std::move(respond));
        return Verdict::served;
    }
    case Envelope::kForgetIntroduction:
        if (!is_introduction(call.forget_introduction())) return Verdict::misbehaved;
        forget_introduction(from, call.forget_introduction());
        return Verdict::served;
    case Envelope::kOfferRendezvous: {
        const proto::Rendezvous& rendezvous = call.offer_rendezvous();
        const bool its = wires_.may_have(from, CircuitId(rendezvous.circuit_id()));
        if (rendezvous.cookie().size() != kCookieSize || !its) return Verdict::misbehaved;
        offer(from, rendezvous);
        return Verdict::served;
    }
    case Envelope::kWithdrawRendezvous:
        if (call.withdraw_rendezvous().cookie().size() != kCookieSize) return Verdict::misbehaved;
        withdraw(from, call.withdraw_rendezvous().cookie());
        return Verdict::served;
    case Envelope::kLink: {
        const bool its = wires_.may_have(from, CircuitId(call.link().half().circuit_id()));
        if (call.link().cookie().size() != kCookieSize || !is_half(call.link().half()) || !its)
            return Verdict::misbehaved;
        link(from, call.link(), std::move(respond));
        return Verdict::served;
    }
    case Envelope::kUnlink:
        unlink(from, CircuitId(call.unlink().circuit_id()));
        return Verdict::served;
    case Envelope::kLinkMoved:
        if (!is_endpoint(call.link_moved().neighbour())) return Verdict::misbehaved;
        moved(from, call.link_moved());
        return Verdict::served;
    default:
        return Verdict::not_mine;
    }
}

void SiblingCalls::refuse(const Rpc::Respond& respond)
{
    ++refused_;
    respond(sibling_refusal("refused"));
}

/// The answer goes to `on_answer`, unless one of the two workers is gone by then.
void SiblingCalls::pass_on(WorkerId from, WorkerId to, Envelope call, Duration timeout, Rpc::Respond respond,
                           OnAnswer on_answer)
{
    const std::uint64_t id = ++last_open_;
    open_.emplace(id, Open{from, to, std::move(respond)});
    ++holdings_[from].open;
    wires_.call(
        to, std::move(call), timeout,
        [this, alive = std::weak_ptr<char>(alive_), id, on_answer = std::move(on_answer)](Result<Answer>&& answer) {
            if (alive.expired()) return;
            const auto open = open_.extract(id);
            if (open.empty()) return;
            --holdings_[open.mapped().from].open;
            on_answer(std::move(answer), open.mapped().respond);
        });
}

// ---- to worker 0

void SiblingCalls::ask_worker_zero(WorkerId from, const Envelope& call, Rpc::Respond respond)
{
    if (!wires_.runs(kDiscoverer) || holdings_[from].open >= kMostOpen) return refuse(respond);
    pass_on(from, kDiscoverer, call, kLookupTimeout, std::move(respond),
            [](Result<Answer>&& answer, const Rpc::Respond& asked) {
                asked(answer && is_found(*answer) ? std::move(*answer) : sibling_refusal("not answered"));
            });
}

// From the question on, not from the answer: the worker may forget before, or no answer may come although it stands.
void SiblingCalls::register_introduction(WorkerId from, const Envelope& call, Rpc::Respond respond)
{
    if (!wires_.runs(kDiscoverer) || holdings_[from].open >= kMostOpen) return refuse(respond);
    const proto::Introduction& introduction = call.register_introduction();
    hold(from, introduction);
    pass_on(from, kDiscoverer, call, kRegisterTimeout, std::move(respond),
            [this, from, introduction](Result<Answer>&& answer, const Rpc::Respond& asked) {
                if (answer && !answer->error().empty()) release(from, introduction);
                asked(answer && is_found(*answer) ? std::move(*answer) : sibling_refusal("not answered"));
            });
}

// A worker repeats what stands, so what was not said again for the longest time is what stands no more.
void SiblingCalls::hold(WorkerId from, const proto::Introduction& introduction)
{
    auto& mine = holdings_[from].introductions;
    if (!mine.contains(introduction.swarm_key()) && mine.size() >= kMostIntroductions)
        mine.erase(std::ranges::min_element(mine, {}, [](const auto& entry) { return entry.second.said; }));
    mine[introduction.swarm_key()] = {introduction, ++last_said_};
}

bool SiblingCalls::release(WorkerId from, const proto::Introduction& introduction)
{
    auto& mine = holdings_[from].introductions;
    const auto held = mine.find(introduction.swarm_key());
    if (held == mine.end() || held->second.introduction.circuit_id() != introduction.circuit_id()) return false;
    mine.erase(held);
    return true;
}

void SiblingCalls::forget_introduction(WorkerId from, const proto::Introduction& introduction)
{
    if (!release(from, introduction) || !wires_.runs(kDiscoverer)) return;
    Envelope notice;
    *notice.mutable_forget_introduction() = introduction;
    wires_.notify(kDiscoverer, std::move(notice));
}

// ---- rendezvous

void SiblingCalls::offer(WorkerId from, const proto::Rendezvous& rendezvous)
{
    Holdings& mine = holdings_[from];
    if (mine.offers >= kMostOffers || offers_.contains(rendezvous.cookie())) {
        ++refused_;
        return;
    }
    ++mine.offers;
    offers_.emplace(rendezvous.cookie(), Side{from, CircuitId(rendezvous.circuit_id())});
}

void SiblingCalls::withdraw(WorkerId from, const std::string& cookie)
{
    const auto found = offers_.find(cookie);
    if (found == offers_.end() || found->second.worker != from) return;
    --holdings_[from].offers;
    offers_.erase(found);
}

void SiblingCalls::link(WorkerId from, const proto::Link& wanted, Rpc::Respond respond)
{
    const Side asking{from, CircuitId(wanted.half().circuit_id())};
    const auto found = offers_.find(wanted.cookie());
    if (found == offers_.end() || found->second.worker == from) return refuse(respond);
    const Side waiting = found->second;
    const bool full = holdings_[from].links >= kMostLinks || holdings_[waiting.worker].links >= kMostLinks;
    const bool linked =
        asking.circuit == waiting.circuit || links_.contains(asking.circuit) || links_.contains(waiting.circuit);
    const bool busy = holdings_[from].open >= kMostOpen;
    if (full || linked || busy || !wires_.runs(waiting.worker)) return refuse(respond);
    withdraw(waiting.worker, std::string(wanted.cookie())); // it links once
    join(asking, waiting);                                  // from now on, so that whoever dies meanwhile is noticed
    Envelope call;
    *call.mutable_link() = wanted;
    pass_on(from, waiting.worker, std::move(call), kLinkTimeout, std::move(respond),
            [this, asking, waiting](Result<Answer>&& answer, const Rpc::Respond& asked) {
                on_linked(asking, waiting, std::move(answer), asked);
            });
}

void SiblingCalls::on_linked(Side asking, Side waiting, Result<Answer>&& answer, const Rpc::Respond& respond)
{
    const auto link = links_.find(asking.circuit);
    const bool stands = link != links_.end() && link->second.other.circuit == waiting.circuit;
    const bool good = answer && answer->error().empty() && answer->has_half() && is_half(answer->half()) &&
                      CircuitId(answer->half().circuit_id()) == waiting.circuit;
    if (stands && good) return respond(std::move(*answer));
    // Whether or not the other worker did link it, nobody will ever send to it.
    tell_unlinked(waiting);
    if (stands) part(asking.circuit);
    refuse(respond);
}

void SiblingCalls::join(Side asking, Side waiting)
{
    links_.emplace(asking.circuit, Link{asking.worker, waiting});
    links_.emplace(waiting.circuit, Link{waiting.worker, asking});
    ++holdings_[asking.worker].links;
    ++holdings_[waiting.worker].links;
}

void SiblingCalls::part(CircuitId circuit)
{
    const auto found = links_.find(circuit);
    if (found == links_.end()) return;
    const Link link = found->second;
    --holdings_[link.worker].links;
    --holdings_[link.other.worker].links;
    links_.erase(link.other.circuit);
    links_.erase(circuit);
}

void SiblingCalls::tell_unlinked(Side side)
{
    if (!wires_.runs(side.worker)) return;
    Envelope notice;
    notice.mutable_unlink()->set_circuit_id(side.circuit.value);
    wires_.notify(side.worker, std::move(notice));
}

void SiblingCalls::unlink(WorkerId from, CircuitId circuit)
{
    const auto found = links_.find(circuit);
    if (found == links_.end() || found->second.worker != from) return; // the other side said so first
    const Side other = found->second.other;
    part(circuit);
    tell_unlinked(other);
}

void SiblingCalls::moved(WorkerId from, const proto::LinkMoved& notice)
{
    const auto found = links_.find(CircuitId(notice.circuit_id()));
    if (found == links_.end() || found->second.worker != from || !wires_.runs(found->second.other.worker)) return;
    Envelope out;
    out.mutable_link_moved()->set_circuit_id(found->second.other.circuit.value);
    *out.mutable_link_moved()->mutable_neighbour() = notice.neighbour();
    wires_.notify(found->second.other.worker, std::move(out));
}

// ---- ends

void SiblingCalls::on_worker_gone(WorkerId worker)
{
    std::vector<std::pair<CircuitId, Side>> broken;
    for (const auto& [circuit, link] : links_)
        if (link.worker == worker) broken.emplace_back(circuit, link.other);
    for (const auto& [circuit, other] : broken) {
        part(circuit);
        tell_unlinked(other);
    }
    std::vector<Rpc::Respond> unanswered;
    std::erase_if(open_, [&](const auto& entry) {
        const Open& open = entry.second;
        if (open.from != worker && open.to != worker) return false;
        if (open.from != worker) {
            --holdings_[open.from].open;
            unanswered.push_back(open.respond);
        }
        return true;
    });
    for (const Rpc::Respond& respond : unanswered)
        refuse(respond);
    std::erase_if(offers_, [&](const auto& entry) { return entry.second.worker == worker; });
    const auto gone = holdings_.extract(worker);
    if (gone.empty() || worker == kDiscoverer || !wires_.runs(kDiscoverer)) return;
    // Else nobody could serve those swarms here until the register forgets by itself.
    for (const auto& [key, held] : gone.mapped().introductions) {
        Envelope notice;
        *notice.mutable_forget_introduction() = held.introduction;
        wires_.notify(kDiscoverer, std::move(notice));
    }
}

} // namespace cepa::main
