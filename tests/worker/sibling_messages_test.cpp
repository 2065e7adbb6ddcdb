#include "worker/sibling_messages.hpp"
#include "worker/siblings_test.hpp"

namespace cepa::worker {
namespace {

class SiblingMessagesTest : public test_support::TwoEnds {};

TEST_F(SiblingMessagesTest, AHalfComesBackAsItWas)
{
    const auto back = half_from_proto(half_to_proto(half()));
    ASSERT_TRUE(back);
    const tunnel::LinkHalf same = half();
    EXPECT_EQ(back->circuit, same.circuit);
    EXPECT_EQ(back->neighbour, same.neighbour);
    EXPECT_TRUE(std::ranges::equal(back->seal.key.span(), same.seal.key.span()));
    EXPECT_EQ(back->seal.salt, same.seal.salt);
    EXPECT_EQ(back->seal.next_counter, 77U);
    EXPECT_EQ(back->seal.left, 1000U);
}

TEST_F(SiblingMessagesTest, AHalfOfAnotherShapeIsNone)
{
    proto::LinkHalf wrong = half_to_proto(half());
    wrong.set_key("short");
    EXPECT_FALSE(half_from_proto(wrong));
    wrong = half_to_proto(half());
    wrong.set_salt("12345");
    EXPECT_FALSE(half_from_proto(wrong));
    wrong = half_to_proto(half());
    wrong.mutable_neighbour()->set_port(70'000);
    EXPECT_FALSE(half_from_proto(wrong));
    EXPECT_FALSE(half_from_proto({}));
}

TEST_F(SiblingMessagesTest, AnIntroductionComesBackAsItWas)
{
    const tunnel::Introduction one = introduction();
    EXPECT_EQ(introduction_from_proto(introduction_to_proto(one)), one);
    proto::Introduction wrong = introduction_to_proto(one);
    wrong.set_swarm_key(std::string(74, 'x'));
    EXPECT_FALSE(introduction_from_proto(wrong));
    wrong = introduction_to_proto(one);
    wrong.set_lookup_hash("short");
    EXPECT_FALSE(introduction_from_proto(wrong));
}

TEST_F(SiblingMessagesTest, AtMostSevenAreFoundAndTheMalformedLeftOut)
{
    std::vector<tunnel::PeersResponse::Peer> many;
    for (int i = 0; i < 10; ++i)
        many.push_back({*Endpoint::parse("1.2.3.4:5"), introduction().swarm_key, introduction().swarm_key, 2});
    proto::Answer answer;
    found_to_proto(many, answer);
    EXPECT_EQ(answer.introductions_size(), 7);
    answer.mutable_introductions(0)->set_source(256);
    answer.mutable_introductions(1)->set_public_key("x");
    answer.mutable_introductions(2)->mutable_address()->set_ip("x");
    const auto back = found_from_proto(answer);
    ASSERT_EQ(back.size(), 4U);
    EXPECT_EQ(back[0].key, many[3].key);
    EXPECT_EQ(back[0].source, 2);
}

} // namespace
} // namespace cepa::worker
