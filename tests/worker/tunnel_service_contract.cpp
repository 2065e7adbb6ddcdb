#include "worker/tunnel_service_contract.hpp"

#include "support/loop.hpp"
#include "support/packet.hpp"
#include "tunnel/crypto/keys.hpp"
#include "worker/shared_facts.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address_v4.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <random>
#include <set>

namespace cepa::test {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

Address address_of(const udp::endpoint& endpoint)
{
    return Endpoint{IpAddress::v4(endpoint.address().to_v4().to_uint()), endpoint.port()};
}

template <class Encoded>
std::string text(const Encoded& key)
{
    return {key.begin(), key.end()};
}

} // namespace

void RememberingObserver::on_datagram(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    EXPECT_GE(payload.headroom(), 10U);
    datagrams.push_back({circuit, origin, {payload.data(), payload.data() + payload.size()}});
}

void RememberingObserver::on_circuit_dead(CircuitId circuit, const std::string& reason)
{
    note_call();
    dead[circuit.value] = reason;
}

void RememberingObserver::on_hidden_link(CircuitId circuit, const proto::HiddenLink& link)
{
    note_call();
    links[circuit.value] = link;
}

void RememberingObserver::on_sync()
{
    note_call();
    ++syncs;
}

TunnelServiceContract::TunnelServiceContract() : echo_(io_, udp::endpoint(asio::ip::address_v4::loopback(), 0))
{
    tunnel::init_crypto();
    std::random_device random;
    for (int i = 0; i < 20; ++i) overlay_ += static_cast<char>(random());
    receive_echo();
}

TunnelServiceContract::~TunnelServiceContract()
{
    EXPECT_FALSE(observer_.broke_the_rule) << "a callback came from inside a call";
    int running = 0;
    const auto stop = [&](proto::TunnelService& service) {
        ++running;
        service.stop(std::chrono::seconds(5), [&running] { --running; });
    };
    if (service_) stop(*service_);
    for (const auto& node : nodes_) stop(*node->service);
    EXPECT_TRUE(run_until([&] { return running == 0; }));
}

void TunnelServiceContract::receive_echo()
{
    echo_.async_receive_from(asio::buffer(echo_buffer_), echo_peer_, [this](ErrorCode error, std::size_t size) {
        if (error) return;
        echo_sources_.push_back(address_of(echo_peer_).endpoint);
        ErrorCode ignored;
        echo_.send_to(asio::buffer(echo_buffer_, size), echo_peer_, 0, ignored);
        receive_echo();
    });
}

bool TunnelServiceContract::run_until(const std::function<bool()>& happened)
{
    return test::run_until(io_, happened, std::chrono::seconds(40));
}

worker::InProcessConfig TunnelServiceContract::config()
{
    worker::InProcessConfig out;
    out.identity_key = text(tunnel::PrivateKey::generate().encode());
    out.listen = Endpoint::parse("127.77.0." + std::to_string(next_address_++) + ":0").value();
    out.sync_interval = std::chrono::milliseconds(100);
    out.settings.set_overlay_id(overlay_);
    out.settings.set_allow_loopback(true);
    out.settings.set_allow_equal_prefixes(true);
    out.settings.set_resolve_names(true);
    for (const auto& node : nodes_) *out.settings.add_walk_to() = worker::endpoint_to_proto(node->service->info().listen);
    return out;
}

TunnelServiceContract::Node& TunnelServiceContract::add_node(bool exit)
{
    auto node = std::make_unique<Node>();
    worker::InProcessConfig wanted = config();
    wanted.settings.set_relay(true);
    wanted.settings.set_exit_bittorrent(exit);
    node->address = wanted.listen.ip.to_string();
    node->service = worker::make_in_process_tunnels(io_, std::move(wanted));
    EXPECT_TRUE(node->service->start(node->observer));
    nodes_.push_back(std::move(node));
    return *nodes_.back();
}

