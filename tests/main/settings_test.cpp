#include "main/settings.hpp"
#include "main/settings_file.hpp"
#include "main/user_error.hpp"

#include <gmock/gmock.h>

using namespace cepa;
using namespace cepa::main;
using testing::HasSubstr;

namespace {

std::string complaint(const std::vector<std::string>& environment)
{
    Settings s;
    try {
        apply_environment(s, environment);
    } catch (const Misuse& error) {
        return error.what();
    }
    return {};
}

std::string contradiction(const Settings& s)
{
    try {
        check_settings(s);
    } catch (const Misuse& error) {
        return error.what();
    }
    return {};
}

} // namespace

TEST(Settings, PrivateIsTheDefault)
{
    const Settings s;
    EXPECT_EQ(s.join, Join::private_network);
    EXPECT_FALSE(s.join_chosen);
    EXPECT_FALSE(s.relay.enabled);
    EXPECT_FALSE(s.exit.enabled);
    EXPECT_TRUE(s.peers.empty());
    EXPECT_TRUE(s.bootstrap.empty());
    EXPECT_EQ(s.effective_overlay(), default_private_overlay());
    EXPECT_NE(default_private_overlay(), tribler_overlay());
}

TEST(Settings, OverlayFollowsTheNetworkUnlessChosen)
{
    Settings s;
    s.join = Join::public_network;
    EXPECT_EQ(s.effective_overlay(), tribler_overlay());
    s.overlay = OverlayBytes{1, 2, 3};
    EXPECT_EQ(s.effective_overlay(), (OverlayBytes{1, 2, 3}));
}

TEST(Settings, FlagBeatsEnvironmentBeatsFile)
{
    Settings s;
    apply_settings_text(s, "[tunnels]\nhops = 1\n[workers]\ncount = 1\n[exit]\nfan_out_per_minute = 7\n", "cepa.toml");
    apply_environment(s, std::vector<std::string>{"CEPA_TUNNELS_HOPS=2", "CEPA_WORKERS_COUNT=2", "PATH=/bin"});
    apply_override(s, {"tunnels.hops", "--hops", {"3"}});
    EXPECT_EQ(s.hops, 3);
    EXPECT_EQ(s.workers, 2u);
    EXPECT_EQ(s.exit_fan_out_per_min, 7u);
}

TEST(Settings, EnvironmentListsAreSeparatedByCommas)
{
    Settings s;
    apply_environment(s, std::vector<std::string>{"CEPA_NETWORK_PEERS=127.0.0.1:1, 127.0.0.2:2"});
    ASSERT_EQ(s.peers.size(), 2u);
    EXPECT_EQ(s.peers[1], Endpoint::parse("127.0.0.2:2"));
}

TEST(Settings, EnvironmentErrorsNameTheVariable)
{
    EXPECT_THAT(complaint({"CEPA_NETWORK_JOIN=pubic"}),
                HasSubstr("CEPA_NETWORK_JOIN=\"pubic\": expected \"public\" or \"private\""));
    EXPECT_THAT(complaint({"CEPA_NETWORK_JION=public"}), HasSubstr("CEPA_NETWORK_JION"));
    EXPECT_THAT(complaint({"CEPA_NETWORK_JION=public"}), HasSubstr("did you mean CEPA_NETWORK_JOIN?"));
    EXPECT_THAT(complaint({"CEPA_HOPS=1"}), HasSubstr("did you mean CEPA_TUNNELS_HOPS?"));
    EXPECT_THAT(complaint({"CEPA_WORKERS=4"}), HasSubstr("did you mean CEPA_WORKERS_COUNT?"));
    EXPECT_THAT(complaint({"CEPA_NOTHING_LIKE_IT=4"}), HasSubstr("see cepa settings"));
    EXPECT_EQ(complaint({"CEPA_IPV8_VECTORS=/tmp/x", "CEPANETWORK=1", "CEPA_STATE=/x", "CEPA_CONFIG=/y"}),
              ""); // not settings
}

TEST(Settings, FlagErrorsNameTheFlag)
{
    Settings s;
    try {
        apply_override(s, {"network.listen", "--listen", {"example.org:1"}});
        FAIL();
    } catch (const Misuse& error) {
        EXPECT_THAT(error.what(), HasSubstr("--listen example.org:1: expected ADDRESS:PORT"));
        EXPECT_EQ(error.status(), kMisuse);
    }
}

TEST(Settings, TestOptionsNeedAPrivateOverlay)
{
    Settings s;
    s.allow_loopback = true;
    EXPECT_EQ(contradiction(s), "");
    s.join = Join::public_network;
    EXPECT_THAT(contradiction(s), HasSubstr("allow_loopback"));
    s.join = Join::private_network;
    s.overlay = tribler_overlay(); // strangers' overlay, whatever the way in
    EXPECT_THAT(contradiction(s), HasSubstr("allow_loopback"));
    s.allow_loopback = false;
    s.allow_equal_prefixes = true;
    EXPECT_THAT(contradiction(s), HasSubstr("allow_equal_prefixes"));
}

TEST(Settings, PeersOnLoopbackNeedTheirSwitch)
{
    Settings s;
    s.overlay = OverlayBytes{1};
    s.peers = {Endpoint::parse("127.0.0.1:7001").value()};
    EXPECT_THAT(contradiction(s), HasSubstr("127.0.0.1:7001 is on this machine"));
    s.allow_loopback = true;
    EXPECT_EQ(contradiction(s), "");
}

TEST(Settings, OtherContradictions)
{
    Settings s;
    s.workers = 4;
    s.max_workers = 2;
    EXPECT_THAT(contradiction(s), HasSubstr("workers.count = 4"));
    s = {};
    s.join = Join::public_network;
    s.bootstrap = {*Endpoint::parse("10.0.0.1:1")};
    EXPECT_THAT(contradiction(s), HasSubstr("network.bootstrap"));
    s = {};
    s.listen = *Endpoint::parse("[::]:7759");
    EXPECT_THAT(contradiction(s), HasSubstr("IPv4"));
}

TEST(Settings, WorkersFollowTheCoresUnlessChosen)
{
    Settings s;
    EXPECT_GE(effective_workers(s), 1u);
    EXPECT_GE(effective_max_workers(s), effective_workers(s));
    s.max_workers = 1;
    EXPECT_EQ(effective_workers(s), 1u);
    s.max_workers.reset();
    s.workers = 64;
    EXPECT_EQ(effective_max_workers(s), 64u);
    s.workers = 0;
    EXPECT_GE(effective_max_workers(s), 1u);
}
