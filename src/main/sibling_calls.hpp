// What workers ask of each other for hidden services of others, passed on between them: lookups and the register of
// introduction points go to worker 0, a rendezvous link to the worker whose circuit waits under its cookie. Remembers
// which circuits are linked, so that the end of one worker is told to the other at once.
// A worker is believed only about circuits that steer to it; everything it can make main keep is bounded.
// Pure state over SiblingWires. Process: main, io thread. Spec: docs/protocol.md, section 35.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "proto/rpc.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace cepa::main {

/// The pool, as this part sees it.
class SiblingWires {
public:
    virtual ~SiblingWires() = default;
    /// Whether that worker can be asked anything now.
    [[nodiscard]] virtual bool runs(WorkerId worker) = 0;
    /// Whether a circuit of that id can be that worker's.
    [[nodiscard]] virtual bool may_have(WorkerId worker, CircuitId circuit) = 0;
    /// Needs runs(). See proto::Rpc.
    virtual void call(WorkerId worker, proto::Envelope envelope, Duration timeout, proto::Rpc::Reply reply) = 0;
    virtual void notify(WorkerId worker, proto::Envelope envelope) = 0;
};

class SiblingCalls {
public:
    static constexpr std::size_t kMostOffers = 512;        ///< of one worker
    static constexpr std::size_t kMostLinks = 4096;        ///< that one worker has a side of
    static constexpr std::size_t kMostIntroductions = 256; ///< of one worker
    static constexpr std::size_t kMostOpen = 256;          ///< calls of one worker under way
    static constexpr Duration kLookupTimeout = std::chrono::seconds(11);
    /// Before the worker gives up by itself (worker/rpc_siblings.cpp): it must not refuse what then stands.
    static constexpr Duration kRegisterTimeout = std::chrono::seconds(4);
    static constexpr Duration kLinkTimeout = std::chrono::seconds(1);

    enum class Verdict : std::uint8_t { served, misbehaved, not_mine };

    /// `wires` must outlive this.
    explicit SiblingCalls(SiblingWires& wires) : wires_(wires) {}

    /// A call or notice of a worker. Misbehaved: the worker is to be ended. Not mine: it is of another kind.
    [[nodiscard]] Verdict on_call(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond);
    /// Its process is gone with all its circuits: who was linked with them is told before this returns.
    void on_worker_gone(WorkerId worker);

    [[nodiscard]] std::size_t links() const noexcept { return links_.size() / 2; }
    [[nodiscard]] std::size_t offers() const noexcept { return offers_.size(); }
    /// Calls that were turned down although nobody misbehaved: too many at a time, or no worker 0.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

private:
    struct Side {
        WorkerId worker;
        CircuitId circuit;
    };
    struct Link {
        WorkerId worker; ///< of the circuit that is the key
        Side other;
    };
    struct Held {
        proto::Introduction introduction;
        std::uint64_t said = 0; ///< a later one is larger
    };
    struct Holdings {
        std::size_t offers = 0;
        std::size_t links = 0;
        std::size_t open = 0;
        std::map<std::string, Held> introductions; ///< by swarm key: what worker 0 may have of that worker
    };

    /// A call that was passed on and is not answered yet.
    struct Open {
        WorkerId from;
        WorkerId to;
        proto::Rpc::Respond respond;
    };
    using OnAnswer = std::function<void(Result<proto::Answer>&&, const proto::Rpc::Respond&)>;

    void pass_on(WorkerId from, WorkerId to, proto::Envelope call, Duration timeout, proto::Rpc::Respond respond,
                 OnAnswer on_answer);
    void ask_worker_zero(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond);
    void register_introduction(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond);
    void hold(WorkerId from, const proto::Introduction& introduction);
    bool release(WorkerId from, const proto::Introduction& introduction);
    void forget_introduction(WorkerId from, const proto::Introduction& introduction);
    void offer(WorkerId from, const proto::Rendezvous& rendezvous);
    void withdraw(WorkerId from, const std::string& cookie);
    void link(WorkerId from, const proto::Link& wanted, proto::Rpc::Respond respond);
    void on_linked(Side asking, Side waiting, Result<proto::Answer>&& answer, const proto::Rpc::Respond& respond);
    void join(Side asking, Side waiting);
    void part(CircuitId circuit);
    void unlink(WorkerId from, CircuitId circuit);
    void moved(WorkerId from, const proto::LinkMoved& notice);
    void tell_unlinked(Side side);
    void refuse(const proto::Rpc::Respond& respond);

    SiblingWires& wires_;
    std::unordered_map<WorkerId, Holdings> holdings_;
    std::map<std::string, Side> offers_;        ///< by cookie; ordered: strangers choose cookies
    std::unordered_map<CircuitId, Link> links_; ///< each link under both its circuits
    std::map<std::uint64_t, Open> open_;
    std::uint64_t last_open_ = 0;
    std::uint64_t last_said_ = 0;
    std::uint64_t refused_ = 0;
    /// Replies hold a weak reference to it: they may come after us.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