void TunnelServiceContract::start_network(int relays, int exits)
{
    for (int i = 0; i < relays; ++i) add_node(false);
    for (int i = 0; i < exits; ++i) add_node(true);
    const int others = relays + exits - 1;
    ASSERT_TRUE(run_until([&] {
        return std::ranges::all_of(nodes_, [&](const auto& node) { return node->service->snapshot().share.candidates_size() >= others; });
    })) << "the network did not find itself";
}

void TunnelServiceContract::start_service(int candidates)
{
    service_ = GetParam().make(io_, config());
    observer_.inside_a_call = true;
    const auto started = service_->start(observer_);
    observer_.inside_a_call = false;
    ASSERT_TRUE(started) << started.error().message();
    ASSERT_TRUE(run_until([&] { return service_->snapshot().share.candidates_size() >= candidates; }));
}

Result<CircuitId> TunnelServiceContract::try_circuit(std::uint8_t hops, std::uint32_t group)
{
    std::optional<Result<CircuitId>> result;
    observer_.inside_a_call = true;
    service_->create_circuit({hops, GroupId(group)}, [&](Result<CircuitId> made) {
        EXPECT_FALSE(observer_.inside_a_call);
        EXPECT_FALSE(result) << "answered twice";
        result = made;
    });
    observer_.inside_a_call = false;
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    return result.value_or(fail(asio::error::timed_out));
}

CircuitId TunnelServiceContract::circuit(std::uint8_t hops, std::uint32_t group)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
        if (const auto made = try_circuit(hops, group)) return *made;
        (void)test::run_until(io_, [] { return false; }, std::chrono::milliseconds(100)); // candidates may be on their way
    }
    ADD_FAILURE() << "no circuit of " << int(hops) << " hops";
    return CircuitId();
}

void TunnelServiceContract::send(CircuitId circuit, const Address& to, const Bytes& payload)
{
    OwnedPacket packet(payload);
    observer_.inside_a_call = true;
    service_->send(circuit, to, packet.buffer());
    service_->flush();
    observer_.inside_a_call = false;
}

Bytes TunnelServiceContract::datagram(std::uint32_t number, std::size_t size)
{
    Bytes out(size, 0xab);
    Writer writer(out);
    writer.u8(0x01); // uTP version 1, type data
    writer.u8(0);
    writer.u32(number);
    return out;
}

TEST_P(TunnelServiceContract, StartsOnAFreePortAndSaysWhich)
{
    start_service();
    EXPECT_NE(service_->info().listen.port, 0);
    EXPECT_EQ(service_->info().restarts, 0U);
}

TEST_P(TunnelServiceContract, APortInUseIsAnError)
{
    worker::InProcessConfig wanted = config();
    udp::socket other(io_, udp::endpoint(asio::ip::make_address_v4(wanted.listen.ip.to_string()), 0));
    wanted.listen.port = other.local_endpoint().port();
    const auto service = GetParam().make(io_, std::move(wanted));
    const auto started = service->start(observer_);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), boost::system::errc::address_in_use);
}

TEST_P(TunnelServiceContract, ReportsItsWorkersAndTheirProcesses)
{
    start_service();
    ASSERT_TRUE(run_until([&] { return service_->snapshot().workers.contains(0) && service_->snapshot().workers.at(0).has_pid(); }));
    EXPECT_EQ(::kill(static_cast<pid_t>(service_->snapshot().workers.at(0).pid()), 0), 0);
    const int before = observer_.syncs;
    EXPECT_TRUE(run_until([&] { return observer_.syncs > before + 1; }));
}

TEST_P(TunnelServiceContract, WithoutPeersACircuitFailsOnceAndLater)
{
    start_service();
    EXPECT_FALSE(try_circuit(1));
    EXPECT_FALSE(try_circuit(3));
    EXPECT_TRUE(observer_.dead.empty()) << "what was never delivered does not die";
}

