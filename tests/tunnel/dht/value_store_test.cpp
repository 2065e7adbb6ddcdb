#include "support/dht_net.hpp"
#include "tunnel/dht/value_store.hpp"

#include <utility>

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;
using Outcome = DhtValueStore::Outcome;

constexpr TimePoint kStoreStart{1h};
const DhtId kStoreKey{1, 2, 3};

/// What the introduction point `key` at `ip` announces of one seeder.
Bytes record_value(const PublicKey& key, const PublicKey& swarm_key, const IpAddress& ip, std::uint32_t seen_s)
{
    return DhtValue::encode_unsigned(encode_body(IntroductionPointRecord{{ip, 8090}, seen_s, key, swarm_key}));
}
Bytes unsigned_value(std::uint32_t n, std::size_t size = 20)
{
    Bytes data(size);
    Writer(data).u32(n);
    return DhtValue::encode_unsigned(data);
}
IpAddress source_number(std::uint32_t n)
{
    return IpAddress::v4(0x0a000000 + n);
}

class DhtValueStoreTest : public testing::Test {
protected:
    Outcome put(const Bytes& value, Duration life = 1h, std::uint32_t source = 1, const DhtId& key = kStoreKey)
    {
        return store_.put(key, value, life, source_number(source), now_);
    }
    [[nodiscard]] std::vector<Bytes> get(std::size_t offset = 0, std::size_t count = 8)
    {
        std::vector<Bytes> out;
        for (const ByteSpan value : store_.get(kStoreKey, offset, count, now_))
            out.emplace_back(value.begin(), value.end());
        return out;
    }
    TimePoint now_ = kStoreStart;
    DhtValueStore store_{true};
};

TEST_F(DhtValueStoreTest, GivesTheNewestFirstAndFromAnOffset)
{
    for (std::uint32_t i = 0; i < 10; ++i)
        EXPECT_EQ(put(unsigned_value(i), 1h, i), Outcome::stored);
    EXPECT_EQ(get().front(), unsigned_value(9));
    EXPECT_EQ(get().size(), 8U);
    EXPECT_EQ(get(8), (std::vector<Bytes>{unsigned_value(1), unsigned_value(0)}));
    EXPECT_EQ(put(unsigned_value(0)), Outcome::stored); // again: it is the newest now, and still one
    EXPECT_EQ(get().front(), unsigned_value(0));
    EXPECT_EQ(store_.size(), 10U);
}

TEST_F(DhtValueStoreTest, ValuesEndAndAnotherStoreLengthensTheirLives)
{
    (void)put(unsigned_value(1), 100s);
    (void)put(unsigned_value(2), 100s);
    now_ += 60s;
    (void)put(unsigned_value(2), 100s);
    (void)put(unsigned_value(2), 10s); // a shorter one takes nothing away
    now_ += 50s;
    EXPECT_EQ(get(), std::vector<Bytes>{unsigned_value(2)});
    store_.expire(now_);
    EXPECT_EQ(store_.size(), 1U);
}

TEST_F(DhtValueStoreTest, ASignerHasOneSlotAndNoOldVersionComesBack)
{
    init_crypto();
    const PrivateKey key = PrivateKey::generate();
    const Bytes old = DhtValue::encode_signed(as_bytes("old"), 5, key);
    const Bytes fresh = DhtValue::encode_signed(as_bytes("new"), 6, key);
    EXPECT_EQ(put(old), Outcome::stored);
    EXPECT_EQ(put(fresh), Outcome::stored);
    EXPECT_EQ(put(old), Outcome::outdated);
    EXPECT_EQ(get(), std::vector<Bytes>{fresh});
    Bytes forged = fresh;
    forged[4] ^= 1U;
    EXPECT_EQ(put(forged), Outcome::refused);
    EXPECT_EQ(put(Bytes{7, 1, 2}), Outcome::refused); // no kind of value
    EXPECT_EQ(put({}), Outcome::refused);
    EXPECT_EQ(put(unsigned_value(1, 170)), Outcome::refused); // 171 bytes with its kind
    EXPECT_EQ(put(unsigned_value(1, 169)), Outcome::stored);
}

TEST_F(DhtValueStoreTest, ASignerWhoseIdentityIsTheKeyComesLast)
{
    init_crypto();
    const PrivateKey key = PrivateKey::generate();
    const Bytes own = DhtValue::encode_signed(as_bytes("own"), 1, key);
    const DhtId target = key.public_key().mid();
    EXPECT_EQ(put(unsigned_value(1), 1h, 1, target), Outcome::stored);
    EXPECT_EQ(put(own, 1h, 1, target), Outcome::stored);
    EXPECT_TRUE(std::ranges::equal(store_.get(target, 0, 8, now_)[1], own));
}

TEST_F(DhtValueStoreTest, IsBoundedPerKeyPerSourceAndInAll)
{
    for (std::uint32_t i = 0; i < 100; ++i)
        (void)put(unsigned_value(i), 1h, i);
    EXPECT_EQ(store_.size(), DhtValueStore::kMostPerKey);
    for (std::uint32_t i = 0; i < 500; ++i)
        (void)put(unsigned_value(i), 1h, 900, {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U), 9});
    EXPECT_EQ(store_.size(), DhtValueStore::kMostPerKey + DhtValueStore::kMostPerSource);
    for (std::uint32_t i = 0; i < 5000; ++i)
        (void)put(unsigned_value(i), 1h, i, {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U), 8});
    EXPECT_EQ(store_.size(), DhtValueStore::kMostValues);
}

