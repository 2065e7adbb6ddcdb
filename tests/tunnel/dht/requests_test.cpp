#include "support/dht_net.hpp"
#include "tunnel/dht/requests.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class DhtRequestsTest : public testing::Test {
protected:
    std::optional<std::uint32_t> begin(std::optional<PublicKey> key = std::nullopt)
    {
        return requests_.begin({at_, key}, dht_id::kPingResponse, now_ + 2s, [this](const SignedPacket* packet) {
            ++heard_;
            answered_ += packet != nullptr ? 1 : 0;
        });
    }
    [[nodiscard]] SignedPacket answer(std::uint8_t id = dht_id::kPingResponse) const { return {id, key_, 0, {}}; }

    test::TestRandom random_;
    DhtRequests requests_{random_};
    Endpoint at_ = test::dht::address_number(1);
    PublicKey key_{random_.array<32>(), random_.array<32>()};
    TimePoint now_{1h};
    int heard_ = 0;
    int answered_ = 0;
};

TEST_F(DhtRequestsTest, AnAnswerMustFitInEveryWay)
{
    const std::uint32_t id = *begin(key_);
    EXPECT_TRUE(requests_.awaits(at_, id));
    EXPECT_FALSE(requests_.awaits(test::dht::address_number(2), id));
    EXPECT_FALSE(requests_.finish(test::dht::address_number(2), id, answer()));
    EXPECT_FALSE(requests_.finish(at_, id + 1, answer()));
    EXPECT_FALSE(requests_.finish(at_, id, answer(dht_id::kFindResponse)));
    SignedPacket forged = answer();
    forged.key.x25519[0] ^= 1U;
    EXPECT_FALSE(requests_.finish(at_, id, forged));
    EXPECT_EQ(heard_, 0);
    EXPECT_TRUE(requests_.finish(at_, id, answer()));
    EXPECT_FALSE(requests_.finish(at_, id, answer())); // once
    requests_.expire(now_ + 1min);
    EXPECT_EQ(heard_, 1);
    EXPECT_EQ(answered_, 1);
}

TEST_F(DhtRequestsTest, SilenceIsHeardOnce)
{
    (void)begin();
    requests_.expire(now_ + 1s);
    EXPECT_EQ(heard_, 0);
    requests_.expire(now_ + 2s);
    requests_.expire(now_ + 3s);
    EXPECT_EQ(heard_, 1);
    EXPECT_EQ(answered_, 0);
}

TEST_F(DhtRequestsTest, AreBounded)
{
    for (std::size_t i = 0; i < DhtRequests::kMostWaiting; ++i)
        ASSERT_TRUE(begin());
    EXPECT_FALSE(begin());
}

} // namespace
} // namespace cepa::tunnel
