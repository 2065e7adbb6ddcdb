#include "support/dht_net.hpp"
#include "tunnel/dht/server.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using namespace test::dht;
using test::SimPacket;

class DhtServerTest : public testing::Test {
protected:
    DhtServerTest() { settle(); }
    void settle() { net_.network.run_for(100ms); }
    template <class Message>
    void ask(std::uint8_t id, const Message& message)
    {
        stranger_.send(node_.address(), id, message);
        settle();
    }
    [[nodiscard]] DhtToken token()
    {
        ask(dht_id::kFindRequest, DhtFindRequest{1, stranger_.address, {}, 0, true});
        return stranger_.last<DhtFindResponse>(dht_id::kFindResponse).value_or(DhtFindResponse{}).token;
    }
    static Bytes ping_of(const Node& node)
    {
        return build_signed(make_prefix(kDhtOverlay), dht_id::kPingRequest, *node.settings.identity, std::nullopt,
                            encode_body(DhtPlain{7}));
    }
    static Bytes some_value(std::uint8_t n) { return DhtValue::encode_unsigned(Bytes(30, n)); }

    Net net_;
    Node& node_ = net_.add();
    Stranger stranger_{net_.network, address_number(77)};
    DhtId target_{9, 9};
};

TEST_F(DhtServerTest, AnswersPingsAndChallengesTheSender)
{
    ask(dht_id::kPingRequest, DhtPlain{5});
    EXPECT_EQ(stranger_.last<DhtPlain>(dht_id::kPingResponse)->identifier, 5U);
    EXPECT_EQ(stranger_.count(dht_id::kPingRequest), 1U); // a query alone makes nobody a node
    EXPECT_EQ(node_.dht->table().size(), 0U);
    ask(dht_id::kPingResponse, *stranger_.last<DhtPlain>(dht_id::kPingRequest));
    EXPECT_EQ(node_.dht->table().size(), 1U);
}

TEST_F(DhtServerTest, StoresWithATokenAndFindsFromAnOffset)
{
    const DhtToken mine = token();
    std::vector<Bytes> values;
    for (std::uint8_t i = 0; i < 8; ++i)
        values.push_back(some_value(i));
    DhtStoreRequest request{2, mine, target_, {values.begin(), values.end()}};
    ask(dht_id::kStoreRequest, request);
    EXPECT_EQ(stranger_.last<DhtPlain>(dht_id::kStoreResponse)->identifier, 2U);
    ask(dht_id::kFindRequest, DhtFindRequest{3, stranger_.address, target_, 2, false});
    const auto found = stranger_.last<DhtFindResponse>(dht_id::kFindResponse);
    EXPECT_EQ(found->values.size(), 2U);
    EXPECT_TRUE(found->nodes.empty());
}

TEST_F(DhtServerTest, WithoutTheRightTokenNothingIsStored)
{
    const Bytes value = some_value(1);
    ask(dht_id::kStoreRequest, DhtStoreRequest{2, {}, target_, {ByteSpan(value)}});
    const DhtToken mine = token();
    Stranger thief(net_.network, address_number(78)); // its own key, another's token
    thief.send(node_.address(), dht_id::kStoreRequest, DhtStoreRequest{3, mine, target_, {ByteSpan(value)}});
    settle();
    net_.network.run_for(11min); // the secret has changed twice
    ask(dht_id::kStoreRequest, DhtStoreRequest{4, mine, target_, {ByteSpan(value)}});
    EXPECT_EQ(node_.dht->values().size(), 0U);
    EXPECT_EQ(node_.dropped("dht_refused"), 3U);
}

TEST_F(DhtServerTest, LargerRequestsAreDroppedWhole)
{
    const DhtToken mine = token();
    const Bytes small = some_value(1);
    const Bytes large = DhtValue::encode_unsigned(Bytes(170));
    ask(dht_id::kStoreRequest, DhtStoreRequest{2, mine, target_, {ByteSpan(small), ByteSpan(large)}});
    ask(dht_id::kStoreRequest, DhtStoreRequest{3, mine, target_, std::vector<ByteSpan>(9, ByteSpan(small))});
    EXPECT_EQ(node_.dht->values().size(), 0U);
    EXPECT_EQ(stranger_.count(dht_id::kStoreResponse), 0U);
}

