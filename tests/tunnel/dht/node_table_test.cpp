#include "support/dht_net.hpp"
#include "tunnel/dht/node_table.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using test::TestRandom;

constexpr TimePoint kTableStart{1h};

PublicKey random_key(TestRandom& random)
{
    return {random.array<32>(), random.array<32>()};
}
Endpoint random_address(TestRandom& random)
{
    return {IpAddress::v4(0x0a000000U + random.below(0x00ffffff)), 8090};
}

class DhtNodeTableTest : public testing::Test {
protected:
    DhtNodeTableTest() { table_.set_own_id(random_.array<20>()); }
    DhtContact add(TimePoint now = kTableStart)
    {
        while (true) {
            const PublicKey key = random_key(random_);
            if (table_.on_answer(key, random_address(random_), now)) return *table_.find(key);
        }
    }
    TestRandom random_;
    DhtNodeTable table_{false};
};

TEST_F(DhtNodeTableTest, ABucketHoldsEightAndKeepsTheGoodOnes)
{
    for (int i = 0; i < 400; ++i)
        (void)table_.on_answer(random_key(random_), random_address(random_), kTableStart);
    std::map<std::size_t, std::size_t> buckets;
    for (const DhtContact& node : table_.all())
        ++buckets[shared_bits(table_.own_id(), node.id)];
    EXPECT_EQ(buckets[0], 8U);
    EXPECT_EQ(buckets[1], 8U);
    for (const auto& [bits, count] : buckets)
        EXPECT_LE(count, 8U) << bits;
}

TEST_F(DhtNodeTableTest, AFullBucketGivesUpABadNodeAndOneLongSilent)
{
    for (int i = 0; i < 400; ++i)
        (void)table_.on_answer(random_key(random_), random_address(random_), kTableStart);
    const auto in_first = [&](const DhtContact& n) { return shared_bits(table_.own_id(), n.id) == 0; };
    const DhtContact bad = *std::ranges::find_if(table_.all(), in_first);
    table_.on_failure(bad.address);
    table_.on_failure(bad.address);
    while (true) {
        const PublicKey key = random_key(random_);
        const Endpoint address = random_address(random_);
        if (shared_bits(table_.own_id(), dht_node_id(address.ip, key.mid())) != 0) continue;
        ASSERT_TRUE(table_.on_answer(key, address, kTableStart));
        break;
    }
    EXPECT_EQ(table_.find(bad.key), nullptr);
    EXPECT_EQ(std::ranges::count_if(table_.all(), in_first), 8);
}

TEST_F(DhtNodeTableTest, ClosestAreSortedAndWithoutTheBadAndTheAsker)
{
    for (int i = 0; i < 60; ++i)
        (void)table_.on_answer(random_key(random_), random_address(random_), kTableStart);
    const DhtId target = random_.array<20>();
    const auto before = table_.closest(target, 5);
    ASSERT_EQ(before.size(), 5U);
    for (std::size_t i = 1; i < before.size(); ++i)
        EXPECT_TRUE(is_closer(target, before[i - 1].id, before[i].id));
    table_.on_failure(before[0].address);
    table_.on_failure(before[0].address);
    const auto after = table_.closest(target, 3, &before[1].key);
    EXPECT_EQ(after[0].key, before[2].key);
    (void)table_.on_answer(before[0].key, before[0].address, kTableStart); // it lives after all
    EXPECT_EQ(table_.closest(target, 1)[0].key, before[0].key);
}

TEST_F(DhtNodeTableTest, AnAnswerFromElsewhereMovesANodeAndAQueryDoesNot)
{
    const DhtContact node = add();
    const Endpoint elsewhere{IpAddress::v4(0x0b000001), 1};
    EXPECT_FALSE(table_.on_query(node.key, elsewhere, kTableStart));
    EXPECT_EQ(table_.find(node.key)->address, node.address);
    EXPECT_TRUE(table_.on_query(node.key, node.address, kTableStart + 5s));
    EXPECT_EQ(table_.find(node.key)->last_heard, kTableStart + 5s);
    EXPECT_TRUE(table_.on_answer(node.key, elsewhere, kTableStart));
    EXPECT_EQ(table_.find(node.key)->address, elsewhere);
    EXPECT_NE(table_.find(node.key)->id, node.id);
    const PublicKey another = random_key(random_);
    EXPECT_TRUE(table_.on_answer(another, elsewhere, kTableStart)); // and who lives there now pushes it out
    EXPECT_EQ(table_.find(node.key), nullptr);
}

TEST_F(DhtNodeTableTest, OneHostAndOneNetworkHaveFewPlaces)
{
    std::size_t of_host = 0;
    for (std::uint16_t port = 1; port < 40; ++port)
        of_host += table_.on_answer(random_key(random_), {IpAddress::v4(0x0a010101), port}, kTableStart) ? 1 : 0;
    EXPECT_EQ(of_host, DhtNodeTable::kMostPerIp);
    std::size_t of_network = of_host;
    for (std::uint32_t host = 2; host < 100; ++host)
        of_network += table_.on_answer(random_key(random_), {IpAddress::v4(0x0a010100 + host), 1}, kTableStart) ? 1 : 0;
    EXPECT_EQ(of_network, DhtNodeTable::kMostPerPrefix);
}

TEST_F(DhtNodeTableTest, SilentNodesArePingedAndForgotten)
{
    const DhtContact node = add();
    EXPECT_TRUE(table_.due_pings(kTableStart + 44s).empty());
    EXPECT_EQ(table_.due_pings(kTableStart + 45s).size(), 1U);
    EXPECT_TRUE(table_.due_pings(kTableStart + 46s).empty());
    table_.on_failure(node.address);
    EXPECT_EQ(table_.due_pings(kTableStart + 51s).size(), 1U); // sooner, once it failed
    for (int i = 0; i < 3; ++i)
        table_.on_failure(node.address);
    table_.tidy();
    EXPECT_EQ(table_.size(), 0U);
}

TEST_F(DhtNodeTableTest, KnowsHowManyAreCloserThanWe)
{
    for (int i = 0; i < 100; ++i)
        (void)table_.on_answer(random_key(random_), random_address(random_), kTableStart);
    DhtId far = table_.own_id();
    far[0] ^= 0xff;
    EXPECT_GE(table_.closer_than_us(far), 8U);
    EXPECT_EQ(table_.closer_than_us(table_.own_id()), 0U);
}

} // namespace
} // namespace cepa::tunnel
