#include "worker/fakes.hpp"
#include "worker/settings_from_proto.hpp"
#include "worker/shared_facts.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

using test::endpoint;

template <class Encoded>
std::string text(const Encoded& key)
{
    return {key.begin(), key.end()};
}

proto::Create create_for(std::uint32_t worker)
{
    tunnel::init_crypto();
    const auto key = tunnel::PrivateKey::generate();
    proto::Create create;
    create.set_worker_id(worker);
    create.set_identity_public(text(key.public_key().encode()));
    if (worker == 0) create.set_identity_key(text(key.encode()));
    create.mutable_settings()->set_overlay_id(std::string(20, '\x11'));
    *create.mutable_listen() = endpoint_to_proto(endpoint("127.0.0.1:7000"));
    return create;
}

std::string error_of(const proto::Create& create)
{
    const auto settings = settings_from_proto(create);
    return settings ? "" : settings.error();
}

TEST(SettingsFromProto, TakesEveryField)
{
    proto::Create create = create_for(0);
    proto::NodeSettings& from = *create.mutable_settings();
    from.set_relay(true);
    from.set_exit_bittorrent(true);
    from.set_exit_ipv8(true);
    from.set_allow_loopback(true);
    from.set_allow_equal_prefixes(true);
    from.set_resolve_names(false);
    *from.add_walk_to() = endpoint_to_proto(endpoint("127.0.0.2:1"));
    *from.add_bootstrap()->mutable_address() = endpoint_to_proto(endpoint("127.0.0.3:2"));
    from.add_family(create.identity_public());
    from.set_relay_rate_bytes_per_s(11);
    from.set_exit_rate_bytes_per_s(12);
    from.set_exit_destination_rate_bytes_per_s(13);
    from.set_month_bytes(100);
    from.set_month_bytes_used(30);
    from.set_exit_fan_out_per_min(14);
    from.set_max_joined_circuits(15);
    const auto settings = settings_from_proto(create);
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->overlay[19], 0x11);
    EXPECT_TRUE(settings->relay && settings->exit_bittorrent && settings->exit_ipv8 && settings->discover);
    EXPECT_TRUE(settings->allow_loopback && settings->allow_equal_prefixes && !settings->resolve_names);
    EXPECT_EQ(settings->walk_to, std::vector{endpoint("127.0.0.2:1")});
    EXPECT_EQ(settings->bootstrap, std::vector{endpoint("127.0.0.3:2")});
    EXPECT_EQ(settings->family, std::vector{settings->identity_public});
    EXPECT_EQ(settings->relay_rate_bytes_per_s, 11U);
    EXPECT_EQ(settings->exit_rate_bytes_per_s, 12U);
    EXPECT_EQ(settings->exit_destination_rate_bytes_per_s, 13U);
    EXPECT_EQ(settings->month_bytes_left, 70U);
    EXPECT_EQ(settings->exit_fan_out_per_min, 14U);
    EXPECT_EQ(settings->max_joined_circuits, 15U);
    EXPECT_EQ(settings->listen, endpoint("127.0.0.1:7000"));
    ASSERT_TRUE(settings->identity);
}

TEST(SettingsFromProto, AClientWorkerGetsNoKeyAndDoesNotDiscover)
{
    proto::Create create = create_for(1);
    const auto settings = settings_from_proto(create);
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_FALSE(settings->discover);
    EXPECT_FALSE(settings->identity);
    create.set_identity_key(create_for(0).identity_key());
    EXPECT_EQ(error_of(create), "a client's worker must not get the identity key");
}

TEST(SettingsFromProto, ARelayingWorkerNeedsTheKey)
{
    proto::Create create = create_for(1);
    create.mutable_settings()->set_relay(true);
    EXPECT_EQ(error_of(create), "identity_key is missing or malformed");
}

TEST(SettingsFromProto, AMonthThatIsUsedUpLeavesNothing)
{
    proto::Create create = create_for(0);
    create.mutable_settings()->set_month_bytes(100);
    create.mutable_settings()->set_month_bytes_used(500);
    EXPECT_EQ(settings_from_proto(create)->month_bytes_left, 0U);
    create.mutable_settings()->set_month_bytes(0);
    EXPECT_EQ(settings_from_proto(create)->month_bytes_left, UINT64_MAX);
}

TEST(SettingsFromProto, RefusesLoopbackAndEqualPrefixesOnThePublicNetwork)
{
    proto::Create create = create_for(0);
    create.mutable_settings()->set_public_network(true);
    EXPECT_EQ(error_of(create), "");
    create.mutable_settings()->set_allow_loopback(true);
    EXPECT_EQ(error_of(create), "allow_loopback needs a private overlay");
    create.mutable_settings()->set_allow_loopback(false);
    create.mutable_settings()->set_allow_equal_prefixes(true);
    EXPECT_EQ(error_of(create), "allow_equal_prefixes needs a private overlay");
}

TEST(SettingsFromProto, ChecksEveryLength)
{
    proto::Create create = create_for(0);
    create.mutable_settings()->set_overlay_id(std::string(19, 'x'));
    EXPECT_EQ(error_of(create), "overlay_id must have 20 bytes");
    create = create_for(0);
    create.mutable_identity_key()->pop_back();
    EXPECT_EQ(error_of(create), "identity_key is missing or malformed");
    create = create_for(0);
    create.set_identity_public(create_for(0).identity_public());
    EXPECT_EQ(error_of(create), "identity_key and identity_public do not belong together");
    create = create_for(0);
    create.clear_listen();
    EXPECT_EQ(error_of(create), "listen is malformed");
    create = create_for(0);
    create.mutable_settings()->add_family("?");
    EXPECT_EQ(error_of(create), "family holds a malformed key");
    create = create_for(0);
    create.mutable_settings()->add_walk_to()->set_ip("abc");
    EXPECT_EQ(error_of(create), "walk_to holds a malformed address");
    create = create_for(0);
    create.mutable_settings()->add_bootstrap();
    EXPECT_EQ(error_of(create), "bootstrap holds a malformed address");
}

TEST(SettingsFromProto, AMalformedGuardIsLeftOut)
{
    proto::Create create = create_for(0);
    create.mutable_settings()->add_guards()->set_public_key("?");
    *create.mutable_settings()->add_guards() =
        guard_to_proto({tunnel::PrivateKey::generate().public_key(), test::endpoint("1.2.3.4:5"), 7, false});
    const auto settings = settings_from_proto(create);
    ASSERT_TRUE(settings);
    ASSERT_EQ(settings->guards.size(), 1U);
    EXPECT_EQ(settings->guards[0].chosen_unix_s, 7);
}

TEST(LimitsFromProto, AbsentIsNoCap)
{
    proto::Limits limits;
    EXPECT_EQ(limits_from_proto(limits).month_bytes_left, UINT64_MAX);
    EXPECT_EQ(limits_from_proto(limits).max_joined_circuits, tunnel::TunnelSettings().max_joined_circuits);
    limits.set_month_bytes_left(0);
    limits.set_relay_rate_bytes_per_s(1);
    limits.set_exit_rate_bytes_per_s(2);
    limits.set_max_joined_circuits(3);
    const tunnel::TunnelLimits out = limits_from_proto(limits);
    EXPECT_EQ(out.month_bytes_left, 0U);
    EXPECT_EQ(out.relay_rate_bytes_per_s, 1U);
    EXPECT_EQ(out.exit_rate_bytes_per_s, 2U);
    EXPECT_EQ(out.max_joined_circuits, 3U);
}

} // namespace
} // namespace cepa::worker
