#include "support/dht_net.hpp"
#include "tunnel/dht/tokens.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kTokensStart{1h};

TEST(DhtTokens, HoldForAddressAndKeyAndForTwoSecrets)
{
    init_crypto();
    test::TestRandom random;
    DhtTokens tokens(random, kTokensStart);
    const PublicKey key = PrivateKey::generate().public_key();
    const PublicKey other = PrivateKey::generate().public_key();
    const Endpoint address = test::dht::address_number(1);
    const DhtToken token = tokens.make(address, key, kTokensStart);
    EXPECT_TRUE(tokens.is_valid(token, address, key, kTokensStart));
    EXPECT_FALSE(tokens.is_valid(token, {address.ip, 1}, key, kTokensStart));
    EXPECT_FALSE(tokens.is_valid(token, test::dht::address_number(2), key, kTokensStart));
    EXPECT_FALSE(tokens.is_valid(token, address, other, kTokensStart));
    EXPECT_FALSE(tokens.is_valid({}, address, key, kTokensStart));
    EXPECT_TRUE(tokens.is_valid(token, address, key, kTokensStart + 301s));
    EXPECT_FALSE(tokens.is_valid(token, address, key, kTokensStart + 602s));
}

TEST(DhtTokens, AfterALongSilenceNoneHolds)
{
    init_crypto();
    test::TestRandom random;
    DhtTokens tokens(random, kTokensStart);
    const PublicKey key = PrivateKey::generate().public_key();
    const DhtToken token = tokens.make({}, key, kTokensStart);
    EXPECT_FALSE(tokens.is_valid(token, {}, key, kTokensStart + 1h));
}

} // namespace
} // namespace cepa::tunnel
