#include "support/dht_net.hpp"
#include "tunnel/dht/lookup.hpp"

#include <set>

namespace cepa::tunnel {
namespace {

using test::TestRandom;

class DhtLookupTest : public testing::Test {
protected:
    [[nodiscard]] DhtNode node()
    {
        return {{IpAddress::v4(0x0a000000 + ++hosts_), 8090}, {random_.array<32>(), random_.array<32>()}};
    }
    [[nodiscard]] std::vector<DhtContact> contacts(std::size_t count)
    {
        std::vector<DhtContact> out;
        for (std::size_t i = 0; i < count; ++i) {
            const DhtNode n = node();
            DhtContact contact;
            contact.id = dht_node_id(n.address.ip, n.key.mid());
            contact.key = n.key;
            contact.address = n.address;
            out.push_back(contact);
        }
        return out;
    }
    /// All keys that may be asked now.
    static std::vector<PublicKey> ask(DhtLookup& lookup)
    {
        std::vector<PublicKey> out;
        while (const DhtLookup::Node* n = lookup.next())
            out.push_back(n->key);
        return out;
    }
    TestRandom random_;
    std::uint32_t hosts_ = 0;
    DhtId target_ = random_.array<20>();
};

TEST_F(DhtLookupTest, AsksFourAtATimeTheNearestFirst)
{
    const auto start = contacts(8);
    DhtLookup lookup(target_, false, start);
    const auto first = ask(lookup);
    ASSERT_EQ(first.size(), 4U);
    lookup.on_answer(first[0], {});
    EXPECT_EQ(ask(lookup).size(), 1U);
    EXPECT_FALSE(lookup.is_done());
}

TEST_F(DhtLookupTest, EndsWhenTheClosestHaveAnswered)
{
    DhtLookup lookup(target_, false, contacts(8));
    std::size_t asked = 0;
    while (!lookup.is_done())
        for (const PublicKey& key : ask(lookup)) {
            ++asked;
            lookup.on_answer(key, {});
        }
    EXPECT_EQ(asked, 8U);
    EXPECT_EQ(lookup.answered().size(), 8U);
    DhtLookup nobody(target_, false, {});
    EXPECT_TRUE(nobody.is_done());
}

TEST_F(DhtLookupTest, NeverAsksMoreThanTheBound)
{
    DhtLookup lookup(target_, false, contacts(8));
    std::size_t asked = 0;
    while (!lookup.is_done()) {
        const auto keys = ask(lookup);
        asked += keys.size();
        for (const PublicKey& key : keys) {
            DhtLookup::Found found;
            for (int i = 0; i < 50; ++i)
                found.nodes.push_back(node()); // only eight of them count
            lookup.on_answer(key, found);
        }
    }
    EXPECT_LE(asked, DhtLookup::kMostRequests);
}

TEST_F(DhtLookupTest, WhoseFirstNodesAreSilentIsBelievedNoMore)
{
    const auto start = contacts(1);
    DhtLookup lookup(target_, false, start);
    ask(lookup);
    DhtLookup::Found lies;
    for (int i = 0; i < 8; ++i)
        lies.nodes.push_back(node());
    lookup.on_answer(start[0].key, lies);
    std::size_t asked = 0;
    while (!lookup.is_done()) {
        const auto keys = ask(lookup);
        EXPECT_LE(keys.size(), DhtLookup::kInFlightPerReferrer);
        asked += keys.size();
        for (const PublicKey& key : keys)
            lookup.on_silence(key);
    }
    EXPECT_LE(asked, DhtLookup::kSilentReferrals + 1);
}

TEST_F(DhtLookupTest, ValuesFromEnoughOfTheNearestEndIt)
{
    DhtLookup lookup(target_, true, contacts(8));
    const auto keys = ask(lookup);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_FALSE(lookup.is_done());
        lookup.on_answer(keys[i], {{}, {Bytes{0, 1}}, {}});
    }
    EXPECT_TRUE(lookup.is_done());
    EXPECT_EQ(lookup.values().size(), 1U);
}

TEST_F(DhtLookupTest, AFullPageIsTurnedAFewTimesAndValuesAreBounded)
{
    const auto start = contacts(1);
    DhtLookup lookup(target_, true, start);
    ask(lookup);
    std::uint8_t n = 0;
    std::size_t pages = 0;
    do {
        DhtLookup::Found found;
        for (int i = 0; i < 8; ++i)
            found.values.push_back({0, ++n});
        ++pages;
        if (!lookup.on_answer(start[0].key, found)) break;
    } while (pages < 20);
    EXPECT_EQ(pages, DhtLookup::kMostPages);
    EXPECT_EQ(lookup.values().size(), 24U);
    EXPECT_TRUE(lookup.is_done());
}

} // namespace
} // namespace cepa::tunnel