TEST_P(TunnelServiceContract, CarriesDatagramsThroughOneToThreeHopsAndBack)
{
    start_network(3, 2);
    start_service(5);
    const Address echo = address_of(echo_.local_endpoint());
    for (std::uint8_t hops = 1; hops <= 3; ++hops) {
        const CircuitId id = circuit(hops, hops);
        ASSERT_TRUE(service_->snapshot().circuits.contains(id.value)) << "the snapshot knows it when it is delivered";
        const proto::CircuitInfo info = service_->snapshot().circuits.at(id.value);
        EXPECT_EQ(info.state(), proto::CIRCUIT_READY);
        EXPECT_EQ(info.hops_size(), hops);
        EXPECT_EQ(info.group(), hops);
        std::set<std::string> mids;
        for (const auto& hop : info.hops()) mids.insert(hop.mid());
        EXPECT_EQ(mids.size(), hops) << "no hop twice";
        observer_.datagrams.clear();
        constexpr std::uint32_t kCount = 50;
        std::set<Bytes> expected;
        for (std::uint32_t i = 0; i < kCount; ++i) {
            expected.insert(datagram(i, 100 + i * 25)); // up to what fits three layers
            send(id, echo, datagram(i, 100 + i * 25));
        }
        ASSERT_TRUE(run_until([&] { return observer_.datagrams.size() >= kCount; })) << int(hops) << " hops";
        std::set<Bytes> got;
        for (const auto& d : observer_.datagrams) {
            EXPECT_EQ(d.circuit, id);
            EXPECT_EQ(d.origin, echo);
            got.insert(d.payload);
        }
        EXPECT_EQ(got, expected);
        EXPECT_GT(observer_.batches, 0);
    }
    // Nobody but exits was seen.
    for (const Endpoint& source : echo_sources_) {
        const bool an_exit = source.ip.to_string() == nodes_[3]->address || source.ip.to_string() == nodes_[4]->address;
        EXPECT_TRUE(an_exit) << source.to_string();
    }
}

TEST_P(TunnelServiceContract, HostNamesAreResolvedAtTheExit)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    send(id, Address("localhost", echo_.local_endpoint().port()), datagram(1));
    EXPECT_TRUE(run_until([&] { return observer_.datagrams.size() == 1; }));
}

TEST_P(TunnelServiceContract, AStaleCircuitIdDropsAndHarmsNothing)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    const Address echo = address_of(echo_.local_endpoint());
    send(CircuitId(id.value + 1), echo, datagram(1));
    send(id, echo, datagram(2));
    ASSERT_TRUE(run_until([&] { return !observer_.datagrams.empty(); }));
    EXPECT_EQ(observer_.datagrams.size(), 1U);
    EXPECT_EQ(observer_.datagrams[0].payload, datagram(2));
}

TEST_P(TunnelServiceContract, AClosedCircuitIsReportedDeadAndLeavesTheSnapshot)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    observer_.inside_a_call = true;
    service_->close_circuit(id);
    observer_.inside_a_call = false;
    EXPECT_TRUE(run_until([&] { return observer_.dead.contains(id.value); }));
    EXPECT_TRUE(run_until([&] {
        const auto& circuits = service_->snapshot().circuits;
        return !circuits.contains(id.value) || circuits.at(id.value).state() == proto::CIRCUIT_CLOSING;
    }));
}

TEST_P(TunnelServiceContract, ACircuitWhoseExitLeavesIsReportedDead)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    bool stopped = false;
    nodes_[1]->service->stop(std::chrono::seconds(1), [&] { stopped = true; });
    EXPECT_TRUE(run_until([&] { return stopped && observer_.dead.contains(id.value); }));
    EXPECT_FALSE(observer_.dead[id.value].empty());
}

TEST_P(TunnelServiceContract, SnapshotTellsOfCandidatesAndDiscovery)
{
    start_network(2, 1);
    start_service(3);
    ASSERT_TRUE(run_until([&] { return service_->snapshot().discovery.exits() == 1 && service_->snapshot().discovery.relays() >= 2; }));
    const auto facts = worker::facts_from_proto(service_->snapshot().share);
    std::set<std::string> addresses;
    for (const auto& candidate : facts.candidates) addresses.insert(candidate.address.to_string());
    for (const auto& node : nodes_) EXPECT_TRUE(addresses.contains(node->service->info().listen.to_string()));
}

