#include "main/settings.hpp"
#include "main/settings_file.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace cepa;
using namespace cepa::main;

namespace {

bool apply(Settings& s, const char* path, std::vector<std::string> values)
{
    const SettingKey* key = find_setting(path);
    return key != nullptr && key->apply(s, values);
}

bool refuses(const char* path, std::vector<std::string> values)
{
    Settings s;
    return find_setting(path) != nullptr && !find_setting(path)->apply(s, values);
}

} // namespace

TEST(SettingKeys, PathsAndEnvironmentNamesAreUnique)
{
    std::set<std::string> paths;
    std::set<std::string> names;
    for (const SettingKey& key : setting_keys()) {
        EXPECT_TRUE(paths.emplace(key.path).second) << key.path;
        EXPECT_TRUE(names.insert(environment_name(key.path)).second) << key.path;
        EXPECT_FALSE(key.expects.empty()) << key.path;
        EXPECT_FALSE(key.what.empty()) << key.path;
    }
    EXPECT_EQ(environment_name("network.join"), "CEPA_NETWORK_JOIN");
}

TEST(SettingKeys, EveryKeyRefusesNonsense)
{
    for (const SettingKey& key : setting_keys()) {
        Settings s;
        const std::vector<std::string> nonsense{std::string("\0", 1)};
        EXPECT_FALSE(key.apply(s, nonsense)) << key.path;
    }
}

TEST(SettingKeys, TheDefaultsThatAreShownAreValuesThatMayBeWritten)
{
    for (const SettingKey& key : setting_keys()) {
        Settings s;
        if (key.fallback.empty()) continue;
        const std::string fallback(key.fallback);
        if (key.kind == SettingKind::list) // as in the file
            EXPECT_NO_THROW(apply_settings_text(s, std::string(key.path) + " = " + fallback, "cepa.toml")) << key.path;
        else
            EXPECT_NO_THROW(apply_environment(s, std::vector{environment_name(key.path) + "=" + fallback})) << key.path;
    }
}

TEST(SettingKeys, Torrents)
{
    Settings s;
    EXPECT_TRUE(s.containment && !s.containment_required);
    EXPECT_TRUE(apply(s, "torrents.containment", {"required"}));
    EXPECT_TRUE(s.containment && s.containment_required);
    EXPECT_TRUE(apply(s, "torrents.containment", {"false"}));
    EXPECT_FALSE(s.containment || s.containment_required);
    EXPECT_TRUE(refuses("torrents.containment", {"maybe"}));
    EXPECT_TRUE(apply(s, "torrents.dht_nodes", {"127.0.0.1:6881", "[2001:db8::1]:6881"}));
    EXPECT_EQ(s.dht_nodes.size(), 2u);
    EXPECT_TRUE(refuses("torrents.dht_nodes", {"router.example:6881"})); // a name would be looked up
    EXPECT_FALSE(s.record_peers);
}

TEST(SettingKeys, Network)
{
    Settings s;
    EXPECT_TRUE(apply(s, "network.join", {"public"}));
    EXPECT_TRUE(s.join_chosen);
    EXPECT_EQ(s.join, Join::public_network);
    EXPECT_TRUE(apply(s, "network.overlay", {"tribler"}));
    EXPECT_EQ(s.overlay, tribler_overlay());
    EXPECT_TRUE(apply(s, "network.overlay", {"00ff000000000000000000000000000000000001"}));
    EXPECT_EQ((*s.overlay)[1], 0xff);
    EXPECT_TRUE(apply(s, "network.listen", {"127.1.2.3:0"}));
    EXPECT_TRUE(apply(s, "network.peers", {"127.0.0.1:1", "127.0.0.2:2"}));
    EXPECT_EQ(s.peers.size(), 2u);
    EXPECT_TRUE(apply(s, "network.peers", {}));
    EXPECT_TRUE(s.peers.empty());
    EXPECT_TRUE(apply(s, "network.family", {std::string(148, 'a')}));
    EXPECT_EQ(s.family.at(0).size(), 74u);
}

TEST(SettingKeys, NetworkRefusals)
{
    EXPECT_TRUE(refuses("network.join", {"yes"}));
    EXPECT_TRUE(refuses("network.overlay", {"Tribler"}));
    EXPECT_TRUE(refuses("network.overlay", {"00ff"}));
    EXPECT_TRUE(refuses("network.overlay", {std::string(40, 'g')}));
    EXPECT_TRUE(refuses("network.listen", {"0.0.0.0"}));
    EXPECT_TRUE(refuses("network.peers", {"127.0.0.1:1", "localhost:2"}));
    EXPECT_TRUE(refuses("network.peers", {"127.0.0.1:0"}));
    EXPECT_TRUE(refuses("network.family", {std::string(146, 'a')}));
}

TEST(SettingKeys, WorkersTunnelsAndRoles)
{
    Settings s;
    EXPECT_TRUE(apply(s, "workers.count", {"3"}));
    EXPECT_EQ(s.workers, 3u);
    EXPECT_TRUE(apply(s, "workers.count", {"auto"}));
    EXPECT_FALSE(s.workers.has_value());
    EXPECT_TRUE(apply(s, "workers.sync_interval", {"250ms"}));
    EXPECT_EQ(s.sync_interval, std::chrono::milliseconds(250));
    EXPECT_TRUE(apply(s, "tunnels.hops", {"5"}));
    EXPECT_TRUE(apply(s, "relay.enabled", {"true"}));
    EXPECT_TRUE(apply(s, "relay.rate", {"5MB/s"}));
    EXPECT_EQ(s.relay.rate_bytes_per_s, 5000000u);
    EXPECT_TRUE(apply(s, "relay.month", {"500GB"}));
    EXPECT_EQ(s.month_bytes, 500000000000u);
    EXPECT_TRUE(apply(s, "log_level", {"debug"}));
    EXPECT_EQ(s.log_level, log::Level::debug);

    EXPECT_TRUE(refuses("workers.count", {"65"}));
    EXPECT_TRUE(refuses("workers.count", {"-1"}));
    EXPECT_TRUE(refuses("workers.max", {"0"}));
    EXPECT_TRUE(refuses("workers.sync_interval", {"1ms"}));
    EXPECT_TRUE(refuses("workers.sync_interval", {"5"}));
    EXPECT_TRUE(refuses("tunnels.hops", {"6"}));
    EXPECT_TRUE(refuses("tunnels.hops", {"256"}));
    EXPECT_TRUE(refuses("exit.fan_out_per_minute", {"0"}));
    EXPECT_TRUE(refuses("relay.enabled", {"yes"}));
}

TEST(SettingKeys, NearMissesAreRecognised)
{
    EXPECT_EQ(similar_setting("network.jion"), "network.join");
    EXPECT_EQ(similar_setting("tunnel.hops"), "tunnels.hops");
    EXPECT_EQ(similar_setting("something.else.entirely"), "");
    EXPECT_EQ(similar_setting(std::string(1000, 'x')), "");
}
