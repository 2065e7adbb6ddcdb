// Hidden swarms through the part that the child and the in-process twin share.
#include "worker/tunnel_host.hpp"

#include "proto/tunnel_service.hpp"
#include "support/loop.hpp"
#include "worker/fake_tunnel.hpp"
#include "worker/fakes.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

class HiddenHostTest : public testing::Test {
protected:
    HiddenHostTest() { host_.start(std::chrono::hours(1)); }

    bool run_until(const std::function<bool()>& happened) { return test::run_until(io_, happened); }
    [[nodiscard]] std::size_t swarm_frames() const
    {
        return static_cast<std::size_t>(
            std::ranges::count_if(said_.syncs, [](const proto::Sync& sync) { return sync.has_swarms(); }));
    }

    boost::asio::io_context io_;
    test::FakePackets packets_;
    test::FakeResolver resolver_;
    test::EveryId ids_;
    test::FakeHostObserver said_;
    TunnelHost host_{HostSetup{test::test_settings(), WorkerId(1), {}}, HostWorld{io_, packets_, resolver_, ids_}, said_,
                     said_};
    tunnel::FakeTunnel& fake_ = tunnel::FakeTunnel::newest();
};

TEST_F(HiddenHostTest, PlansReachTheTunnelAndAnEmptyListToo)
{
    proto::Swarms swarms;
    swarms.add_swarms()->set_lookup_hash(std::string(20, 'h'));
    swarms.mutable_swarms(0)->set_hops(2);
    swarms.mutable_swarms(0)->set_parts(1);
    host_.set_swarms(swarms);
    ASSERT_EQ(fake_.plans.size(), 1U);
    EXPECT_EQ(fake_.plans[0].hops, 2);
    host_.set_swarms({});
    EXPECT_TRUE(fake_.plans.empty());
}

TEST_F(HiddenHostTest, WhatLinksHaveCarriedReachesTheTunnel)
{
    proto::LinkPayloads payloads;
    payloads.add_links()->set_circuit_id(7);
    payloads.mutable_links(0)->set_bytes(1ULL << 40);
    host_.set_payloads(payloads);
    ASSERT_EQ(fake_.payloads.size(), 1U);
    EXPECT_EQ(fake_.payloads[0], (std::pair<CircuitId, std::uint64_t>{CircuitId(7), 1ULL << 40}));
}

TEST_F(HiddenHostTest, ALinkIsToldBeforeItsFirstDatagramAndItsEndAfterIt)
{
    tunnel::LookupHash hash{};
    hash.fill('h');
    fake_.observer.on_hidden_link(CircuitId(7), hash, nullptr);
    ASSERT_EQ(said_.links.size(), 1U) << "the packet that made it may carry data";
    fake_.observer.on_circuit_closed(CircuitId(7), "destroyed");
    EXPECT_TRUE(said_.dead.empty()) << "never from inside the tunnel's own call";
    ASSERT_TRUE(run_until([&] { return !said_.dead.empty(); }));
    EXPECT_EQ(said_.links[0].circuit_id(), 7U);
    EXPECT_EQ(said_.links[0].lookup_hash(), std::string(20, 'h'));
    EXPECT_EQ(said_.dead[0].first, CircuitId(7));
}

TEST_F(HiddenHostTest, SwarmsAreToldWhenTheyChangeWithoutWaitingForTheRegularFrame)
{
    tunnel::SwarmView view;
    view.introduction_points = 2;
    fake_.swarm_views = {view};
    ASSERT_TRUE(run_until([&] { return swarm_frames() == 1; }));
    EXPECT_EQ(said_.syncs.back().swarms().swarms(0).introduction_points(), 2U);
    fake_.swarm_views.clear();
    ASSERT_TRUE(run_until([&] { return swarm_frames() == 2; })) << "an empty list is news too";
    EXPECT_EQ(said_.syncs.back().swarms().swarms_size(), 0);
}

} // namespace
} // namespace cepa::worker
