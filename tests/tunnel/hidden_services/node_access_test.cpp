#include "support/serving_node.hpp"
#include "tunnel/hidden_services/directory.hpp"
#include "tunnel/hidden_services/node_access.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

/// Answers itself, so that it is seen who was asked.
struct AnsweringSiblings final : Siblings {
    void find_introductions(const LookupHash&, IntroductionsFound done) override
    {
        ++asked;
        done({{}, {}});
    }
    void find_node(const PublicKey&, NodeFound done) override
    {
        ++asked;
        done(Endpoint{IpAddress::v4(7), 7});
    }
    void register_introduction(const Introduction&, Registered done) override
    {
        ++asked;
        done(false);
    }
    void forget_introduction(const Introduction&) override { ++asked; }
    void offer_rendezvous(const Cookie&, CircuitId) override {}
    void withdraw_rendezvous(const Cookie&) override {}
    void link(const Cookie&, LinkHalf, Linked) override {}
    void unlinked(CircuitId) override {}
    void moved(CircuitId, const Endpoint&) override {}
    void pass_on(CircuitId, const Endpoint&, PacketBuffer&) override {}
    int asked = 0;
};

class NodeAccessTest : public ::testing::Test {
protected:
    NodeAccessTest()
    {
        introduction_.swarm_key = PrivateKey::generate().public_key();
        introduction_.circuit = CircuitId(5);
    }
    bool says_unreachable(NodeRegister& node)
    {
        bool out = false;
        node.register_introduction(introduction_, [&](Registration answer) { out = !answer && answer.unreachable; });
        return out;
    }
    /// What the register says to it.
    std::optional<bool> enter(NodeRegister& node)
    {
        std::optional<bool> out;
        node.register_introduction(introduction_, [&](Registration answer) { out = answer.accepted; });
        return out;
    }
    std::size_t found(NodeRegister& node)
    {
        std::size_t out = 99;
        node.find_introductions(introduction_.lookup_hash, [&](const auto& peers) { out = peers.size(); });
        return out;
    }

    TunnelSettings settings_ = test::ServingNode::settings_of(false);
    test::CircuitBench bench_;
    Introduction introduction_;
    AnsweringSiblings siblings_;
};

TEST_F(NodeAccessTest, WhereTheTunnelDiscoversItsOwnDirectoryIsAsked)
{
    Discovery discovery(settings_, bench_.environment);
    Directory directory(Directory::Tools{settings_, bench_.environment, discovery, {}, {}});
    NodeAccess node(&siblings_, &directory);
    EXPECT_EQ(enter(node), true);
    EXPECT_EQ(node.circuit_of(introduction_.swarm_key), CircuitId(5));
    introduction_.circuit = CircuitId(6);
    EXPECT_EQ(enter(node), false); // another serves it
    introduction_.circuit = CircuitId(5);
    node.forget_introduction(introduction_);
    EXPECT_FALSE(node.circuit_of(introduction_.swarm_key));
    EXPECT_EQ(siblings_.asked, 0);
}

// What was accepted before ends for it, so the first minutes of a worker 0 that does not know yet are no reason.
TEST_F(NodeAccessTest, ThatNobodyReachesUsIsSaidOnceItIsKnown)
{
    settings_.public_network = true;
    Discovery discovery(settings_, bench_.environment);
    bool strangers = true;
    Directory directory(Directory::Tools{settings_, bench_.environment, discovery, {}, [&] { return strangers; }});
    NodeAccess node(&siblings_, &directory);
    EXPECT_EQ(enter(node), false);
    EXPECT_FALSE(says_unreachable(node));
    discovery.own().share_translation(Translation::endpoint_independent);
    EXPECT_EQ(enter(node), true);
    strangers = false; // the last evidence is an hour old
    EXPECT_TRUE(says_unreachable(node));
    strangers = true;
    EXPECT_EQ(enter(node), true);
    discovery.own().share_translation(Translation::address_dependent);
    EXPECT_TRUE(says_unreachable(node));
    discovery.own().share_translation(Translation::none);
    EXPECT_EQ(enter(node), true);
}

TEST_F(NodeAccessTest, ElsewhereTheSiblingThatDiscoversIs)
{
    NodeAccess node(&siblings_, nullptr);
    EXPECT_EQ(found(node), 2U);
    EXPECT_EQ(enter(node), false);
    std::optional<Endpoint> at;
    node.find_node(introduction_.swarm_key, [&](const std::optional<Endpoint>& found) { at = found; });
    EXPECT_TRUE(at);
    node.forget_introduction(introduction_);
    EXPECT_EQ(siblings_.asked, 4);
    EXPECT_FALSE(node.circuit_of(introduction_.swarm_key)); // only the one that discovers can say
}

TEST_F(NodeAccessTest, WithNeitherNothingIsFound)
{
    NodeAccess node(nullptr, nullptr);
    EXPECT_EQ(found(node), 0U);
    node.forget_introduction(introduction_);
    EXPECT_FALSE(node.circuit_of(introduction_.swarm_key));
}

} // namespace
} // namespace cepa::tunnel
