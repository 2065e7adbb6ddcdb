// The pool with real children against the same contract as the in-process tunnels, and what only real children show:
// traffic in every worker, hand-over of what the kernel steered wrong, a killed worker. The children are this program.
#include "base/file_descriptor.hpp"
#include "main/worker_pool.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/cell/payloads.hpp"
#include "tunnel/crypto/handshake.hpp"
#include "tunnel/crypto/random.hpp"
#include "worker/tunnel_service_contract.hpp"
#include "worker/worker.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <set>
#include <signal.h>
#include <string_view>
#include <sys/socket.h>

namespace cepa::test {
namespace {

struct PoolShape {
    std::uint32_t workers = 1;
    bool front_process = false;
    std::uint32_t max_workers = workers;
};

/// The pool behind the contract's interface: its clock goes with it.
class OwnedPool final : public proto::TunnelService {
public:
    OwnedPool(boost::asio::io_context& io, main::WorkerPoolConfig config) : pool_(io, clock_, std::move(config)) {}
    Result<void> start(proto::TunnelObserver& observer) override { return pool_.start(observer); }
    void create_circuit(const proto::CircuitRequest& request, CircuitReady done) override
    {
        pool_.create_circuit(request, std::move(done));
    }
    void close_circuit(CircuitId circuit) override { pool_.close_circuit(circuit); }
    void send(CircuitId circuit, const Address& to, PacketBuffer& payload) override
    {
        pool_.send(circuit, to, payload);
    }
    void flush() override { pool_.flush(); }
    void monitor(const std::vector<std::string>& hashes) override { pool_.monitor(hashes); }
    void set_swarms(const std::vector<proto::SwarmRequest>& swarms) override { pool_.set_swarms(swarms); }
    void set_payloads(const std::vector<proto::LinkPayload>& links) override { pool_.set_payloads(links); }
    Result<void> set_workers(std::uint32_t count) override { return pool_.set_workers(count); }
    void new_month() override { pool_.new_month(); }
    const proto::TunnelSnapshot& snapshot() const override { return pool_.snapshot(); }
    proto::ServiceInfo info() const override { return pool_.info(); }
    void stop(Duration grace, std::function<void()> done) override { pool_.stop(grace, std::move(done)); }

private:
    BootClock clock_;
    main::WorkerPool pool_;
};

ServiceMaker pool_of(std::string name, PoolShape shape)
{
    return {std::move(name), [shape](boost::asio::io_context& io, worker::InProcessConfig config) {
                main::WorkerPoolConfig out;
                out.settings = config.settings;
                out.identity_key = config.identity_key;
                const auto key = tunnel::PrivateKey::parse(as_bytes(config.identity_key)).value().public_key().encode();
                out.identity_public = std::string(key.begin(), key.end());
                out.listen = config.listen;
                out.workers = shape.workers;
                out.max_workers = shape.max_workers;
                out.force_front_process = shape.front_process;
                out.sync_interval = config.sync_interval;
                return std::make_unique<OwnedPool>(io, std::move(out));
            }};
}

const ServiceMaker kOne = pool_of("one_worker", {1, false});
const ServiceMaker kFour = pool_of("four_workers", {4, false});
const ServiceMaker kGrowing = pool_of("growing", {1, false, 4});
const ServiceMaker kFront = pool_of("front_process", {2, true});

INSTANTIATE_TEST_SUITE_P(Pool, TunnelServiceContract, testing::Values(kOne, kFour, kFront),
                         [](const auto& made) { return made.param.name; });

class RealPool : public TunnelServiceContract {
protected:
    [[nodiscard]] std::set<std::uint32_t> workers_with_data() const
    {
        std::set<std::uint32_t> out;
        for (const auto& [worker, info] : service_->snapshot().workers)
            if (info.data_bytes_down() > 0) out.insert(worker);
        return out;
    }
    bool run_for(std::chrono::milliseconds time, const std::function<bool()>& happened)
    {
        const auto end = std::chrono::steady_clock::now() + time;
        return run_until([&] { return happened() || std::chrono::steady_clock::now() > end; }) && happened();
    }
};
INSTANTIATE_TEST_SUITE_P(Pool, RealPool, testing::Values(kFour), [](const auto& made) { return made.param.name; });

TEST_P(RealPool, EveryWorkerCarriesTrafficOverTheOnePort)
{
    start_network(2, 2);
    start_service(4);
    EXPECT_EQ(service_->info().steering, "reuseport");
    std::vector<CircuitId> circuits;
    for (std::uint32_t i = 0; i < 12; ++i)
        circuits.push_back(circuit(2, i));
    const Endpoint echo{IpAddress::v4(0x7f000001), echo_.local_endpoint().port()};
    std::uint32_t number = 0;
    EXPECT_TRUE(run_until([&] {
        for (const CircuitId id : circuits)
            send(id, echo, datagram(number++));
        (void)run_for(std::chrono::milliseconds(100), [] { return false; });
        return workers_with_data().size() == 4;
    }));
}

TEST_P(RealPool, AKilledWorkerIsReplacedAndTheOthersGoOn)
{
    start_network(1, 1);
    start_service(2);
    ASSERT_TRUE(run_until([&] { return service_->snapshot().workers.size() == 4; }));
    for (const std::uint32_t victim : {0U, 2U}) {
        const auto pid = service_->snapshot().workers.at(victim).pid();
        const auto restarts = service_->info().restarts;
        ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
        EXPECT_TRUE(run_until([&] {
            const auto& workers = service_->snapshot().workers;
            return service_->info().restarts > restarts && workers.contains(victim) && workers.at(victim).has_pid() &&
                   workers.at(victim).pid() != pid;
        }));
        const CircuitId id = circuit(1);
        const std::size_t before = observer_.datagrams.size();
        send(id, Endpoint{IpAddress::v4(0x7f000001), echo_.local_endpoint().port()}, datagram(1));
        EXPECT_TRUE(run_until([&] { return observer_.datagrams.size() > before; }));
    }
}

/// A stranger who sends creates for circuits of every worker in one segmented send: the kernel steers all by the first.
class Stranger {
public:
    explicit Stranger(const std::string& overlay)
    {
        std::ranges::copy(as_bytes(overlay), overlay_.begin());
        fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = ::inet_addr("127.88.0.1");
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    }