TEST_F(DhtValueStoreTest, OneSourceHasFewPlacesUnderAKey)
{
    EXPECT_EQ(put(unsigned_value(1), 1h, 1), Outcome::stored);
    for (std::uint32_t i = 100; i < 300; ++i)
        EXPECT_EQ(put(unsigned_value(i), 1h, 2), Outcome::stored);
    EXPECT_EQ(store_.size(), 1 + DhtValueStore::kMostPerKeyAndSource);
    EXPECT_EQ(get().front(), unsigned_value(299));
    EXPECT_EQ(get().back(), unsigned_value(1));
}

TEST_F(DhtValueStoreTest, ManyAddressesOfOneNetworkPushOutNobodyElse)
{
    const auto of_network = [&](std::uint32_t network, std::uint32_t host) {
        return put(unsigned_value(network * 1000 + host), 1h, network * 0x10000 + host);
    };
    for (std::uint32_t n = 1; n <= 20; ++n)
        EXPECT_EQ(of_network(n, 1), Outcome::stored);
    for (std::uint32_t host = 1; host <= 250; ++host)
        EXPECT_EQ(of_network(99, host), Outcome::stored);
    EXPECT_EQ(store_.size(), DhtValueStore::kMostPerKey);
    EXPECT_EQ(of_network(21, 1), Outcome::stored); // a full key takes in who comes from elsewhere
    const std::vector<Bytes> all = get(0, DhtValueStore::kMostPerKey);
    for (std::uint32_t n = 1; n <= 21; ++n)
        EXPECT_EQ(std::ranges::count(all, unsigned_value(n * 1000 + 1)), 1) << n;
}

TEST_F(DhtValueStoreTest, ANewerAnnouncementTakesThePlaceOfTheOneBefore)
{
    init_crypto();
    const PublicKey point = PrivateKey::generate().public_key();
    const PublicKey seeder = PrivateKey::generate().public_key();
    const PublicKey other = PrivateKey::generate().public_key();
    const IpAddress ip = source_number(1);
    for (std::uint32_t t = 1; t <= 6; ++t)
        EXPECT_EQ(put(record_value(point, seeder, ip, t)), Outcome::stored);
    EXPECT_EQ(get(), std::vector<Bytes>{record_value(point, seeder, ip, 6)});
    EXPECT_EQ(put(record_value(point, other, ip, 3)), Outcome::stored);         // of another seeder
    EXPECT_EQ(put(record_value(point, seeder, ip, 9), 1h, 2), Outcome::stored); // another source replaces nothing
    EXPECT_EQ(put(record_value(point, seeder, ip, 5)), Outcome::stored);        // an old one neither
    EXPECT_EQ(store_.size(), 4U);
}

TEST_F(DhtValueStoreTest, WhatWasRestoredIsReplacedByWhoItNames)
{
    init_crypto();
    const PublicKey point = PrivateKey::generate().public_key();
    const IpAddress ip = source_number(1);
    const auto restored = record_value(point, point, ip, 1);
    EXPECT_EQ(store_.put(kStoreKey, restored, 1h, {}, now_), Outcome::stored);
    EXPECT_EQ(put(record_value(point, point, ip, 2), 1h, 2), Outcome::stored); // somebody else's word
    EXPECT_EQ(store_.size(), 2U);
    EXPECT_EQ(put(record_value(point, point, ip, 3), 1h, 1), Outcome::stored);
    EXPECT_EQ(store_.size(), 2U);
    EXPECT_EQ(get().front(), record_value(point, point, ip, 3));
}

TEST_F(DhtValueStoreTest, AFullStoreKeepsWhatLivesLongest)
{
    for (std::uint32_t i = 0; i < DhtValueStore::kMostValues; ++i)
        (void)put(unsigned_value(i), i == 7 ? Duration(1min) : Duration(30min), i,
                  {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)});
    EXPECT_EQ(put(unsigned_value(9999), 30s, 1), Outcome::no_room);
    EXPECT_EQ(put(unsigned_value(9999), 20min, 1), Outcome::stored);
    EXPECT_EQ(store_.size(), DhtValueStore::kMostValues);
    EXPECT_TRUE(store_.get({7}, 0, 8, now_).empty());
}

TEST_F(DhtValueStoreTest, TellsASuccessorEverything)
{
    (void)put(unsigned_value(1), 100s);
    (void)put(unsigned_value(2), 200s);
    now_ += 50s;
    DhtValueStore after(true);
    for (const DhtValueStore::Kept& kept : store_.all(now_))
        (void)after.put(kept.key, kept.value, kept.left, {}, now_);
    now_ += 60s;
    ASSERT_EQ(after.get(kStoreKey, 0, 8, now_).size(), 1U);
    EXPECT_TRUE(std::ranges::equal(after.get(kStoreKey, 0, 8, now_)[0], unsigned_value(2)));
}

TEST_F(DhtValueStoreTest, WhatASuccessorWouldMissIsAChange)
{
    std::uint64_t before = store_.changes();
    const auto changed = [&] { return std::exchange(before, store_.changes()) != store_.changes(); };
    (void)put(unsigned_value(1), 100s);
    EXPECT_TRUE(changed());
    now_ += 50s;
    (void)put(unsigned_value(1), 100s); // lives longer
    EXPECT_TRUE(changed());
    EXPECT_EQ(put(Bytes{}), Outcome::refused);
    store_.expire(now_);
    EXPECT_FALSE(changed());
    store_.expire(now_ + 100s);
    EXPECT_TRUE(changed());
}

} // namespace
} // namespace cepa::tunnel
