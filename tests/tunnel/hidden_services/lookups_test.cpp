#include "support/serving_node.hpp"
#include "tunnel/hidden_services/lookups.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::message_bytes;
using test::neighbour;

constexpr CircuitId kAsker(44);

class LookupsTest : public ::testing::Test {
protected:
    LookupsTest()
    {
        hash_.fill(6);
        node_.join(kAsker, neighbour(4));
    }
    void ask(CircuitId circuit = kAsker, std::uint16_t identifier = 9)
    {
        node_.cell(circuit, message_bytes(PeersRequest{identifier, hash_}));
    }
    static std::vector<PeersResponse::Peer> peers(std::size_t count)
    {
        std::vector<PeersResponse::Peer> out;
        for (std::size_t i = 0; i < count; ++i)
            out.push_back({neighbour(static_cast<std::uint32_t>(i + 1)), PrivateKey::generate().public_key(),
                           PrivateKey::generate().public_key(), 1});
        return out;
    }

    test::ServingNode node_;
    LookupHash hash_{};
};

TEST_F(LookupsTest, AnswersWithAtMostSevenWhenTheyAreFound)
{
    ask();
    ASSERT_EQ(node_.node.finds.size(), 1U);
    EXPECT_EQ(node_.node.finds[0].first, hash_);
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    node_.node.finds[0].second(peers(20));
    const auto answer = node_.reply<PeersResponse>(kAsker);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->identifier, 9);
    EXPECT_EQ(answer->lookup_hash, hash_);
    EXPECT_EQ(answer->peers.size(), 7U);
}

TEST_F(LookupsTest, AnswersThatNobodyIsThere)
{
    ask();
    node_.node.finds[0].second({});
    const auto answer = node_.reply<PeersResponse>(kAsker);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->peers.empty());
}

TEST_F(LookupsTest, OneCircuitHasFewUnderWay)
{
    for (int i = 0; i < 50; ++i)
        ask();
    EXPECT_EQ(node_.node.finds.size(), Lookups::kMostOfCircuit);
    EXPECT_EQ(node_.dropped(Drop::lookup_refused), 50 - Lookups::kMostOfCircuit);
    for (auto& [hash, done] : node_.node.finds)
        done({});
    node_.node.finds.clear();
    node_.bench.clock.advance(2s);
    ask();
    EXPECT_EQ(node_.node.finds.size(), 1U);
}

TEST_F(LookupsTest, OneCircuitAsksSlowlyWhenAnswersAreQuick)
{
    for (int i = 0; i < 100; ++i) {
        ask();
        for (auto& [hash, done] : std::exchange(node_.node.finds, {}))
            done({});
        node_.bench.clock.advance(50ms);
    }
    EXPECT_LE(node_.bench.packets.sent.size(), 14U); // 8 at once, then one each second
}

TEST_F(LookupsTest, AFloodOfManyCircuitsIsBounded)
{
    for (std::uint32_t i = 0; i < 300; ++i) {
        node_.join(CircuitId(1000 + i), neighbour(i));
        ask(CircuitId(1000 + i));
        node_.bench.clock.advance(100ms);
    }
    EXPECT_EQ(node_.node.finds.size(), Lookups::kMostOutstanding);
}

TEST_F(LookupsTest, AnAnswerForACircuitThatIsGoneIsForNobody)
{
    ask();
    node_.joined.remove(kAsker, node_.bench.now());
    node_.bench.clock.advance(70s);
    node_.join(kAsker, neighbour(5)); // even when another has its id by then
    node_.node.finds[0].second(peers(3));
    EXPECT_TRUE(node_.bench.packets.sent.empty());
    ask(); // and the place is free
    EXPECT_EQ(node_.node.finds.size(), 2U);
}

TEST_F(LookupsTest, ACircuitThatWaitsForSomebodyAsksNothing)
{
    node_.cell(kAsker, message_bytes(EstablishRendezvous{1, {}}));
    ask();
    EXPECT_TRUE(node_.node.finds.empty());
    EXPECT_EQ(node_.dropped(Drop::lookup_refused), 1U);
}

} // namespace
} // namespace cepa::tunnel