TEST_F(DhtServerTest, TenQueriesInFiveSecondsAreAnswered)
{
    for (std::uint32_t i = 0; i < 30; ++i)
        stranger_.send(node_.address(), dht_id::kPingRequest, DhtPlain{i});
    settle();
    EXPECT_EQ(stranger_.count(dht_id::kPingResponse), 10U);
    EXPECT_EQ(node_.dropped("dht_flood"), 20U);
    net_.network.run_for(5s);
    ask(dht_id::kPingRequest, DhtPlain{99});
    EXPECT_EQ(stranger_.count(dht_id::kPingResponse), 11U);
}

TEST_F(DhtServerTest, AFloodOfStrangersCostsABoundedNumberOfSignatures)
{
    // Spoofed sources: no check of a signature is worth more than the limit.
    const Bytes packet = stranger_.sign(dht_id::kPingRequest, DhtPlain{1});
    for (std::uint32_t i = 0; i < 3000; ++i)
        net_.network.inject({{IpAddress::v4(0x0b000000 + i), 1}, node_.address(), packet});
    settle();
    EXPECT_GE(node_.dropped("dht_flood"), 2700U);
}

TEST_F(DhtServerTest, AFloodOfStrangersSilencesNobodyThatWeKnow)
{
    Node& friend_of_us = net_.add();
    net_.network.run_for(20s);
    ASSERT_NE(node_.dht->table().at(friend_of_us.address()), nullptr);
    const Bytes junk(120, 1);
    Bytes packet = stranger_.sign(dht_id::kPingRequest, DhtPlain{1});
    packet.back() ^= 1U;
    for (std::uint32_t i = 0; i < 2 * DhtQueryLimit::kMostNodes; ++i)
        net_.network.inject({{IpAddress::v4(0x0b000000 + i), 1}, node_.address(), packet});
    settle();
    std::size_t answers = 0;
    net_.network.tap = [&](SimPacket& sent) {
        if (sent.to == friend_of_us.address() && sent.bytes[kMessageIdOffset] == dht_id::kPingResponse) ++answers;
        return true;
    };
    net_.network.inject({friend_of_us.address(), node_.address(), ping_of(friend_of_us)});
    settle();
    EXPECT_EQ(answers, 1U);
    net_.network.run_for(1s); // the limit on all strangers has room again, and their table is still full
    ask(dht_id::kPingRequest, DhtPlain{99});
    EXPECT_EQ(stranger_.count(dht_id::kPingResponse), 1U);
}

// Two packets a second in its name were enough.
TEST_F(DhtServerTest, WhoInventsASourceTakesNothingFromTheNodeThere)
{
    Node& friend_of_us = net_.add();
    net_.network.run_for(20s);
    ASSERT_NE(node_.dht->table().at(friend_of_us.address()), nullptr);
    Bytes forged = ping_of(friend_of_us);
    forged.back() ^= 1U;
    for (const Bytes& packet : {forged, stranger_.sign(dht_id::kPingRequest, DhtPlain{1})})
        for (int i = 0; i < 45; ++i)
            net_.network.inject({friend_of_us.address(), node_.address(), packet});
    settle();
    std::size_t answers = 0;
    net_.network.tap = [&](SimPacket& sent) {
        if (sent.to == friend_of_us.address() && sent.bytes[kMessageIdOffset] == dht_id::kPingResponse) ++answers;
        return true;
    };
    for (int i = 0; i < 5; ++i)
        net_.network.inject({friend_of_us.address(), node_.address(), ping_of(friend_of_us)});
    settle();
    EXPECT_EQ(answers, 5U);
}

TEST_F(DhtServerTest, PortsOfOneStrangerCountAsOne)
{
    const Bytes packet = stranger_.sign(dht_id::kPingRequest, DhtPlain{1});
    for (std::uint16_t port = 1; port <= 50; ++port)
        net_.network.inject({{stranger_.address.ip, port}, node_.address(), packet});
    settle();
    EXPECT_EQ(node_.dropped("dht_flood"), 40U);
}

