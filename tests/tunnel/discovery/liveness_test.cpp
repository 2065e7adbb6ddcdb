#include "support/discovery_net.hpp"
#include "tunnel/discovery/liveness.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::discovery::at;

struct LivenessTest : testing::Test {
    test::discovery::NumberedRandom random{1};
    Liveness liveness{random};
    PeerTable peers{false};
    const TimePoint start{1h};

    LivenessTest()
    {
        Sighting sighting;
        sighting.key.ed25519[0] = 1;
        sighting.source = at("10.1.0.1:1");
        sighting.flags = PeerFlags{9};
        peers.on_answer(sighting, start);
    }
};

TEST_F(LivenessTest, PingsASilentPeerEveryTenSecondsByTwoMeans)
{
    std::vector<std::pair<Duration, Liveness::Means>> probes;
    for (Duration t{}; t < 57s; t += 50ms)
        for (const Liveness::Probe& probe : liveness.due(peers, start + t))
            probes.emplace_back(t, probe.means);
    using enum Liveness::Means;
    EXPECT_EQ(probes, (std::vector<std::pair<Duration, Liveness::Means>>{
                          {27500ms, ping}, {37500ms, introduction_request}, {47500ms, ping}}));
}

TEST_F(LivenessTest, LeavesTheTalkativeAlone)
{
    for (Duration t{}; t < 200s; t += 1s) {
        if (t.count() % std::chrono::nanoseconds(20s).count() == 0) peers.heard(at("10.1.0.1:1"), start + t);
        EXPECT_TRUE(liveness.due(peers, start + t).empty());
    }
}

TEST_F(LivenessTest, AcceptsOnePongForItsPing)
{
    const auto probes = liveness.due(peers, start + 30s);
    ASSERT_EQ(probes.size(), 1U);
    EXPECT_FALSE(liveness.on_pong(at("10.1.0.2:1"), probes[0].identifier));
    EXPECT_FALSE(liveness.on_pong(at("10.1.0.1:1"), static_cast<std::uint16_t>(probes[0].identifier + 1)));
    EXPECT_TRUE(liveness.on_pong(at("10.1.0.1:1"), probes[0].identifier));
    EXPECT_FALSE(liveness.on_pong(at("10.1.0.1:1"), probes[0].identifier));
}

TEST_F(LivenessTest, DoesNotProbeWhatOnlyClaims)
{
    PeerTable claimed{false};
    Sighting sighting;
    sighting.source = at("10.1.0.1:1");
    claimed.on_request(sighting, start);
    EXPECT_TRUE(liveness.due(claimed, start + 40s).empty());
}

} // namespace
} // namespace cepa::tunnel
