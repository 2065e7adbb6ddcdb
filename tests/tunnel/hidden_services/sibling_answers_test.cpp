#include "support/serving_node.hpp"
#include "tunnel/hidden_services/directory.hpp"
#include "tunnel/hidden_services/sibling_answers.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::message_bytes;
using test::neighbour;

constexpr CircuitId kWaits(22);

class SiblingAnswersTest : public ::testing::Test {
protected:
    SiblingAnswersTest() : node_(&siblings_)
    {
        introduction_.swarm_key = PrivateKey::generate().public_key();
        introduction_.circuit = CircuitId(5);
        node_.join(kWaits, neighbour(2));
        cookie_.fill(7);
        node_.cell(kWaits, message_bytes(EstablishRendezvous{1, cookie_}));
        node_.bench.packets.sent.clear();
    }
    LinkHalf theirs()
    {
        auto [originator, hop] = node_.bench.session();
        return {CircuitId(77), neighbour(7), hop.take_sealing_right()};
    }

    test::HeldSiblings siblings_;
    test::ServingNode node_;
    TunnelSettings settings_ = test::ServingNode::settings_of(false);
    Introduction introduction_;
    Cookie cookie_{};
};

TEST_F(SiblingAnswersTest, OnlyTheTunnelThatDiscoversFindsAndRegisters)
{
    SiblingAnswers answers(node_.bench.clock, node_.serving, node_.splices, nullptr);
    std::optional<std::size_t> found;
    answers.find_introductions(introduction_.lookup_hash, [&](const auto& peers) { found = peers.size(); });
    EXPECT_EQ(found, 0U);
    bool node = true;
    answers.find_node(introduction_.swarm_key, [&](const std::optional<Endpoint>& at) { node = at.has_value(); });
    EXPECT_FALSE(node);
    EXPECT_FALSE(answers.register_introduction(introduction_));
    answers.forget_introduction(introduction_);

    Discovery discovery(settings_, node_.bench.environment);
    Directory directory(Directory::Tools{settings_, node_.bench.environment, discovery, {}, {}});
    SiblingAnswers discovering(node_.bench.clock, node_.serving, node_.splices, &directory);
    EXPECT_TRUE(discovering.register_introduction(introduction_));
    EXPECT_EQ(directory.circuit_of(introduction_.swarm_key), CircuitId(5));
    discovering.forget_introduction(introduction_);
    EXPECT_FALSE(directory.circuit_of(introduction_.swarm_key));
}

TEST_F(SiblingAnswersTest, LinksFollowsAndUnlinks)
{
    SiblingAnswers answers(node_.bench.clock, node_.serving, node_.splices, nullptr);
    const auto ours = answers.link(cookie_, theirs());
    ASSERT_TRUE(ours);
    EXPECT_EQ(ours->circuit, kWaits);
    EXPECT_FALSE(answers.link(cookie_, theirs()));
    answers.moved(kWaits, neighbour(7, 4000));
    node_.cell(kWaits, Bytes(60, 1));
    EXPECT_EQ(node_.bench.packets.take().to, neighbour(7, 4000));
    answers.unlink(kWaits);
    EXPECT_EQ(node_.splices.size(), 0U);
    EXPECT_EQ(node_.destroyed(), kWaits);
}

} // namespace
} // namespace cepa::tunnel
