// Hidden circuits in the flow router: made-up addresses lead into them and nowhere else.
#include "main/fake_tunnel_service.hpp"
#include "main/flow_router.hpp"
#include "support/fake_clock.hpp"
#include "support/packet.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

using cepa::test::OwnedPacket;
using socks5::AssociationId;

struct CollectingReturn : socks5::DatagramReturn {
    void send_to_client(const Address& origin, PacketBuffer&) override { origins.push_back(origin); }
    void flush() override {}
    std::vector<Address> origins;
};

class FlowRouterHiddenTest : public testing::Test {
protected:
    FlowRouterHiddenTest()
    {
        router.on_opened(kMine, kHidden, back);
        router.on_opened(kOther, kAnother, other_back);
        router.add_circuit(kHidden, kData, WorkerId(0));
        router.add_circuit(kAnother, CircuitId(11), WorkerId(0));
        router.add_hidden(kHidden, kLink, kPeer);
    }
    /// The circuit that it left by.
    std::optional<CircuitId> send(const Address& destination, std::uint8_t first = 0x41, AssociationId from = kMine)
    {
        Bytes payload(20, 0);
        payload[0] = first; // uTP, or else an announce
        OwnedPacket packet(payload);
        const std::size_t before = service.sent.size();
        router.on_datagram(from, destination, packet.buffer());
        return service.sent.size() == before ? std::nullopt : std::optional(service.sent.back().circuit);
    }
    void receive(CircuitId circuit, const Address& origin)
    {
        OwnedPacket packet(Bytes(20, 1));
        router.on_tunnel_datagram(circuit, origin, packet.buffer());
    }

    const Route kHidden{2, GroupId(1)};
    const Route kAnother{2, GroupId(2)};
    const Endpoint kPeer = Endpoint::parse("241.2.3.4:1024").value();
    static constexpr AssociationId kMine{1}, kOther{2};
    static constexpr CircuitId kData{10}, kLink{20}, kNewLink{21};
    cepa::test::FakeClock clock;
    test::FakeTunnelService service;
    CollectingReturn back;
    CollectingReturn other_back;
    FlowRouter router{service, clock, {}, {}};
};

TEST_F(FlowRouterHiddenTest, AMadeUpAddressLeadsIntoItsCircuitAndBack)
{
    EXPECT_EQ(send(kPeer), kLink);
    receive(kLink, Address());
    EXPECT_EQ(back.origins, std::vector<Address>{kPeer});
    EXPECT_TRUE(other_back.origins.empty());
}

TEST_F(FlowRouterHiddenTest, NothingForThatRangeLeavesThroughAnExit)
{
    for (const char* text :
         {"241.2.3.5:1024", "241.2.3.4:1025", "255.255.255.255:1024", "240.0.0.1:80", "[::ffff:241.2.3.5]:1024"}) {
        EXPECT_EQ(send(Endpoint::parse(text).value()), std::nullopt) << text;
        EXPECT_EQ(send(Endpoint::parse(text).value(), 'd'), std::nullopt) << text;
    }
    EXPECT_EQ(send(Address("241.2.3.5", 1024)), std::nullopt) << "nor spelled as a name";
    EXPECT_EQ(router.stats().no_hidden_peer, 11U);
    EXPECT_EQ(send(Endpoint::parse("[::ffff:241.2.3.4]:1024").value()), kLink) << "the same one in another spelling";
}

TEST_F(FlowRouterHiddenTest, HiddenPeersAreTalkedToByUtpOnly)
{
    EXPECT_EQ(send(kPeer, 'd'), std::nullopt) << "the DHT's node id is one for all torrents";
    OwnedPacket packet(as_bytes("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"));
    router.on_tunnel_datagram(kLink, Address(), packet.buffer());
    EXPECT_TRUE(back.origins.empty());
    EXPECT_EQ(router.stats().hidden_not_utp, 2U);
    receive(kLink, Address());
    EXPECT_EQ(back.origins.size(), 1U);
}

TEST_F(FlowRouterHiddenTest, AnotherGroupDoesNotReachIt)
{
    EXPECT_EQ(send(kPeer, 0x41, kOther), std::nullopt);
    EXPECT_EQ(router.stats().no_hidden_peer, 1U);
}

TEST_F(FlowRouterHiddenTest, OriginsThatDoNotFitTheirCircuitAreDropped)
{
    receive(kData, Address());
    receive(kData, kPeer);
    receive(kData, Endpoint::parse("[::ffff:241.2.3.4]:1024").value());
    receive(kLink, Endpoint::parse("203.0.113.7:6881").value());
    EXPECT_TRUE(back.origins.empty());
    EXPECT_EQ(router.stats().odd_origin, 4U);
    receive(kData, Endpoint::parse("203.0.113.7:6881").value());
    EXPECT_EQ(back.origins.size(), 1U);
}

TEST_F(FlowRouterHiddenTest, TheLatestLinkCarriesAndTheFormerOneWhenThatIsGone)
{
    router.add_hidden(kHidden, kNewLink, kPeer);
    EXPECT_EQ(send(kPeer), kNewLink);
    receive(kLink, Address());
    EXPECT_EQ(back.origins.size(), 1U) << "what is under way still arrives";
    EXPECT_EQ(router.remove_hidden(kNewLink), kPeer);
    EXPECT_EQ(send(kPeer), kLink);
    EXPECT_EQ(router.remove_hidden(kLink), kPeer);
    EXPECT_EQ(send(kPeer), std::nullopt);
    EXPECT_EQ(router.remove_hidden(kLink), std::nullopt);
    receive(kLink, Address());
    EXPECT_EQ(back.origins.size(), 1U);
}

TEST_F(FlowRouterHiddenTest, ItsEndMovesNoFlows)
{
    EXPECT_EQ(send(Endpoint::parse("203.0.113.7:6881").value()), kData);
    EXPECT_EQ(router.remove_hidden(kData), std::nullopt) << "a common circuit is none";
    (void)router.remove_hidden(kLink);
    EXPECT_EQ(router.stats().moved, 0U);
    EXPECT_EQ(send(Endpoint::parse("203.0.113.7:6881").value()), kData);
}

} // namespace
} // namespace cepa::main
