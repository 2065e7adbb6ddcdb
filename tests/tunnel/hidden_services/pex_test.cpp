#include "support/dht_net.hpp"
#include "tunnel/hidden_services/pex.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::dht;

constexpr LookupHash kPexSwarm{0x31, 7};

/// One introduction point: its Pex, and nothing else.
struct PexNode {
    PexNode(test::SimNetwork& network, unsigned number)
        : settings(settings_at(address_number(number))), world(network, settings.listen, number),
          environment(world.environment(network.clock())), own(settings), pex({settings, environment, own, drops})
    {
        network.attach(settings.listen,
                       [this](const test::SimPacket& packet) { pex.on_packet(packet.from, packet.bytes); });
        network.every(50ms, [this, &network] { pex.tick(network.now()); });
    }
    TunnelSettings settings;
    World world;
    Environment environment;
    DropCounts drops;
    OwnAddresses own;
    Pex pex;
};

class PexTest : public testing::Test {
protected:
    static PublicKey swarm_key() { return PrivateKey::generate().public_key(); }

    test::SimNetwork network_;
    PexNode a_{network_, 1};
    PexNode b_{network_, 2};
    PexNode c_{network_, 3};
};

TEST_F(PexTest, MembersTellEachOtherWhomTheyServe)
{
    const PublicKey of_a = swarm_key();
    const PublicKey of_b = swarm_key();
    a_.pex.serve(kPexSwarm, {of_a});
    b_.pex.serve(kPexSwarm, {of_b});
    a_.pex.meet(kPexSwarm, b_.settings.listen);
    network_.run_for(10s);
    const auto at_a = a_.pex.found(kPexSwarm, network_.now());
    ASSERT_EQ(at_a.size(), 1U);
    EXPECT_EQ(at_a[0].swarm_key, of_b);
    EXPECT_EQ(at_a[0].address, b_.settings.listen);
    EXPECT_EQ(at_a[0].key, b_.settings.identity_public);
    EXPECT_EQ(at_a[0].source, 2);
    EXPECT_EQ(b_.pex.found(kPexSwarm, network_.now()).size(), 1U); // it asked back
    EXPECT_TRUE(a_.pex.found({1}, network_.now()).empty());
}

TEST_F(PexTest, AThirdIsIntroducedAndNewsComeInTime)
{
    for (PexNode* node : {&a_, &b_, &c_})
        node->pex.serve(kPexSwarm, {swarm_key()});
    b_.pex.meet(kPexSwarm, a_.settings.listen);
    c_.pex.meet(kPexSwarm, a_.settings.listen);
    network_.run_for(60s);
    EXPECT_EQ(b_.pex.found(kPexSwarm, network_.now()).size(), 2U);
    a_.pex.serve(kPexSwarm, {swarm_key(), swarm_key()});
    network_.run_for(60s);
    EXPECT_EQ(b_.pex.found(kPexSwarm, network_.now()).size(), 4U); // the former one is still remembered
    network_.run_for(5min);
    EXPECT_EQ(b_.pex.found(kPexSwarm, network_.now()).size(), 3U);
}

TEST_F(PexTest, WhoServesNobodyLeaves)
{
    a_.pex.serve(kPexSwarm, {swarm_key()});
    b_.pex.serve(kPexSwarm, {swarm_key()});
    a_.pex.meet(kPexSwarm, b_.settings.listen);
    network_.run_for(10s);
    b_.pex.serve(kPexSwarm, {});
    EXPECT_EQ(b_.pex.size(), 0U);
    network_.run_for(6min);
    EXPECT_TRUE(a_.pex.found(kPexSwarm, network_.now()).empty());
}

TEST_F(PexTest, SwarmsKeysAndRecordsAreBounded)
{
    for (std::uint32_t i = 0; i < 200; ++i)
        a_.pex.serve({static_cast<std::uint8_t>(i), 1}, {swarm_key()});
    EXPECT_EQ(a_.pex.size(), Pex::kMostSwarms);
    b_.pex.serve({0, 1}, {swarm_key()});
    for (int round = 0; round < 10; ++round) {
        std::vector<PublicKey> many;
        for (int i = 0; i < 100; ++i)
            many.push_back(swarm_key());
        a_.pex.serve({0, 1}, many);
        b_.pex.meet({0, 1}, a_.settings.listen);
        network_.run_for(26s);
    }
    EXPECT_LE(b_.pex.found({0, 1}, network_.now()).size(), Pex::kMostFound);
    EXPECT_EQ(b_.pex.found({0, 1}, network_.now()).size(), Pex::kMostFoundOfPeer);
}

TEST_F(PexTest, OneLiarReplacesNothingThatOthersSaid)
{
    const PublicKey of_b = swarm_key();
    a_.pex.serve(kPexSwarm, {swarm_key()});
    b_.pex.serve(kPexSwarm, {of_b});
    a_.pex.meet(kPexSwarm, b_.settings.listen);
    network_.run_for(10s);
    Stranger liar(network_, address_number(9));
    const Prefix prefix = make_prefix(pex_overlay(kPexSwarm));
    a_.pex.meet(kPexSwarm, liar.address);
    for (int round = 0; round < 6; ++round) {
        liar.received.clear();
        ASSERT_TRUE(network_.run_until([&] { return liar.count(discovery_id::kIntroductionRequest) > 0; }, 40s));
        const auto asked = open_signed(liar.received.back().bytes, TimeField::present);
        Bytes extra(1 + 10 * (2 + kEncodedKeySize));
        Writer writer(extra);
        writer.u8(10);
        for (int i = 0; i < 10; ++i)
            writer.varlen(swarm_key().encode());
        IntroductionResponse answer;
        answer.destination = a_.settings.listen;
        answer.identifier = IntroductionRequest::parse(Style::old_style, asked->body)->identifier;
        answer.extra = extra;
        network_.send(liar.address, a_.settings.listen,
                      build_signed(prefix, discovery_id::kIntroductionResponse, liar.key, 1, encode_body(answer)));
        network_.run_for(1s);
    }
    const auto found = a_.pex.found(kPexSwarm, network_.now());
    EXPECT_EQ(std::ranges::count(found, of_b, &PeersResponse::Peer::swarm_key), 1);
    EXPECT_EQ(found.size(), 1 + Pex::kMostFoundOfPeer);
}

TEST_F(PexTest, JunkInTheExtraBytesTeachesNothing)
{
    a_.pex.serve(kPexSwarm, {swarm_key()});
    Stranger stranger(network_, address_number(9));
    const Prefix prefix = make_prefix(pex_overlay(kPexSwarm));
    for (const Bytes& extra : {Bytes{}, Bytes{255}, Bytes{1, 0, 74}, Bytes{1, 0, 2, 9, 9}, Bytes(200, 1)}) {
        stranger.received.clear();
        a_.pex.meet(kPexSwarm, stranger.address);
        network_.run_until([&] { return stranger.count(discovery_id::kIntroductionRequest) > 0; }, 30s);
        ASSERT_FALSE(stranger.received.empty());
        const auto asked = open_signed(stranger.received.back().bytes, TimeField::present);
        IntroductionResponse answer;
        answer.destination = a_.settings.listen;
        answer.identifier = IntroductionRequest::parse(Style::old_style, asked->body)->identifier;
        answer.extra = extra;
        network_.send(stranger.address, a_.settings.listen,
                      build_signed(prefix, discovery_id::kIntroductionResponse, stranger.key, 1, encode_body(answer)));
        network_.run_for(1s);
    }
    EXPECT_TRUE(a_.pex.found(kPexSwarm, network_.now()).empty());
}

} // namespace
} // namespace cepa::tunnel
