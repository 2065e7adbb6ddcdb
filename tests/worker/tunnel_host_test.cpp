#include "worker/tunnel_host.hpp"

#include "support/loop.hpp"
#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <optional>

namespace cepa::worker {
namespace {

using std::chrono::milliseconds;
using test::run_ready;
using test::run_until;

class TunnelHostTest : public testing::Test {
protected:
    TunnelHostTest()
    {
        host_.emplace(HostSetup{test::test_settings(), WorkerId(0), {}}, HostWorld{io_, packets_, resolver_, ids_}, observer_, observer_);
    }
    tunnel::FakeTunnel& fake() { return tunnel::FakeTunnel::newest(); }
    tunnel::TunnelObserver& says() { return fake().observer; }
    void ask()
    {
        host_->create_circuit(3, 7, [this](std::expected<CircuitId, std::string> made) { answers_.push_back(std::move(made)); });
    }

    boost::asio::io_context io_;
    test::FakePackets packets_;
    test::FakeResolver resolver_;
    test::EveryId ids_;
    test::FakeHostObserver observer_;
    std::vector<std::expected<CircuitId, std::string>> answers_;
    std::optional<TunnelHost> host_;
};

TEST_F(TunnelHostTest, WhoExitsOrDiscoversIsToldOfThisMachinesAddressesAndNobodyElse)
{
    for (const auto& [exits, discovers] : {std::pair{false, false}, {true, false}, {false, true}}) {
        HostSetup setup{test::test_settings(), WorkerId(0), {}};
        setup.settings.exit_bittorrent = exits;
        setup.settings.discover = discovers;
        host_.emplace(std::move(setup), HostWorld{io_, packets_, resolver_, ids_}, observer_, observer_);
        host_->start(std::chrono::milliseconds(50));
        EXPECT_EQ(std::ranges::count(fake().host_addresses, IpAddress::v4(0x7f000001)), exits || discovers ? 1 : 0);
    }
}

TEST_F(TunnelHostTest, DeliversAReadyCircuitOnceAndAfterItsChangeFrame)
{
    ask();
    EXPECT_EQ(fake().asked, (std::vector<std::pair<int, std::uint32_t>>{{3, 7}}));
    run_ready(io_);
    EXPECT_TRUE(answers_.empty());
    tunnel::CircuitView view;
    view.id = CircuitId(1);
    fake().circuit_views = {view};
    says().on_circuit_ready(CircuitId(1));
    EXPECT_TRUE(answers_.empty()) << "never from inside the tunnel's call";
    run_ready(io_);
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0], CircuitId(1));
    ASSERT_FALSE(observer_.syncs.empty());
    EXPECT_EQ(observer_.syncs[0].circuits(0).circuit_id(), 1U);
}

TEST_F(TunnelHostTest, AnswersAFailureWithItsReason)
{
    ask();
    says().on_circuit_closed(CircuitId(1), "timed out");
    run_ready(io_);
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0].error(), "timed out");
    EXPECT_TRUE(observer_.dead.empty()) << "it was never delivered";
}

TEST_F(TunnelHostTest, AnswersWhenNoPathCanBeChosen)
{
    fake().next_circuit = fail(tunnel::TunnelError::no_candidates);
    ask();
    EXPECT_TRUE(answers_.empty());
    run_ready(io_);
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_FALSE(answers_[0].error().empty());
}

TEST_F(TunnelHostTest, ReportsADeliveredCircuitThatEnds)
{
    ask();
    says().on_circuit_ready(CircuitId(1));
    run_ready(io_);
    says().on_circuit_closed(CircuitId(1), "silence");
    run_ready(io_);
    ASSERT_EQ(observer_.dead.size(), 1U);
    EXPECT_EQ(observer_.dead[0], std::pair(CircuitId(1), std::string("silence")));
}

TEST_F(TunnelHostTest, ShutsDownWithDestroysAnswersAndALastFrame)
{
    ask();
    host_->shut_down();
    EXPECT_TRUE(fake().shut_down);
    EXPECT_FALSE(fake().batches.empty());
    EXPECT_FALSE(observer_.syncs.empty());
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_FALSE(answers_[0]);
}