TEST_F(DhtServerTest, WhenManyStrangersAskAnswersAreShort)
{
    const DhtToken mine = token();
    std::vector<Bytes> values;
    for (std::uint8_t i = 0; i < 8; ++i)
        values.push_back(some_value(i));
    ask(dht_id::kStoreRequest, DhtStoreRequest{2, mine, target_, {values.begin(), values.end()}});
    const Bytes packet = stranger_.sign(dht_id::kFindRequest, DhtFindRequest{1, {}, target_, 0, false});
    std::size_t bytes = 0;
    net_.network.tap = [&](SimPacket& sent) {
        if (sent.from == node_.address() && sent.bytes[kMessageIdOffset] == dht_id::kFindResponse)
            bytes += sent.bytes.size();
        return true;
    };
    for (std::uint32_t i = 0; i < 150; ++i)
        net_.network.inject({{IpAddress::v4(0x0b000000 + i), 1}, node_.address(), packet});
    settle();
    EXPECT_LT(bytes, 60U * 520U + 90U * 300U);
    EXPECT_GT(bytes, 150U * 200U);
}

TEST_F(DhtServerTest, NodesComeWithAPunctureForTheFirst)
{
    for (int i = 0; i < 3; ++i)
        net_.add();
    net_.network.run_for(10s);
    ASSERT_GE(node_.dht->table().size(), 3U);
    std::vector<SimPacket> punctures;
    net_.network.tap = [&](SimPacket& packet) {
        if (packet.from != node_.address() || packet.bytes[kMessageIdOffset] != discovery_id::kPunctureRequest)
            return true;
        const auto opened = open_unsigned(packet.bytes, TimeField::present);
        const auto request = PunctureRequest::parse(Style::old_style, opened->body);
        if (request->wan_walker == stranger_.address) punctures.push_back(packet); // nodes walk, too
        return true;
    };
    ask(dht_id::kFindRequest, DhtFindRequest{3, {IpAddress::v4(0xc0a80101), 5}, target_, 0, false});
    const auto found = stranger_.last<DhtFindResponse>(dht_id::kFindResponse);
    ASSERT_EQ(found->nodes.size(), 3U);
    ASSERT_EQ(punctures.size(), 1U);
    EXPECT_EQ(punctures[0].to, found->nodes[0].address);
    const auto request =
        PunctureRequest::parse(Style::old_style, open_unsigned(punctures[0].bytes, TimeField::present)->body);
    EXPECT_EQ(request->wan_walker, stranger_.address);
    EXPECT_EQ(request->lan_walker, (Endpoint{IpAddress::v4(0xc0a80101), 5}));
    EXPECT_EQ(std::ranges::count(stranger_.received, found->nodes[0].address, &SimPacket::from), 1); // it punctured
}

TEST_F(DhtServerTest, ARegistrationIsForOneselfAndIsFound)
{
    const DhtToken mine = token();
    ask(dht_id::kStorePeerRequest, DhtStorePeerRequest{2, mine, {1, 2, 3}}); // somebody else's mid
    EXPECT_EQ(node_.dht->registry().size(), 0U);
    const Mid mid = stranger_.key.public_key().mid();
    ask(dht_id::kStorePeerRequest, DhtStorePeerRequest{3, mine, mid});
    EXPECT_EQ(node_.dht->registry().size(), 1U);
    Stranger seeker(net_.network, address_number(78));
    seeker.send(node_.address(), dht_id::kConnectPeerRequest, DhtConnectPeerRequest{4, seeker.address, mid});
    settle();
    const auto found = seeker.last<DhtConnectPeerResponse>(dht_id::kConnectPeerResponse);
    ASSERT_EQ(found->nodes.size(), 1U);
    EXPECT_EQ(found->nodes[0].address, stranger_.address);
    EXPECT_EQ(stranger_.count(discovery_id::kPunctureRequest), 1U);
    net_.network.run_for(61s);
    EXPECT_EQ(node_.dht->registry().size(), 0U);
}

TEST_F(DhtServerTest, JunkIsDroppedAndCounted)
{
    Bytes packet = stranger_.sign(dht_id::kPingRequest, DhtPlain{1});
    packet.back() ^= 1U;
    net_.network.send(stranger_.address, node_.address(), packet);
    net_.network.send(stranger_.address, node_.address(), stranger_.sign(99, DhtPlain{1}));
    settle();
    EXPECT_EQ(node_.dropped("dht_signature"), 1U);
    EXPECT_EQ(node_.dropped("dht_refused"), 1U);
}

} // namespace
} // namespace cepa::tunnel
