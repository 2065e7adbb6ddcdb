#include "worker/sync_source.hpp"

#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace cepa::worker {
namespace {

using std::chrono::milliseconds;
using test::endpoint;

class SyncSourceTest : public testing::Test {
protected:
    SyncSourceTest() { tunnel::init_crypto(); }

    /// All frames of one call as one message: what main ends up with.
    proto::Sync take(SyncSource& source)
    {
        proto::Sync all;
        for (const proto::Sync& frame : source.take(tunnel_, counters_, now_)) all.MergeFrom(frame);
        return all;
    }
    static tunnel::CircuitView circuit(std::uint32_t id)
    {
        tunnel::CircuitView view;
        view.id = CircuitId(id);
        view.group = 9;
        view.wanted_hops = 3;
        view.hops = {{{1, 2, 3}, endpoint("1.2.3.4:5"), 11}, {{4, 5, 6}, Endpoint(), 0}};
        view.bytes_up = 100;
        view.age = milliseconds(1500);
        view.round_trip = std::chrono::microseconds(321);
        view.purpose = tunnel::CircuitPurpose::rendezvous;
        return view;
    }

    struct Nothing : tunnel::TunnelObserver {
        void on_data(CircuitId, const Address&, PacketBuffer&) override {}
        void on_circuit_ready(CircuitId) override {}
        void on_circuit_closed(CircuitId, std::string_view) override {}
        void on_candidates_changed() override {}
        void on_guards_changed(const std::vector<tunnel::Guard>&) override {}
        void on_address_changed() override {}
        void on_resumed() override {}
        void on_limit(std::string_view) override {}
        void on_swarm_seen(ByteSpan) override {}
    } nothing_;
    BootClock clock_;
    test::FakePackets packets_;
    test::FakeResolver resolver_;
    test::EveryId ids_;
    boost::asio::io_context io_;
    tunnel::UdpExitSockets exits_{io_, endpoint("127.0.0.1:0")};
    struct Zeros : tunnel::RandomSource {
        void fill(MutableByteSpan) noexcept override {}
        std::uint32_t below(std::uint32_t) noexcept override { return 0; }
    } random_;
    tunnel::Tunnel tunnel_{test::test_settings(), {clock_, random_, packets_, exits_, resolver_, ids_}, nothing_};
    tunnel::FakeTunnel& fake_ = tunnel::FakeTunnel::newest();
    proto::WorkerInfo counters_;
    TimePoint now_{std::chrono::hours(1)};
};

TEST_F(SyncSourceTest, TheFirstFrameHoldsEverything)
{
    fake_.circuit_views = {circuit(7)};
    fake_.circuit_views[0].state = tunnel::CircuitState::ready;
    fake_.relay_views = {{CircuitId(8), CircuitId(9), 10, 20, milliseconds(30)}};
    fake_.exit_views = {{CircuitId(11), true, 1, 2, 3, milliseconds(4)}};
    fake_.counted.cells_in = 12;
    fake_.counted.drops = {{"malformed", 5}};
    (*counters_.mutable_drops())["malformed"] = 2;
    counters_.set_pipe_drops(6);
    SyncSource source(WorkerId(3), 0);
    const proto::Sync sync = take(source);
    ASSERT_EQ(sync.circuits_size(), 1);
    const proto::CircuitInfo& c = sync.circuits(0);
    EXPECT_EQ(c.circuit_id(), 7U);
    EXPECT_EQ(c.worker_id(), 3U);
    EXPECT_EQ(c.group(), 9U);
    EXPECT_EQ(c.wanted_hops(), 3U);
    EXPECT_EQ(c.state(), proto::CIRCUIT_READY);
    EXPECT_EQ(c.age_ms(), 1500U);
    EXPECT_EQ(c.round_trip_us(), 321U);
    EXPECT_EQ(c.purpose(), proto::PURPOSE_RENDEZVOUS);
    ASSERT_EQ(c.hops_size(), 2);
    EXPECT_EQ(c.hops(0).mid().size(), 20U);
    EXPECT_EQ(endpoint_from_proto(c.hops(0).address()), endpoint("1.2.3.4:5"));
    EXPECT_FALSE(c.hops(1).has_address());
    EXPECT_EQ(sync.relays(0).next_circuit_id(), 9U);
    EXPECT_EQ(sync.exits(0).destinations(), 3U);
    EXPECT_TRUE(sync.exits(0).open());
    EXPECT_EQ(sync.worker().pid(), static_cast<std::uint64_t>(::getpid()));
    EXPECT_EQ(sync.worker().cells_in(), 12U);
    EXPECT_EQ(sync.worker().pipe_drops(), 6U);
    EXPECT_EQ(sync.worker().drops().at("malformed"), 7U);
    EXPECT_FALSE(sync.has_share()) << "only worker 0 shares";
    EXPECT_FALSE(sync.has_discovery());
}

TEST_F(SyncSourceTest, LaterFramesHoldOnlyWhatChanged)
{
    fake_.circuit_views = {circuit(7), circuit(8)};
    SyncSource source(WorkerId(1), 0);
    (void)take(source);
    fake_.circuit_views[1].bytes_up = 4711;
    const proto::Sync sync = take(source);
    ASSERT_EQ(sync.circuits_size(), 1);
    EXPECT_EQ(sync.circuits(0).circuit_id(), 8U);
    EXPECT_EQ(sync.circuits(0).bytes_up(), 4711U);
    EXPECT_FALSE(sync.circuits(0).has_group());
    EXPECT_EQ(sync.circuits(0).hops_size(), 0);
    EXPECT_FALSE(sync.worker().has_pid());
}

TEST_F(SyncSourceTest, NamesWhatIsGone)
{
    fake_.circuit_views = {circuit(7)};
    fake_.relay_views = {{CircuitId(8), CircuitId(9), 0, 0, {}}};
    fake_.exit_views = {{CircuitId(11), true, 0, 0, 0, {}}};
    SyncSource source(WorkerId(1), 0);
    (void)take(source);
    fake_.circuit_views.clear();
    fake_.relay_views.clear();
    fake_.exit_views.clear();
    const proto::Sync sync = take(source);
    EXPECT_EQ(sync.removed_circuits(0), 7U);
    EXPECT_EQ(sync.removed_relays(0), 8U);
    EXPECT_EQ(sync.removed_exits(0), 11U);
}

TEST_F(SyncSourceTest, WorkerZeroSharesTheWholeListWheneverItChanged)
{
    const auto key = tunnel::PrivateKey::generate().public_key();
    SyncSource source(WorkerId(0), 41);
    fake_.candidate_list = {{key, endpoint("1.2.3.4:5"), 3, true}};
    fake_.own = {endpoint("9.9.9.9:9")};
    const proto::Sync first = take(source);
    EXPECT_EQ(first.share().version(), 42U);
    EXPECT_EQ(facts_from_proto(first.share()).candidates, fake_.candidate_list);
    EXPECT_EQ(facts_from_proto(first.share()).own_addresses, fake_.own);
    EXPECT_FALSE(take(source).has_share());
    fake_.discovery_view.reach.strangers_get_in = true;
    EXPECT_TRUE(take(source).share().strangers_get_in());
    fake_.candidate_list.clear();
    const proto::Sync later = take(source);
    EXPECT_EQ(later.share().version(), 44U);
    EXPECT_EQ(later.share().candidates_size(), 0);
}

TEST_F(SyncSourceTest, AShareFromElsewhereRaisesTheVersion)
{
    SyncSource source(WorkerId(0), 1);
    source.skip({}, 100);
    fake_.own = {endpoint("9.9.9.9:9")};
    EXPECT_EQ(take(source).share().version(), 101U);
}

TEST_F(SyncSourceTest, DiscoveryIsWorkerZeros)
{
    fake_.discovery_view = {5, 3, 2, 1, endpoint("8.8.8.8:8"), true};
    SyncSource source(WorkerId(0), 0);
    const proto::Sync sync = take(source);
    EXPECT_EQ(sync.discovery().peers(), 5U);
    EXPECT_EQ(sync.discovery().exits(), 2U);
    EXPECT_TRUE(sync.discovery().bootstrapping());
    EXPECT_EQ(endpoint_from_proto(sync.discovery().wan()), endpoint("8.8.8.8:8"));
}

TEST_F(SyncSourceTest, TheDirectoryIsToldWhenItChangedAndAtMostEachSecond)
{
    SyncSource silent(WorkerId(0), 0);
    EXPECT_FALSE(take(silent).has_dht()); // nobody takes over
    SyncSource source(WorkerId(0), 0);
    source.tell_directory();
    EXPECT_TRUE(take(source).has_dht());
    tunnel::FakeTunnel& fake = tunnel::FakeTunnel::newest();
    fake.directory.values = {{{1}, {0, 7}, milliseconds(2500)}};
    fake.directory_changes = 5;
    EXPECT_FALSE(take(source).has_dht());
    now_ += milliseconds(1000);
    ASSERT_TRUE(source.has_directory_news(tunnel_, now_));
    const proto::Sync told = take(source);
    ASSERT_EQ(told.dht().values_size(), 1);
    EXPECT_EQ(told.dht().values(0).left_ms(), 2500U);
    now_ += std::chrono::seconds(30);
    EXPECT_FALSE(take(source).has_dht());
    now_ += std::chrono::seconds(30); // lives grow shorter
    EXPECT_TRUE(take(source).has_dht());
}

TEST_F(SyncSourceTest, ALargeDirectoryTakesItsTime)
{
    SyncSource source(WorkerId(0), 0);
    source.tell_directory();
    tunnel::FakeTunnel& fake = tunnel::FakeTunnel::newest();
    for (std::uint16_t i = 0; i < 2000; ++i)
        fake.directory.values.push_back({{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)},
                                         Bytes(170, 1),
                                         std::chrono::hours(1)});
    EXPECT_EQ(take(source).dht().values_size(), 2000);
    ++fake.directory_changes;
    now_ += std::chrono::seconds(3);
    EXPECT_FALSE(take(source).has_dht());
    now_ += std::chrono::seconds(7);
    EXPECT_TRUE(take(source).has_dht());
}

} // namespace
} // namespace cepa::worker
