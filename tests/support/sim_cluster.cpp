#include "support/sim_cluster.hpp"

#include "support/packet.hpp"
#include "support/silent_observer.hpp"
#include "tunnel/cell/cell.hpp"
#include "worker/shared_facts.hpp"
#include "worker/sibling_messages.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace cepa::test {

using namespace tunnel;

class SimCluster::Wire final : public PacketSender {
public:
    Wire(SimNetwork& network, const Endpoint& from) : network_(network), from_(from) {}
    void queue(const Endpoint& to, ByteSpan packet, CircuitId) override { queued_.emplace_back(to, packet); }
    void flush() override
    {
        for (const auto& [to, packet] : queued_)
            network_.send(from_, to, packet);
        queued_.clear();
    }
    void send_now(const Endpoint& to, ByteSpan packet) override { network_.send(from_, to, packet); }

private:
    SimNetwork& network_;
    Endpoint from_;
    std::vector<std::pair<Endpoint, ByteSpan>> queued_;
};

/// The siblings as one worker reaches them.
class SimCluster::Sibling final : public Siblings {
public:
    Sibling(SimCluster& hub, std::size_t self) : hub_(hub), self_(self) {}

    void find_introductions(const LookupHash&, IntroductionsFound done) override
    {
        later([done] { done({}); });
    }
    void find_node(const PublicKey&, NodeFound done) override
    {
        later([done] { done(std::nullopt); });
    }
    void register_introduction(const Introduction&, Registered done) override
    {
        later([done] { done(false); });
    }
    void forget_introduction(const Introduction&) override {}
    void offer_rendezvous(const Cookie& cookie, CircuitId circuit) override
    {
        proto::Envelope notice;
        notice.mutable_offer_rendezvous()->set_cookie(worker::text_of(cookie));
        notice.mutable_offer_rendezvous()->set_circuit_id(circuit.value);
        say(std::move(notice));
    }
    void withdraw_rendezvous(const Cookie& cookie) override
    {
        proto::Envelope notice;
        notice.mutable_withdraw_rendezvous()->set_cookie(worker::text_of(cookie));
        say(std::move(notice));
    }
    void link(const Cookie& cookie, LinkHalf mine, Linked done) override
    {
        proto::Envelope call;
        call.mutable_link()->set_cookie(worker::text_of(cookie));
        *call.mutable_link()->mutable_half() = worker::half_to_proto(std::move(mine));
        say(std::move(call), [done = std::move(done)](const Result<proto::Answer>& answer) {
            done(answer && answer->has_half() ? worker::half_from_proto(answer->half()) : std::nullopt);
        });
    }
    void unlinked(CircuitId mine) override
    {
        proto::Envelope notice;
        notice.mutable_unlink()->set_circuit_id(mine.value);
        say(std::move(notice));
    }
    void moved(CircuitId mine, const Endpoint& neighbour) override
    {
        proto::Envelope notice;
        notice.mutable_link_moved()->set_circuit_id(mine.value);
        *notice.mutable_link_moved()->mutable_neighbour() = worker::endpoint_to_proto(neighbour);
        say(std::move(notice));
    }
    void pass_on(CircuitId, const Endpoint&, PacketBuffer&) override {}

private:
    void say(proto::Envelope message, proto::Rpc::Reply reply = nullptr);
    void later(std::function<void()> what) { hub_.network_.at(kHubLatency, std::move(what)); }

    SimCluster& hub_;
    std::size_t self_;
};

struct SimCluster::Worker {
    struct Mine final : CircuitIdOwner {
        Mine(const SimCluster& c, std::size_t s) : cluster(c), self(s) {}
        [[nodiscard]] bool is_mine(CircuitId id) const noexcept override { return cluster.owner(id) == self; }
        const SimCluster& cluster;
        std::size_t self;
    };
    Worker(SimCluster& cluster, std::size_t self)
        : random(self + 1), wire(cluster.network_, cluster.address_), ids(cluster, self), siblings(cluster, self)
    {
    }

    TestRandom random;
    Wire wire;
    RecordingSockets sockets;
    HeldResolver resolver;
    Mine ids;
    Sibling siblings;
    SilentObserver observer;
    std::unique_ptr<Tunnel> tunnel;
    std::uint64_t life = 0;
};

SimCluster::SimCluster(SimNetwork& network, const Endpoint& address, std::size_t workers, TunnelSettings settings)
    : network_(network), address_(address), settings_(std::move(settings))
{
    for (std::size_t i = 0; i < workers; ++i)
        workers_.push_back(std::make_unique<Worker>(*this, i));
    for (std::size_t i = 0; i < workers; ++i) {
        start(i);
        lives_known_.push_back(workers_[i]->life);
    }
    network_.attach(address_, [this](const SimPacket& packet) { receive(packet); });
    ticking_ = network_.every(std::chrono::milliseconds(50), [this] {
        for (const auto& worker : workers_)
            worker->tunnel->tick();
    });
}

SimCluster::~SimCluster()
{
    network_.cancel(ticking_);
    network_.detach(address_);
}

void SimCluster::start(std::size_t index)
{
    Worker& worker = *workers_[index];
    worker.life = ++lives_;
    worker.tunnel.reset();
    worker.tunnel = std::make_unique<Tunnel>(settings_,
                                             Environment{network_.clock(), worker.random, worker.wire, worker.sockets,
                                                         worker.resolver, worker.ids, &worker.siblings},
                                             worker.observer);
    worker.tunnel->share({}, {address_}, {});
}

