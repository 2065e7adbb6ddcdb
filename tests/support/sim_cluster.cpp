#include "support/sim_cluster.hpp"

#include "support/packet.hpp"
#include "tunnel/cell/cell.hpp"

namespace cepa::test {

using namespace tunnel;

namespace {

struct Unheard final : TunnelObserver {
    void on_data(CircuitId, const Address&, PacketBuffer&) override {}
    void on_circuit_ready(CircuitId) override {}
    void on_circuit_closed(CircuitId, std::string_view) override {}
    void on_candidates_changed() override {}
    void on_guards_changed(const std::vector<Guard>&) override {}
    void on_address_changed() override {}
    void on_resumed() override {}
    void on_limit(std::string_view) override {}
    void on_swarm_seen(ByteSpan) override {}
};

} // namespace

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
        later([this, cookie, circuit] { hub_.offers_.emplace(cookie, Side{self_, circuit}); });
    }
    void withdraw_rendezvous(const Cookie& cookie) override
    {
        later([this, cookie] { hub_.offers_.erase(cookie); });
    }
    void link(const Cookie& cookie, LinkHalf mine, Linked done) override;
    void unlinked(CircuitId mine) override
    {
        later([this, mine] { hub_.unlink(mine); });
    }
    void moved(CircuitId, const Endpoint&) override {}
    void pass_on(CircuitId, const Endpoint&, PacketBuffer&) override {}

private:
    /// What was written before a death is still read.
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
    Unheard observer;
    std::unique_ptr<Tunnel> tunnel;
    std::uint64_t life = 0;
};

SimCluster::SimCluster(SimNetwork& network, const Endpoint& address, std::size_t workers, TunnelSettings settings)
    : network_(network), address_(address), settings_(std::move(settings))
{
    for (std::size_t i = 0; i < workers; ++i)
        workers_.push_back(std::make_unique<Worker>(*this, i));
    for (std::size_t i = 0; i < workers; ++i)
        start(i);
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

void SimCluster::reach(LinkStage stage, const Side& asking, const Side& waiting)
{
    if (before) before(stage, asking.worker, waiting.worker);
}

void SimCluster::tell(const Side& side, std::function<void(ForSiblings&)> what)
{
    network_.at(kHubLatency, [this, side, life = workers_[side.worker]->life, what = std::move(what)] {
        if (workers_[side.worker]->life == life) what(workers_[side.worker]->tunnel->for_siblings());
    });
}

void SimCluster::Sibling::link(const Cookie& cookie, LinkHalf mine, Linked done)
{
    const Side asking{self_, mine.circuit};
    auto half = std::make_shared<LinkHalf>(std::move(mine));
    later([this, cookie, half, done = std::move(done), asking, life = hub_.workers_[self_]->life] {
        hub_.link({asking, {}, half, done, life}, cookie);
    });
}

void SimCluster::link(Pending wanted, const Cookie& cookie)
{
    const auto pending = std::make_shared<Pending>(std::move(wanted));
    const auto found = offers_.find(cookie);
    if (found == offers_.end()) return answer(pending, nullptr);
    pending->waiting = found->second;
    reach(LinkStage::asked, pending->asking, pending->waiting);
    if (!offers_.contains(cookie)) return answer(pending, nullptr); // it died just now
    offers_.erase(cookie);
    // Who asked may have died since; main then hears of a worker's end after what it had said.
    if (workers_[pending->asking.worker]->life != pending->asking_life) {
        tell(pending->waiting, [circuit = pending->waiting.circuit](ForSiblings& tunnel) { tunnel.unlink(circuit); });
        return;
    }
    others_[pending->asking.circuit] = pending->waiting;
    others_[pending->waiting.circuit] = pending->asking;
    network_.at(kHubLatency, [this, pending, cookie, life = workers_[pending->waiting.worker]->life] {
        reach(LinkStage::passing, pending->asking, pending->waiting);
        if (workers_[pending->waiting.worker]->life != life) return answer(pending, nullptr);
        auto ours = workers_[pending->waiting.worker]->tunnel->for_siblings().link(cookie, std::move(*pending->half));
        auto half = ours ? std::make_shared<LinkHalf>(std::move(*ours)) : nullptr;
        reach(LinkStage::linked, pending->asking, pending->waiting);
        network_.at(kHubLatency, [this, pending, half] { answer(pending, half); });
    });
}

void SimCluster::answer(const std::shared_ptr<Pending>& pending, std::shared_ptr<LinkHalf> half)
{
    const bool stands = others_.contains(pending->asking.circuit);
    if (half && !stands) half = nullptr;
    network_.at(kHubLatency, [this, pending, half] {
        reach(LinkStage::answering, pending->asking, pending->waiting);
        if (workers_[pending->asking.worker]->life != pending->asking_life) return;
        pending->done(half ? std::optional(std::move(*half)) : std::nullopt);
    });
}

void SimCluster::unlink(CircuitId circuit)
{
    const auto found = others_.find(circuit);
    if (found == others_.end()) return;
    const Side other = found->second;
    others_.erase(circuit);
    others_.erase(other.circuit);
    tell(other, [circuit = other.circuit](ForSiblings& tunnel) { tunnel.unlink(circuit); });
}

void SimCluster::kill(std::size_t worker)
{
    start(worker);
    std::vector<CircuitId> broken;
    for (const auto& [circuit, other] : others_)
        if (owner(circuit) == worker) broken.push_back(circuit);
    for (const CircuitId circuit : broken)
        unlink(circuit);
    std::erase_if(offers_, [&](const auto& offer) { return offer.second.worker == worker; });
}

} // namespace cepa::test
