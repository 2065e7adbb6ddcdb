#include "support/hop_player.hpp"
#include "tunnel/error.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

struct CountingUser final : CircuitUser {
    void on_ready(const Circuit&, TimePoint) override { ++ready; }
    void on_closed(const Circuit&, TimePoint) override { ++closed; }
    void on_message(const Circuit&, MessageId, ByteSpan, TimePoint) override { ++messages; }
    void on_packet(const Circuit&, const Endpoint&, ByteSpan, TimePoint) override {}
    bool on_other_end(const Circuit&, TimePoint) override { return false; }
    int ready = 0;
    int closed = 0;
    int messages = 0;
};

class HiddenCircuitsTest : public test::HopPlayer {
protected:
    Result<CircuitId> begin(CircuitUser& user)
    {
        CircuitWish wish;
        wish.path.purpose = CircuitPurpose::lookup;
        wish.path.hops = 2;
        return circuits_.begin(wish, user, now());
    }
};

TEST_F(HiddenCircuitsTest, EachPartHearsOfItsOwnCircuits)
{
    CountingUser one;
    CountingUser other;
    const CircuitId first = *begin(one);
    ASSERT_TRUE(begin(one));
    const CircuitId third = *begin(other);
    play();
    EXPECT_EQ(one.ready, 2);
    EXPECT_EQ(other.ready, 1);
    say(third, PeersResponse{});
    EXPECT_EQ(one.messages, 0);
    EXPECT_EQ(other.messages, 1);
    own_.close(first, "test", now());
    EXPECT_EQ(one.closed, 1);
    circuits_.close_all_of(one, now());
    EXPECT_EQ(one.closed, 2);
    EXPECT_EQ(other.closed, 0);
    EXPECT_EQ(own_.size(), 1U);
}

TEST_F(HiddenCircuitsTest, WhatCannotBeBegunIsNobodys)
{
    CountingUser user;
    network_.clear();
    const auto id = begin(user);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error(), make_error_code(TunnelError::no_candidates));
    circuits_.close_all_of(user, now());
    EXPECT_EQ(user.closed, 0);
}

TEST_F(HiddenCircuitsTest, StrangersSendUsNowhereButIntoTheNetwork)
{
    EXPECT_TRUE(circuits_.may_contact_there({IpAddress::v4(0x33010203), 8090}));
    EXPECT_FALSE(circuits_.may_contact_there({IpAddress::v4(0x33010203), 0}));
    EXPECT_FALSE(circuits_.may_contact_there({IpAddress::v4(0x08080808), 8090})); // ours
    for (const std::uint32_t inside : {0x7f000001U, 0x0a000001U, 0xc0a80001U, 0xe0000001U, 0xf0000001U, 0U})
        EXPECT_FALSE(circuits_.may_contact_there({IpAddress::v4(inside), 8090})) << inside;
    EXPECT_FALSE(circuits_.may_contact_there(*Endpoint::parse("[2001:db8::1]:80")));
}

} // namespace
} // namespace cepa::tunnel
