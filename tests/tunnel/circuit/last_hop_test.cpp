#include "tunnel/circuit/last_hop.hpp"

#include "tunnel/cell/hidden_payloads.hpp"

#include "support/joined_node.hpp"

namespace cepa::tunnel {
namespace {

using test::kId;
using test::kSource;

class LastHopTest : public test::JoinedNode {};

TEST_F(LastHopTest, AnswersPings)
{
    join();
    EXPECT_TRUE(cell(test::message_bytes(Ping{321})));
    EXPECT_EQ(reply<Pong>().identifier, 321);
}

TEST_F(LastHopTest, AnswersTestsOfBothKindsWithAtMostEightTimesTheRequest)
{
    join();
    cell(test::message_bytes(TestRequest{3, 500, Bytes(97)}));
    EXPECT_EQ(reply<TestResponse>().data.size(), 500U);
    cell(test::message_bytes(TestRequest{4, 65535, Bytes(5)}));
    EXPECT_EQ(reply<TestResponse>().data.size(), 8U * 10U);
    cell(test::message_bytes(NativeTestRequest{0x12345678, 65535, Bytes(1000)}));
    const auto native = reply<NativeTestResponse>();
    EXPECT_EQ(native.identifier, 0x12345678U);
    EXPECT_EQ(native.data.size(), 1300U);
}

TEST_F(LastHopTest, DropsWhatIsNotTheNeighboursOrCameBefore)
{
    join();
    const Bytes ping = bench_.cell(kId, test::message_bytes(Ping{1}), {layer_.get()});
    EXPECT_FALSE(receive(ping, {IpAddress::v4(0x33640002), 1000}));
    EXPECT_EQ(bench_.dropped(Drop::wrong_source), 1U);
    EXPECT_TRUE(receive(ping));
    EXPECT_FALSE(receive(ping));
    EXPECT_EQ(bench_.dropped(Drop::replayed), 1U);
    Bytes changed = bench_.cell(kId, test::message_bytes(Ping{1}), {layer_.get()});
    changed.back() ^= 1;
    EXPECT_FALSE(receive(changed));
    EXPECT_EQ(bench_.dropped(Drop::bad_tag), 1U);
}

TEST_F(LastHopTest, RefusesWhatTheRulesForbid)
{
    join();
    cell(Bytes{}); // a message without an id
    cell(test::message_bytes(Extend{9, test::key_number(1), x_.public_key, kSource}), false); // not early
    cell(test::message_bytes(Create{1, originator_.public_key(), x_.public_key}));             // create inside layers
    EXPECT_EQ(bench_.dropped(Drop::refused_cell), 3U);
    cell(Bytes{99});
    EXPECT_EQ(bench_.dropped(Drop::unknown_message), 1U);
    EXPECT_TRUE(bench_.packets.sent.empty());
}

TEST_F(LastHopTest, FollowsTheNeighboursPort)
{
    join();
    cell(test::message_bytes(Ping{1}), false, {kSource.ip, 1001});
    EXPECT_EQ(bench_.packets.sent.at(0).to.port, 1001);
}

TEST_F(LastHopTest, TellsOfLookupHashesThatAreNamed)
{
    join();
    cell(test::message_bytes(PeersRequest{1, LookupHash{7, 8, 9}}));
    ASSERT_EQ(hashes_.size(), 1U);
    EXPECT_EQ(hashes_[0][0], 7);
}

} // namespace
} // namespace cepa::tunnel
