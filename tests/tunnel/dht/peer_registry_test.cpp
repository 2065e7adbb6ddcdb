#include "support/dht_net.hpp"
#include "tunnel/dht/peer_registry.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(DhtPeerRegistry, ARegistrationLivesWhileItsNodePings)
{
    init_crypto();
    DhtPeerRegistry registry(true);
    const PublicKey key = PrivateKey::generate().public_key();
    const Endpoint address = test::dht::address_number(1);
    TimePoint now{1h};
    EXPECT_TRUE(registry.add(key, address, now));
    registry.refresh(key, address, now + 50s);
    EXPECT_EQ(registry.find(key.mid(), now + 100s)->address, address);
    registry.refresh(key, test::dht::address_number(2), now + 100s); // somebody else's ping
    EXPECT_FALSE(registry.find(key.mid(), now + 110s));
    registry.expire(now + 110s);
    EXPECT_EQ(registry.size(), 0U);
}

TEST(DhtPeerRegistry, OneAddressHasFewPlaces)
{
    test::TestRandom random;
    DhtPeerRegistry registry(true);
    std::size_t added = 0;
    for (std::uint16_t i = 0; i < 100; ++i)
        added += registry.add({random.array<32>(), random.array<32>()}, {IpAddress::v4(1), i}, TimePoint{1h}) ? 1 : 0;
    EXPECT_EQ(added, DhtPeerRegistry::kMostPerIp);
}

} // namespace
} // namespace cepa::tunnel
