#include "support/dht_net.hpp"
#include "tunnel/dht/client.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::dht;

const DhtId kClientKey{0x5a, 1};

Bytes client_value(std::uint8_t n)
{
    return DhtValue::encode_unsigned(Bytes(30, n));
}

TEST(DhtClient, LifeHalvesForEachNodeTooMany)
{
    EXPECT_EQ(DhtClient::life_of(0), Duration(1h));
    EXPECT_EQ(DhtClient::life_of(7), Duration(1h));
    EXPECT_EQ(DhtClient::life_of(8), Duration(30min));
    EXPECT_EQ(DhtClient::life_of(9), Duration(15min));
    EXPECT_GT(DhtClient::life_of(20), Duration{});
}

TEST(DhtClient, AloneItStoresAndFindsAtItself)
{
    Net net;
    Node& node = net.add();
    EXPECT_EQ(net.store(node, kClientKey, client_value(1)), 1U);
    EXPECT_EQ(net.find(node, kClientKey), std::vector<Bytes>{client_value(1)});
}

TEST(DhtClient, StoresOnTheEightClosestAndCachesAtOneMore)
{
    Net net;
    net.grow(20);
    EXPECT_GE(net.store(*net.nodes[3], kClientKey, client_value(1)), 8U);
    const auto holders = [&] {
        return std::ranges::count_if(net.nodes, [](const auto& node) { return node->dht->values().size() > 0; });
    };
    const auto before = holders();
    EXPECT_LE(before, 9);
    for (std::size_t i = 4; i < 10; ++i)
        EXPECT_EQ(net.find(*net.nodes[i], kClientKey).size(), 1U);
    EXPECT_GE(holders(), before);
}

TEST(DhtClient, FindsMoreThanOnePage)
{
    Net net;
    net.grow(5);
    for (std::uint8_t n = 0; n < 20; ++n) { // few of each: one source has few places
        (void)net.store(*net.nodes[n % 5], kClientKey, client_value(n));
        net.network.run_for(2s);
    }
    net.network.run_for(10s);
    EXPECT_EQ(net.find(*net.nodes[2], kClientKey).size(), 20U);
}

TEST(DhtClient, LookupsAreBoundedAndEachIsAnswered)
{
    Net net;
    net.grow(10);
    std::size_t heard = 0;
    for (std::uint8_t n = 0; n < 200; ++n)
        net.nodes[0]->dht->find_values({n}, [&](const DhtClient::Result&) { ++heard; });
    net.network.run_for(60s);
    EXPECT_EQ(heard, 200U);
    EXPECT_EQ(net.nodes[0]->dropped("dht_busy"), 200U - DhtClient::kMostLookupsForOthers - DhtClient::kMostQueued);
}

TEST(DhtClient, WhatOthersLookForDoesNotKeepUsFromStoring)
{
    Net net;
    net.grow(10);
    Node& node = *net.nodes[0];
    std::uint16_t n = 0;
    const std::size_t flood = net.network.every(50ms, [&] {
        for (int i = 0; i < 5; ++i, ++n)
            node.dht->find_values({static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(n >> 8U)},
                                  [](const DhtClient::Result&) {});
    });
    net.network.run_for(15s);
    EXPECT_GE(net.store(node, kClientKey, client_value(1)), 8U);
    net.network.cancel(flood);
}

TEST(DhtClient, WhoMayNotBeAskedNowIsAskedLater)
{
    Net net;
    net.grow(2);
    Node& asking = *net.nodes[1];
    net.network.run_for(20s);
    std::size_t answered = 0;
    for (std::uint8_t n = 0; n < 12; ++n) // the only other node may be asked four times in 5 s
        asking.dht->find_values({n, 7}, [&](const DhtClient::Result& result) {
            if (!result.failed) ++answered;
        });
    net.network.run_for(1s);
    EXPECT_EQ(answered, 4U);
    net.network.run_for(5s);
    EXPECT_EQ(answered, 8U);
    EXPECT_EQ(asking.dht->table().find(net.nodes[0]->key())->failures, 0U);
}

TEST(DhtClient, ALookupThatHeardNobodySaysSo)
{
    Net net;
    net.grow(2);
    net.nodes[1]->die();
    std::size_t failed = 0;
    for (std::uint8_t n = 0; n < 100; ++n)
        net.nodes[0]->dht->find_values({n}, [&](const DhtClient::Result& result) { failed += result.failed ? 1 : 0; });
    net.network.run_for(60s);
    EXPECT_EQ(failed, 100U);
}

TEST(DhtClient, ALookupAmongTheDeadEnds)
{
    Net net;
    net.grow(10);
    for (std::size_t i = 1; i < net.nodes.size(); ++i)
        net.nodes[i]->die();
    const TimePoint before = net.network.now();
    EXPECT_TRUE(net.find(*net.nodes[0], kClientKey).empty());
    EXPECT_LE(net.network.now() - before, Duration(DhtClient::kLookupTime) + 100ms);
}

TEST(DhtClient, AddressesThatNoNodeCanHaveAreNotAsked)
{
    Net net;
    Node& node = net.add();
    Stranger liar(net.network, address_number(50));
    node.dht->remember({liar.address, liar.key.public_key()});
    net.network.run_for(100ms);
    liar.send(node.address(), dht_id::kPingResponse, *liar.last<DhtPlain>(dht_id::kPingRequest));
    net.network.run_for(100ms);
    ASSERT_EQ(node.dht->table().size(), 1U);
    node.dht->find_values(kClientKey, [](const DhtClient::Result&) {});
    net.network.run_for(100ms);
    DhtFindResponse lies;
    lies.identifier = liar.last<DhtFindRequest>(dht_id::kFindRequest)->identifier;
    for (const char* address : {"127.0.0.1:80", "224.0.0.1:80", "255.255.255.255:80", "0.0.0.0:0", "10.50.0.9:0"})
        lies.nodes.push_back({*Endpoint::parse(address), PrivateKey::generate().public_key()});
    lies.nodes.push_back({node.address(), PrivateKey::generate().public_key()});
    std::set<Endpoint> asked;
    net.network.tap = [&](test::SimPacket& packet) { return asked.insert(packet.to), true; };
    liar.send(node.address(), dht_id::kFindResponse, lies);
    net.network.run_for(5s);
    for (const DhtNode& lie : lies.nodes)
        EXPECT_TRUE(lie.address == node.address() || !asked.contains(lie.address)) << lie.address.to_string();
}

} // namespace
} // namespace cepa::tunnel