TEST_P(TunnelServiceContract, CountersRiseWithTheTraffic)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    for (std::uint32_t i = 0; i < 20; ++i) send(id, address_of(echo_.local_endpoint()), datagram(i, 1000));
    EXPECT_TRUE(run_until([&] {
        const auto& info = service_->snapshot().circuits.at(id.value);
        return info.bytes_up() >= 20'000 && info.bytes_down() >= 20'000;
    }));
    std::uint64_t up = 0;
    for (const auto& [worker, info] : service_->snapshot().workers) up += info.data_bytes_up();
    EXPECT_GE(up, 20'000U);
}

TEST_P(TunnelServiceContract, AHiddenSwarmIsFoundLinkedAndLetGo)
{
    start_network(5, 0);
    Node& seeder = add_node(false);
    const std::string hash = overlay_; // any 20 bytes that are this test's own
    const auto key = tunnel::PrivateKey::generate().encode();
    seeder.service->set_swarms({{hash, 1, GroupId(7), false, text(key)}});
    ASSERT_TRUE(run_until([&] {
        const auto& swarms = seeder.service->snapshot().swarms;
        return swarms.contains(hash) && swarms.at(hash).introduction_points() == proto::kIntroductionPoints;
    })) << "introduction points";
    start_service(5);
    observer_.inside_a_call = true;
    service_->set_swarms({{hash, 1, GroupId(8), true, ""}});
    observer_.inside_a_call = false;
    ASSERT_TRUE(run_until([&] { return !observer_.links.empty(); })) << "a link";
    const auto& [circuit, link] = *observer_.links.begin();
    EXPECT_EQ(link.lookup_hash(), hash);
    EXPECT_EQ(link.seeder_key().size(), proto::kSwarmKeySize);
    EXPECT_TRUE(run_until([&] {
        const auto& swarms = service_->snapshot().swarms;
        return swarms.contains(hash) && swarms.at(hash).links() == 1;
    }));

    const Endpoint anywhere = Endpoint::parse("241.1.2.3:1024").value();
    ASSERT_TRUE(run_until([&] {
        send(CircuitId(circuit), anywhere, datagram(1, 1200));
        return !seeder.observer.datagrams.empty();
    }));
    EXPECT_TRUE(seeder.observer.datagrams[0].origin.is_null());
    EXPECT_EQ(seeder.observer.datagrams[0].payload, datagram(1, 1200));
    ASSERT_EQ(seeder.observer.links.size(), 1U);
    EXPECT_TRUE(seeder.observer.links.begin()->second.seeder_key().empty()) << "it is the seeder";
    OwnedPacket answer(datagram(2));
    seeder.service->send(seeder.observer.datagrams[0].circuit, anywhere, answer.buffer());
    seeder.service->flush();
    ASSERT_TRUE(run_until([&] { return !observer_.datagrams.empty(); }));
    EXPECT_EQ(observer_.datagrams[0].circuit, CircuitId(circuit));
    EXPECT_TRUE(observer_.datagrams[0].origin.is_null());

    service_->set_swarms({});
    EXPECT_TRUE(run_until([&] { return observer_.dead.contains(circuit); })) << "its end is told";
    EXPECT_TRUE(run_until([&] { return service_->snapshot().swarms.empty(); }));
}

TEST_P(TunnelServiceContract, StopsOnceAndThenRefuses)
{
    start_network(1, 1);
    start_service(2);
    const CircuitId id = circuit(1);
    int done = 0;
    service_->stop(std::chrono::seconds(5), [&] { ++done; });
    EXPECT_EQ(done, 0) << "never from inside the call";
    ASSERT_TRUE(run_until([&] { return done == 1; }));
    send(id, address_of(echo_.local_endpoint()), datagram(1));
    EXPECT_FALSE(try_circuit(1));
    EXPECT_EQ(done, 1);
}

TEST_P(TunnelServiceContract, MayBeDestroyedWithCallsUnderWay)
{
    start_network(1, 1);
    start_service(2);
    service_->create_circuit({1, GroupId(1)}, [](Result<CircuitId>) {});
    service_->monitor({std::string(20, 'x')});
    service_.reset();
    test::run_ready(io_);
}

} // namespace cepa::test