void SimCluster::receive(const SimPacket& packet)
{
    const ByteSpan bytes = packet.bytes;
    std::size_t worker = 0;
    if (const auto header = read_cell_header(bytes)) {
        worker = owner(header->circuit);
    } else if (packet_message_id(bytes) == static_cast<std::uint8_t>(MessageId::destroy)) {
        Reader reader(bytes.subspan(kPrefixSize + 1));
        static_cast<void>(reader.varlen());
        worker = owner(CircuitId(reader.u32()));
    }
    deliver(worker, packet);
}

void SimCluster::deliver(std::size_t worker, const SimPacket& packet)
{
    OwnedPacket owned(packet.bytes);
    workers_[worker]->tunnel->on_packet(packet.from, owned.buffer());
    workers_[worker]->tunnel->on_batch_end();
}

std::uint64_t SimCluster::dropped(const std::string& why) const
{
    std::uint64_t out = 0;
    for (const auto& worker : workers_) {
        const auto drops = worker->tunnel->counters().drops;
        const auto found = drops.find(why);
        out += found == drops.end() ? 0 : found->second;
    }
    return out;
}

void SimCluster::Sibling::say(proto::Envelope message, proto::Rpc::Reply reply)
{
    const Sender self{self_, hub_.workers_[self_]->life};
    later([this, self, message = std::move(message), reply = std::move(reply)] { hub_.say(self, message, reply); });
}

// --- main

bool SimCluster::runs(WorkerId worker)
{
    return lives_known_[worker.value] != 0;
}

bool SimCluster::may_have(WorkerId worker, CircuitId circuit)
{
    return owner(circuit) == worker.value;
}

void SimCluster::reach(LinkStage stage, const proto::Link& link)
{
    const auto offered = offered_.find(link.cookie());
    if (before && offered != offered_.end()) before(stage, owner(CircuitId(link.half().circuit_id())), offered->second);
}

void SimCluster::say(const Sender& from, const proto::Envelope& message, proto::Rpc::Reply reply)
{
    if (message.has_offer_rendezvous()) offered_[message.offer_rendezvous().cookie()] = from.worker;
    if (message.has_link()) reach(LinkStage::asked, message.link());
    const auto respond = [this, from, link = message.link(), reply = std::move(reply)](proto::Answer answer) {
        network_.at(kHubLatency, [this, from, link, reply, answer = std::move(answer)]() mutable {
            reach(LinkStage::answering, link);
            if (reply && workers_[from.worker]->life == from.life) reply(std::move(answer));
        });
    };
    const WorkerId worker(static_cast<std::uint16_t>(from.worker));
    EXPECT_EQ(calls_.on_call(worker, message, respond), main::SiblingCalls::Verdict::served);
}

/// A call to a worker that has died meanwhile is never answered: its stream's end is what main hears.
void SimCluster::call(WorkerId worker, proto::Envelope envelope, Duration timeout, proto::Rpc::Reply reply)
{
    const Sender to{worker.value, lives_known_[worker.value]};
    const auto asked = std::make_shared<proto::Rpc::Reply>(std::move(reply));
    const auto answer = [asked](Result<proto::Answer> said) {
        if (const auto once = std::exchange(*asked, nullptr)) once(std::move(said));
    };
    network_.at(timeout, [answer] { answer(fail(make_error_code(proto::ProtoError::timed_out))); });
    network_.at(kHubLatency, [this, to, envelope = std::move(envelope), answer] {
        if (envelope.has_link()) reach(LinkStage::passing, envelope.link());
        if (workers_[to.worker]->life != to.life) return;
        proto::Answer said = serve(to.worker, envelope);
        if (envelope.has_link()) reach(LinkStage::linked, envelope.link());
        network_.at(kHubLatency, [answer, said = std::move(said)]() mutable { answer(std::move(said)); });
    });
}

void SimCluster::notify(WorkerId worker, proto::Envelope envelope)
{
    const Sender to{worker.value, lives_known_[worker.value]};
    network_.at(kHubLatency, [this, to, envelope = std::move(envelope)] {
        if (workers_[to.worker]->life == to.life) static_cast<void>(serve(to.worker, envelope));
    });
}

/// See worker/sibling_service.cpp, which needs a pipe.
proto::Answer SimCluster::serve(std::size_t worker, const proto::Envelope& call)
{
    proto::Answer answer;
    ForSiblings& tunnel = workers_[worker]->tunnel->for_siblings();
    if (call.has_unlink()) tunnel.unlink(CircuitId(call.unlink().circuit_id()));
    if (call.has_link_moved())
        if (const auto neighbour = worker::endpoint_from_proto(call.link_moved().neighbour()))
            tunnel.moved(CircuitId(call.link_moved().circuit_id()), *neighbour);
    if (!call.has_link()) return answer;
    const auto cookie = worker::hash_from_proto(call.link().cookie());
    auto theirs = worker::half_from_proto(call.link().half());
    EXPECT_TRUE(cookie && theirs);
    auto ours = cookie && theirs ? tunnel.link(*cookie, std::move(*theirs)) : std::nullopt;
    if (ours)
        *answer.mutable_half() = worker::half_to_proto(std::move(*ours));
    else
        answer.set_error("nobody waits");
    return answer;
}

void SimCluster::kill(std::size_t worker)
{
    start(worker);
    network_.at(kHubLatency, [this, worker, life = workers_[worker]->life] {
        lives_known_[worker] = 0;
        calls_.on_worker_gone(WorkerId(static_cast<std::uint16_t>(worker)));
        lives_known_[worker] = life;
    });
}

} // namespace cepa::test
