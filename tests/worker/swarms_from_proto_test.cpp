#include "proto/tunnel_service.hpp"
#include "worker/swarms_from_proto.hpp"

#include <gtest/gtest.h>

namespace cepa::worker {
namespace {

const std::string kPlanHash(20, 'h');

proto::Swarms one_swarm()
{
    proto::Swarms out;
    proto::Swarm& swarm = *out.add_swarms();
    swarm.set_lookup_hash(kPlanHash);
    swarm.set_hops(2);
    swarm.set_group(7);
    swarm.set_download(true);
    swarm.set_introduction_points(2);
    swarm.set_part(1);
    swarm.set_parts(4);
    return out;
}

TEST(SwarmsFromProtoTest, APlanArrivesWhole)
{
    tunnel::init_crypto();
    proto::Swarms swarms = one_swarm();
    const auto key = tunnel::PrivateKey::generate();
    const auto encoded = key.encode();
    swarms.mutable_swarms(0)->set_seed_key(encoded.data(), encoded.size());
    const auto plans = plans_from_proto(swarms);
    ASSERT_EQ(plans.size(), 1U);
    const tunnel::SwarmPlan& plan = plans[0];
    EXPECT_EQ(plan.lookup_hash[19], 'h');
    EXPECT_EQ(plan.hops, 2);
    EXPECT_EQ(plan.group, 7U);
    EXPECT_TRUE(plan.download);
    ASSERT_TRUE(plan.seed_key);
    EXPECT_EQ(plan.seed_key->public_key(), key.public_key());
    EXPECT_EQ(plan.introduction_points, 2U);
    EXPECT_EQ(plan.part, 1U);
    EXPECT_EQ(plan.parts, 4U);
}

TEST(SwarmsFromProtoTest, WhatIsMalformedIsLeftOut)
{
    const auto refused = [](auto change) {
        proto::Swarms swarms = one_swarm();
        change(*swarms.mutable_swarms(0));
        return plans_from_proto(swarms).empty();
    };
    EXPECT_FALSE(refused([](proto::Swarm&) {}));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_lookup_hash("short"); }));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_hops(0); }));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_hops(5); }));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_part(4); }));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_parts(0); }));
    EXPECT_TRUE(refused([](proto::Swarm& s) { s.set_seed_key("no key"); }));
    proto::Swarms twice = one_swarm();
    *twice.add_swarms() = twice.swarms(0);
    EXPECT_EQ(plans_from_proto(twice).size(), 1U);
}

TEST(SwarmsFromProtoTest, ViewsAndLinksGoBack)
{
    tunnel::init_crypto();
    tunnel::SwarmView view;
    view.lookup_hash.fill('h');
    view.seeders_found = 1;
    view.introduction_points = 2;
    view.linking = 3;
    view.links = 4;
    view.linked_ever = 5;
    view.refused = 6;
    view.looked_up = std::chrono::milliseconds(1500);
    const proto::SwarmInfos infos = swarms_to_proto({view});
    ASSERT_EQ(infos.swarms_size(), 1);
    EXPECT_EQ(infos.swarms(0).lookup_hash(), kPlanHash);
    EXPECT_EQ(infos.swarms(0).seeders_found(), 1U);
    EXPECT_EQ(infos.swarms(0).introduction_points(), 2U);
    EXPECT_EQ(infos.swarms(0).linking(), 3U);
    EXPECT_EQ(infos.swarms(0).links(), 4U);
    EXPECT_EQ(infos.swarms(0).linked_ever(), 5U);
    EXPECT_EQ(infos.swarms(0).refused(), 6U);
    EXPECT_EQ(infos.swarms(0).looked_up_ms(), 1500U);
    EXPECT_FALSE(infos.swarms(0).has_announced_ms());

    const tunnel::PublicKey seeder = tunnel::PrivateKey::generate().public_key();
    EXPECT_EQ(link_to_proto(CircuitId(9), view.lookup_hash, &seeder).seeder_key().size(), proto::kSwarmKeySize);
    EXPECT_TRUE(link_to_proto(CircuitId(9), view.lookup_hash, nullptr).seeder_key().empty());
    EXPECT_EQ(link_to_proto(CircuitId(9), view.lookup_hash, nullptr).circuit_id(), 9U);
}

TEST(SwarmsFromProtoTest, AgesAreNoNews)
{
    tunnel::SwarmView view;
    const auto before = swarms_to_proto({view});
    view.looked_up = std::chrono::seconds(1);
    EXPECT_TRUE(same_counts(before, swarms_to_proto({view})));
    view.links = 1;
    EXPECT_FALSE(same_counts(before, swarms_to_proto({view})));
    EXPECT_FALSE(same_counts(before, swarms_to_proto({})));
}

} // namespace
} // namespace cepa::worker
