#include "tunnel/discovery/dht_messages.hpp"

#include "support/codec.hpp"
#include "support/test_random.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

using test::expect_message;
using test::Trailing;

const Endpoint kV4{*IpAddress::parse("1.2.3.4"), 5};
const Endpoint kV6{*IpAddress::parse("2001:4860::8"), 53535};

class DhtMessages : public ::testing::Test {
protected:
    DhtMessages() { init_crypto(); }
    PublicKey public_key() { return {random_.array<32>(), random_.array<32>()}; }

    test::TestRandom random_;
};

TEST_F(DhtMessages, RoundTrips)
{
    const Bytes value = random_.bytes(30);
    const std::vector<ByteSpan> values{value, {}, ByteSpan(value).first(3)};
    const std::vector<DhtNode> nodes{{kV4, public_key()}, {kV6, public_key()}};
    expect_message(DhtPlain{0x01020304}, Trailing::malformed);
    expect_message(DhtStoreRequest{1, random_.array<20>(), random_.array<20>(), values}, Trailing::malformed);
    expect_message(DhtFindRequest{1, kV4, random_.array<20>(), 8, true}, Trailing::malformed);
    expect_message(DhtFindResponse{1, random_.array<20>(), values, nodes}, Trailing::malformed);
    expect_message(DhtFindResponse{1, random_.array<20>(), {}, {}}, Trailing::malformed);
    expect_message(DhtStorePeerRequest{1, random_.array<20>(), random_.array<20>()}, Trailing::malformed);
    expect_message(DhtConnectPeerRequest{1, kV6, random_.array<20>()}, Trailing::malformed);
    expect_message(DhtConnectPeerResponse{1, nodes}, Trailing::malformed);
    expect_message(IntroductionPointRecord{kV4, 99, public_key(), public_key()}, Trailing::malformed);
    expect_message(IntroductionPointRecord{kV6, 99, public_key(), public_key()}, Trailing::malformed);
}

TEST_F(DhtMessages, SignedValueIsSignedWhole)
{
    const PrivateKey key = PrivateKey::generate();
    const Bytes data = random_.bytes(20);
    const Bytes value = DhtValue::encode_signed(data, 77, key);
    ASSERT_TRUE(DhtValue::parse(value));
    for (std::size_t i = 0; i < value.size(); ++i) {
        Bytes changed = value;
        changed[i] ^= 0x02; // the kind becomes an unknown one
        EXPECT_FALSE(DhtValue::parse(changed)) << i;
        EXPECT_FALSE(DhtValue::parse(ByteSpan(value).first(i))) << i;
    }
}

TEST_F(DhtMessages, UnsignedValueMayBeEmpty)
{
    EXPECT_FALSE(DhtValue::parse({}));
    const Bytes empty = DhtValue::encode_unsigned({});
    EXPECT_EQ(empty, Bytes{0});
    const auto parsed = DhtValue::parse(empty);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->data.empty());
    EXPECT_FALSE(parsed->signer);
}

} // namespace
} // namespace cepa::tunnel
