#include "support/dht_net.hpp"
#include "tunnel/dht/connector.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::dht;

/// A translator that lets in only what comes from where its host has sent to, and only to the outside address.
class DhtNat {
public:
    DhtNat(test::SimNetwork& network, const Endpoint& inside, const Endpoint& outside)
    {
        network.tap = [this, inside, outside](test::SimPacket& packet) {
            if (packet.from == inside) {
                opened_.insert(packet.to);
                packet.from = outside;
                return true;
            }
            if (packet.to != outside) return packet.to != inside;
            if (!opened_.contains(packet.from)) return false;
            packet.to = inside;
            return true;
        };
    }

    [[nodiscard]] bool lets_in(const Endpoint& source) const { return opened_.contains(source); }

private:
    std::set<Endpoint> opened_;
};

class DhtConnectorTest : public testing::Test {
protected:
    DhtConnectorTest()
    {
        net_.grow(12);
        const Endpoint inside{IpAddress::v4(0xc0a80102), 8090};
        nat_.emplace(net_.network, inside, outside_);
        TunnelSettings settings = settings_at(inside);
        hidden_ = &net_.add(std::move(settings));
        hidden_->own.share({outside_}); // as its discovery will find out
        net_.network.run_for(40s);
    }
    std::optional<Endpoint> connect(Node& from, const PublicKey& key)
    {
        std::optional<std::optional<Endpoint>> out;
        from.dht->connect(key, [&](std::optional<Endpoint> address) { out = address; });
        EXPECT_TRUE(net_.network.run_until([&] { return out.has_value(); }, 20s));
        return out.value_or(std::nullopt);
    }
    Net net_;
    Endpoint outside_ = address_number(90);
    std::optional<DhtNat> nat_;
    Node* hidden_ = nullptr;
};

TEST_F(DhtConnectorTest, ANodeBehindANatRegistersAndStaysRegistered)
{
    EXPECT_EQ(hidden_->dht->registrations(), DhtConnector::kTargets);
    net_.network.run_for(10min);
    EXPECT_GE(hidden_->dht->registrations(), DhtConnector::kTargets - 1);
    std::size_t registered = 0;
    for (const auto& node : net_.nodes)
        registered += node->dht->registry().size();
    EXPECT_GE(registered, DhtConnector::kTargets - 1);
    // Who can be reached has no need to.
    for (const auto& node : net_.nodes)
        EXPECT_TRUE(node.get() == hidden_ || node->dht->registrations() == 0U);
}

TEST_F(DhtConnectorTest, AStrangerReachesItThroughThem)
{
    TunnelSettings settings = settings_at(address_number(40));
    settings.walk_to = {address_number(41)}; // nobody: introductions would open the way as well
    Node& seeker = net_.add(std::move(settings));
    seeker.dht->remember({net_.nodes[2]->address(), net_.nodes[2]->key()});
    net_.network.run_for(100ms);
    ASSERT_FALSE(nat_->lets_in(seeker.address()));
    EXPECT_EQ(connect(seeker, hidden_->key()), outside_);
    EXPECT_TRUE(nat_->lets_in(seeker.address()));
}

TEST_F(DhtConnectorTest, NobodyIsFoundWhoIsNotThere)
{
    EXPECT_EQ(connect(*net_.nodes[3], PrivateKey::generate().public_key()), std::nullopt);
}

TEST_F(DhtConnectorTest, AttemptsAreBoundedAndEachIsAnswered)
{
    std::size_t heard = 0;
    for (int i = 0; i < 100; ++i)
        net_.nodes[2]->dht->connect(PrivateKey::generate().public_key(), [&](std::optional<Endpoint>) { ++heard; });
    net_.network.run_for(20s);
    EXPECT_EQ(heard, 100U);
}

} // namespace
} // namespace cepa::tunnel
