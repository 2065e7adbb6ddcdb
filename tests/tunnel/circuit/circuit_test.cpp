#include "tunnel/circuit/circuit.hpp"

#include "tunnel/error.hpp"

#include "support/circuit_bench.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

class CircuitTest : public ::testing::TestWithParam<std::uint8_t> {
protected:
    CircuitTest()
    {
        init_crypto();
        circuit_.emplace(CircuitId(9), 3, GetParam(), PrivateKey::generate(), Keepalive(bench_.now(), bench_.random));
        circuit_->set_first_address({IpAddress::v4(0x01020304), 80});
        for (std::uint8_t i = 0; i < GetParam(); ++i) {
            auto [ours, theirs] = bench_.session();
            EXPECT_EQ(circuit_->state(), CircuitState::extending);
            circuit_->add_hop({PrivateKey::generate().public_key(), {}, 0, std::move(ours)});
            hops_.push_back(std::move(theirs));
        }
    }
    /// As it arrives from the first hop.
    Bytes from_exit(ByteSpan plain)
    {
        test::OwnedPacket packet(plain);
        for (auto hop = hops_.rbegin(); hop != hops_.rend(); ++hop) EXPECT_TRUE(hop->seal(bench_.aead, packet.buffer()));
        return {packet.bytes().begin(), packet.bytes().end()};
    }

    test::CircuitBench bench_;
    std::optional<Circuit> circuit_;
    std::vector<Layer> hops_;
};

TEST_P(CircuitTest, WrapsForEveryHopInTurn)
{
    EXPECT_EQ(circuit_->state(), CircuitState::ready);
    const Bytes plain(300, 7);
    test::OwnedPacket packet(plain);
    ASSERT_TRUE(circuit_->wrap(bench_.aead, packet.buffer()));
    EXPECT_EQ(packet.bytes().size(), plain.size() + kLayerOverhead * GetParam());
    for (Layer& hop : hops_) ASSERT_TRUE(hop.open(bench_.aead, packet.buffer()));
    EXPECT_TRUE(std::ranges::equal(packet.bytes(), plain));
}

TEST_P(CircuitTest, UnwrapsOnceAndOnlyTheLastHopsMessages)
{
    const Bytes plain(100, 8);
    const Bytes sealed = from_exit(plain);
    test::OwnedPacket packet(sealed);
    ASSERT_TRUE(circuit_->unwrap(bench_.aead, packet.buffer()));
    EXPECT_TRUE(std::ranges::equal(packet.bytes(), plain));
    test::OwnedPacket again(sealed);
    EXPECT_EQ(circuit_->unwrap(bench_.aead, again.buffer()).error(), make_error_code(TunnelError::replayed));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Bytes flipped = sealed;
        flipped[i] ^= 0x10;
        test::OwnedPacket changed(flipped);
        EXPECT_FALSE(circuit_->unwrap(bench_.aead, changed.buffer()));
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        test::OwnedPacket cut(ByteSpan(sealed).first(size));
        EXPECT_FALSE(circuit_->unwrap(bench_.aead, cut.buffer()));
    }
    if (GetParam() > 1) { // a hop in the middle cannot speak
        test::OwnedPacket middle(plain);
        ASSERT_TRUE(hops_.front().seal(bench_.aead, middle.buffer()));
        EXPECT_FALSE(circuit_->unwrap(bench_.aead, middle.buffer()));
    }
}

TEST_P(CircuitTest, NeedsRoomForEveryLayer)
{
    Bytes memory(400);
    PacketBuffer no_front(memory, kCounterSize * GetParam() - 1, 100);
    EXPECT_EQ(circuit_->wrap(bench_.aead, no_front).error(), make_error_code(TunnelError::too_large));
    PacketBuffer no_back(memory, memory.size() - 100 - kTagSize * GetParam() + 1, 100);
    EXPECT_EQ(circuit_->wrap(bench_.aead, no_back).error(), make_error_code(TunnelError::too_large));
}

TEST_P(CircuitTest, ComesFromItsFirstHopsAddressWhosePortMayMove)
{
    EXPECT_TRUE(circuit_->may_come_from({IpAddress::v4(0x01020304), 81}));
    EXPECT_FALSE(circuit_->may_come_from({IpAddress::v4(0x01020305), 80}));
    circuit_->follow({IpAddress::v4(0x01020304), 81});
    EXPECT_EQ(circuit_->first_address().port, 81);
}

TEST_P(CircuitTest, ShowsItsHops)
{
    circuit_->bytes_up = 5;
    bench_.clock.advance(std::chrono::seconds(3));
    const CircuitView view = circuit_->view(bench_.now());
    EXPECT_EQ(view.id, CircuitId(9));
    EXPECT_EQ(view.group, 3U);
    EXPECT_EQ(view.hops.size(), GetParam());
    EXPECT_EQ(view.hops.back().mid, circuit_->hops().back().key.mid());
    EXPECT_EQ(view.bytes_up, 5U);
    EXPECT_EQ(view.age, std::chrono::seconds(3));
}

INSTANTIATE_TEST_SUITE_P(Hops, CircuitTest, ::testing::Range(std::uint8_t{1}, std::uint8_t{6}));

} // namespace
} // namespace cepa::tunnel