    void send_creates(const Endpoint& to, std::uint32_t first_id, std::size_t count)
    {
        Bytes all;
        std::size_t size = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            const Bytes cell = create(CircuitId(first_id + i * 0x01010101U));
            size = cell.size();
            all.insert(all.end(), cell.begin(), cell.end());
        }
        const int segment = static_cast<int>(size);
        ASSERT_EQ(::setsockopt(fd_.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
        sockaddr_storage address{};
        const socklen_t length = to.to_sockaddr(address);
        ASSERT_EQ(::sendto(fd_.get(), all.data(), all.size(), 0, reinterpret_cast<const sockaddr*>(&address), length),
                  static_cast<ssize_t>(all.size()));
    }
    /// A cell of each of the same circuits, one by one, so that the kernel steers each for itself. No key opens them.
    void send_garbage(const Endpoint& to, std::uint32_t first_id, std::size_t count)
    {
        sockaddr_storage address{};
        const socklen_t length = to.to_sockaddr(address);
        for (std::uint32_t i = 0; i < count; ++i) {
            Bytes room(512, 0xee);
            PacketBuffer cell(room, 256, 100);
            tunnel::prepend_cell_header(cell, tunnel::make_prefix(overlay_),
                                        {CircuitId(first_id + i * 0x01010101U), false, false});
            ASSERT_EQ(
                ::sendto(fd_.get(), cell.data(), cell.size(), 0, reinterpret_cast<const sockaddr*>(&address), length),
                static_cast<ssize_t>(cell.size()));
        }
    }
    /// Takes what has arrived and returns how many different circuits were answered so far.
    std::size_t created()
    {
        Bytes packet(2048);
        for (ssize_t got; (got = ::recv(fd_.get(), packet.data(), packet.size(), MSG_DONTWAIT)) > 0;)
            if (const auto header = tunnel::read_cell_header(ByteSpan(packet).first(static_cast<std::size_t>(got))))
                answered_.insert(header->circuit.value);
        return answered_.size();
    }

private:
    Bytes create(CircuitId circuit)
    {
        tunnel::Create message;
        message.identifier = 7;
        message.node_key = key_.public_key();
        message.ephemeral = tunnel::EphemeralKey::generate(random_).public_key;
        Bytes room(512);
        Writer body(MutableByteSpan(room).subspan(256));
        body.u8(static_cast<std::uint8_t>(tunnel::MessageId::create));
        message.write(body);
        PacketBuffer cell(room, 256, body.size());
        tunnel::prepend_cell_header(cell, tunnel::make_prefix(overlay_), {circuit, true, true});
        return {cell.data(), cell.data() + cell.size()};
    }

    tunnel::OverlayId overlay_{};
    FileDescriptor fd_;
    tunnel::SystemRandom random_;
    tunnel::PrivateKey key_ = tunnel::PrivateKey::generate();
    std::set<std::uint32_t> answered_;
};

class RelayPool : public RealPool {
protected:
    void start_relay()
    {
        worker::InProcessConfig wanted = config();
        wanted.settings.set_relay(true);
        service_ = GetParam().make(io_, std::move(wanted));
        ASSERT_TRUE(service_->start(observer_));
        ASSERT_TRUE(run_until([&] { return service_->snapshot().workers.size() == service_->info().workers; }));
    }
    [[nodiscard]] std::uint64_t dropped(std::uint32_t worker, const std::string& why) const
    {
        const auto& drops = service_->snapshot().workers.at(worker).drops();
        return drops.contains(why) ? drops.at(why) : 0;
    }
    [[nodiscard]] std::uint64_t handed_over() const
    {
        std::uint64_t out = 0;
        for (const auto& [worker, info] : service_->snapshot().workers)
            out += info.handed_over();
        return out;
    }
};
INSTANTIATE_TEST_SUITE_P(Pool, RelayPool, testing::Values(kFour), [](const auto& made) { return made.param.name; });

TEST_P(RelayPool, WhatASegmentedSendBringsToTheWrongWorkerIsHandedOver)
{
    start_relay();
    Stranger stranger(overlay_);
    constexpr std::size_t kCreates = 8;
    stranger.send_creates(service_->info().listen, 1000, kCreates);
    EXPECT_TRUE(run_until([&] { return stranger.created() == kCreates; })) << "every create is answered";
    EXPECT_TRUE(run_until([&] { return handed_over() > 0; })) << "not all ids can belong to one of four workers";
}

using GrowingPool = RelayPool;
INSTANTIATE_TEST_SUITE_P(Growing, GrowingPool, testing::Values(kGrowing),
                         [](const auto& made) { return made.param.name; });

TEST_P(GrowingPool, CellsOfOldCircuitsFindTheirWorkerAfterSeveralChanges)
{
    start_relay();
    Stranger stranger(overlay_);
    const Endpoint port = service_->info().listen;
    constexpr std::size_t kCircuits = 40;
    stranger.send_creates(port, 1000, kCircuits);
    ASSERT_TRUE(run_until([&] { return stranger.created() == kCircuits; }));
    for (const std::uint32_t workers : {2U, 4U}) {
        ASSERT_TRUE(service_->set_workers(workers));
        ASSERT_TRUE(run_until([&] { return service_->snapshot().workers.size() == workers; }));
    }
    stranger.send_garbage(port, 1000, kCircuits);
    EXPECT_TRUE(run_until([&] { return dropped(0, "bad_tag") == kCircuits; }))
        << "worker 0, which made them, got " << dropped(0, "bad_tag");
    EXPECT_TRUE(run_until([&] { return handed_over() > 0; })) << "three of four slots moved, some twice";
    for (std::uint32_t worker = 0; worker < 4; ++worker)
        EXPECT_EQ(dropped(worker, "unknown_circuit"), 0U) << worker;
}

} // namespace
} // namespace cepa::test

int main(int argc, char** argv)
{
    if (argc == 2 && std::string_view(argv[1]) == "worker") return cepa::worker::run_worker();
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