TEST_F(TunnelHostTest, EventsAfterItsEndAreNotHeard)
{
    ask();
    says().on_circuit_ready(CircuitId(1));
    host_.reset();
    run_ready(io_);
    EXPECT_TRUE(answers_.empty());
}

TEST_F(TunnelHostTest, TicksAndSyncs)
{
    observer_.handed_over = 3;
    host_->start(milliseconds(60));
    ASSERT_FALSE(observer_.syncs.empty());
    EXPECT_EQ(observer_.syncs[0].worker().handed_over(), 3U);
    const std::size_t before = observer_.syncs.size();
    EXPECT_TRUE(run_until(io_, [&] { return fake().ticks >= 4 && observer_.syncs.size() > before; }));
}

TEST_F(TunnelHostTest, ChangedCandidatesAreToldAtTheNextTick)
{
    host_->start(std::chrono::hours(1));
    run_ready(io_);
    fake().candidate_list = {{tunnel::PrivateKey::generate().public_key(), test::endpoint("1.2.3.4:5"), 1, false}};
    says().on_candidates_changed();
    EXPECT_TRUE(run_until(io_, [&] { return observer_.syncs.back().share().candidates_size() == 1; }));
}

TEST_F(TunnelHostTest, MakesNoFramesWhileTheyAreNotTakenAndLosesNothing)
{
    observer_.takes = false;
    host_->start(milliseconds(50));
    tunnel::CircuitView view;
    view.id = CircuitId(5);
    fake().circuit_views = {view};
    const int ticks = fake().ticks;
    EXPECT_TRUE(run_until(io_, [&] { return fake().ticks > ticks + 3; }));
    EXPECT_TRUE(observer_.syncs.empty());
    observer_.takes = true;
    EXPECT_TRUE(run_until(io_, [&] { return !observer_.syncs.empty(); }));
    EXPECT_EQ(observer_.syncs[0].circuits(0).circuit_id(), 5U);
}

TEST_F(TunnelHostTest, TurnsWhatTheTunnelSaysIntoNotices)
{
    const auto key = tunnel::PrivateKey::generate().public_key();
    says().on_guards_changed({{key, test::endpoint("1.2.3.4:5"), 77, true}});
    says().on_address_changed();
    says().on_resumed();
    says().on_limit("month_bytes");
    says().on_swarm_seen(Bytes(20, 0x33));
    EXPECT_TRUE(observer_.notices.empty());
    run_ready(io_);
    ASSERT_EQ(observer_.notices.size(), 5U);
    EXPECT_EQ(observer_.notices[0].kind(), proto::Notify::GUARDS_CHANGED);
    EXPECT_EQ(observer_.notices[0].guards(0).chosen_unix_s(), 77);
    EXPECT_EQ(observer_.notices[1].kind(), proto::Notify::ADDRESS_CHANGED);
    EXPECT_EQ(observer_.notices[2].kind(), proto::Notify::RESUMED);
    EXPECT_EQ(observer_.notices[3].text(), "month_bytes");
    EXPECT_EQ(observer_.notices[4].bytes(), std::string(20, '\x33'));
}

TEST_F(TunnelHostTest, HandsOnSharesAndMonitoredHashes)
{
    proto::Share share;
    share.set_version(9);
    *share.add_own_addresses() = endpoint_to_proto(test::endpoint("9.9.9.9:9"));
    host_->share(share);
    EXPECT_EQ(fake().shared_addresses, std::vector{test::endpoint("9.9.9.9:9")});
    share.set_version(8);
    share.clear_own_addresses();
    host_->share(share);
    EXPECT_EQ(fake().shared_addresses.size(), 1U) << "an older share";
    host_->monitor({std::string(20, 'a'), "short", std::string(21, 'b')});
    ASSERT_EQ(fake().monitored.size(), 1U);
    EXPECT_EQ(fake().monitored[0][0], 'a');
}

TEST_F(TunnelHostTest, GivesDataStraightOn)
{
    Bytes memory(400, 1);
    PacketBuffer payload(memory, 100, 50);
    says().on_data(CircuitId(4), Address(test::endpoint("5.6.7.8:9")), payload);
    ASSERT_EQ(observer_.data.size(), 1U);
    EXPECT_EQ(std::get<2>(observer_.data[0]), Bytes(50, 1));
}

} // namespace
} // namespace cepa::worker
