#include "support/serving_node.hpp"
#include "tunnel/hidden_services/serving.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::message_bytes;
using test::neighbour;

/// The parts together: what a circuit became decides what it may still become, and each hears of its circuits' ends.
class ServingTest : public ::testing::Test {
protected:
    ServingTest()
    {
        for (std::uint32_t id = 1; id <= 4; ++id)
            node_.join(CircuitId(id), neighbour(id));
    }
    void establish_intro(std::uint32_t id)
    {
        node_.cell(CircuitId(id), message_bytes(EstablishIntro{1, {}, PrivateKey::generate().public_key()}));
    }
    void establish_rendezvous(std::uint32_t id, std::uint8_t filler)
    {
        Cookie cookie;
        cookie.fill(filler);
        node_.cell(CircuitId(id), message_bytes(EstablishRendezvous{1, cookie}));
    }
    void link(std::uint32_t id, std::uint8_t filler)
    {
        Cookie cookie;
        cookie.fill(filler);
        node_.cell(CircuitId(id), message_bytes(LinkE2e{1, cookie}));
    }

    test::ServingNode node_;
};

TEST_F(ServingTest, ACircuitDoesOneThingInItsLife)
{
    establish_intro(1);
    establish_rendezvous(2, 2);
    EXPECT_EQ(node_.at(CircuitId(1)).role, JoinedRole::introduction);
    EXPECT_EQ(node_.at(CircuitId(2)).role, JoinedRole::rendezvous);
    establish_rendezvous(1, 3);
    establish_intro(2);
    link(1, 2);
    node_.cell(CircuitId(1), message_bytes(PeersRequest{}));
    EXPECT_EQ(node_.at(CircuitId(1)).role, JoinedRole::introduction);
    EXPECT_EQ(node_.at(CircuitId(2)).role, JoinedRole::rendezvous);
    EXPECT_EQ(node_.node.registered.size(), 1U);
    EXPECT_TRUE(node_.node.finds.empty());
    link(3, 2);
    EXPECT_EQ(node_.kind(CircuitId(3)), RouteKind::spliced);
}

TEST_F(ServingTest, EachHearsOfItsCircuitsEnds)
{
    establish_intro(1);
    establish_rendezvous(2, 2);
    node_.joined.remove(CircuitId(1), node_.bench.now());
    node_.joined.remove(CircuitId(2), node_.bench.now());
    node_.joined.remove(CircuitId(3), node_.bench.now());
    EXPECT_EQ(node_.node.forgotten.size(), 1U);
    link(4, 2);
    EXPECT_EQ(node_.dropped(Drop::link_refused), 1U);
}

TEST_F(ServingTest, ASweepEndsWhatIsSilent)
{
    establish_intro(1);
    establish_rendezvous(2, 2);
    link(3, 2);
    node_.bench.clock.advance(30s);
    node_.sweep();
    EXPECT_EQ(node_.joined.size(), 0U);
    EXPECT_EQ(node_.splices.size(), 0U);
    EXPECT_EQ(node_.node.forgotten.size(), 1U);
}

} // namespace
} // namespace cepa::tunnel
