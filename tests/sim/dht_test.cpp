// The DHT as a network: 30 nodes with loss, for hours of virtual time.
#include "support/dht_net.hpp"

namespace cepa::test {
namespace {

using namespace dht;
using namespace std::chrono_literals;

DhtId dht_key(std::uint8_t n)
{
    DhtId out{};
    out.fill(static_cast<std::uint8_t>(n * 37U));
    out[1] = n;
    return out;
}

Bytes dht_value(std::uint8_t n)
{
    return DhtValue::encode_unsigned(Bytes(40, n));
}

TEST(DhtSim, FirstNodesAreFoundWithinTwoSeconds)
{
    Net net;
    net.grow(30);
    Node& late = net.add();
    net.network.run_for(2s);
    EXPECT_GE(late.dht->table().size(), 8U);
}

TEST(DhtSim, ValuesAreFoundFromAnywhereDespiteLoss)
{
    Net net;
    net.network.conditions.loss = 0.05;
    net.grow(30);
    for (std::uint8_t n = 1; n <= 5; ++n)
        EXPECT_GE(net.store(*net.nodes[n * 5U], dht_key(n), dht_value(n)), 5U);
    for (const auto& node : net.nodes)
        for (std::uint8_t n = 1; n <= 5; ++n) {
            net.network.run_for(2s); // nobody is asked more than it answers
            EXPECT_EQ(net.find(*node, dht_key(n)), std::vector<Bytes>{dht_value(n)}) << node->address().to_string();
        }
}

TEST(DhtSim, ValuesExpireWithinTheHour)
{
    Net net;
    net.grow(12);
    ASSERT_GE(net.store(*net.nodes[3], dht_key(1), dht_value(1)), 7U);
    net.network.run_for(50min);
    EXPECT_EQ(net.find(*net.nodes[10], dht_key(1)).size(), 1U);
    // The lookup cached it on one node more, for an hour at most.
    net.network.run_for(65min);
    EXPECT_TRUE(net.find(*net.nodes[11], dht_key(1)).empty());
    for (const auto& node : net.nodes)
        EXPECT_EQ(node->dht->values().size(), 0U);
}

TEST(DhtSim, HalfOfTheNodesMayDie)
{
    Net net;
    net.grow(30);
    ASSERT_GE(net.store(*net.nodes[3], dht_key(1), dht_value(1)), 7U);
    for (std::size_t i = 0; i < net.nodes.size(); i += 2)
        net.nodes[i]->die();
    EXPECT_EQ(net.find(*net.nodes[21], dht_key(1)).size(), 1U);
    net.network.run_for(3min);
    // The dead have left the tables.
    for (std::size_t i = 1; i < net.nodes.size(); i += 2)
        for (const DhtContact& node : net.nodes[i]->dht->table().closest(dht_key(1), 20))
            EXPECT_EQ(node.address.ip.to_v4() >> 16U & 1U, 0U) << node.address.to_string();
}

/// A node that answers every find with nodes that do not exist and values that nobody stored.
class Liar {
public:
    Liar(SimNetwork& network, const Endpoint& at) : stranger_(network, at), network_(network)
    {
        network.attach(at, [this](const SimPacket& packet) { answer(packet); });
    }

private:
    void answer(const SimPacket& packet)
    {
        const auto opened = open_signed(packet.bytes, TimeField::absent);
        if (!opened) return;
        if (opened->message_id == dht_id::kPingRequest)
            stranger_.send(packet.from, dht_id::kPingResponse, *DhtPlain::parse(opened->body));
        if (opened->message_id != dht_id::kFindRequest) return;
        const auto request = *DhtFindRequest::parse(opened->body);
        DhtFindResponse response;
        response.identifier = request.identifier;
        const Bytes junk(20, static_cast<std::uint8_t>(++lies_));
        if (!request.force_nodes) response.values = {ByteSpan(junk)};
        for (int i = 0; i < 8; ++i)
            response.nodes.push_back(
                {address_number(100 + static_cast<unsigned>(++lies_ % 100)), PrivateKey::generate().public_key()});
        stranger_.send(packet.from, dht_id::kFindResponse, response);
    }
    Stranger stranger_;
    SimNetwork& network_;
    std::size_t lies_ = 0;
};

TEST(DhtSim, LiarsHideNothing)
{
    Net net;
    net.grow(24);
    std::vector<std::unique_ptr<Liar>> liars;
    for (unsigned i = 0; i < 6; ++i) {
        liars.push_back(std::make_unique<Liar>(net.network, address_number(60 + i)));
        for (const auto& node : net.nodes)
            node->dht->meet(address_number(60 + i));
    }
    net.network.run_for(30s);
    EXPECT_GE(net.store(*net.nodes[3], dht_key(1), dht_value(1)), 4U);
    std::size_t found = 0;
    for (std::size_t i = 4; i < 24; ++i) {
        net.network.run_for(3s);
        const auto values = net.find(*net.nodes[i], dht_key(1));
        found += static_cast<std::size_t>(std::ranges::count(values, dht_value(1)));
    }
    EXPECT_EQ(found, 20U);
}

TEST(DhtSim, ANodeThatComesBackHasItsNeighboursAtOnce)
{
    Net net;
    net.grow(30);
    std::vector<DhtNode> known;
    for (const DhtContact& node : net.nodes[7]->dht->table().closest(dht_key(1), 20))
        known.push_back({node.address, node.key});
    TunnelSettings settings = net.nodes[7]->settings;
    settings.walk_to = {address_number(200)}; // nobody
    net.nodes[7]->die();
    net.nodes[7].reset();
    Node again(net.network, settings, 99);
    for (const DhtNode& node : known)
        again.dht->remember(node);
    net.network.run_for(500ms);
    EXPECT_GE(again.dht->table().size(), 15U);
    net.nodes.erase(net.nodes.begin() + 7);
}

} // namespace
} // namespace cepa::test
