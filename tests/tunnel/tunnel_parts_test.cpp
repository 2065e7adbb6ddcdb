// What a Tunnel does with packets and time.
#include "support/lone_tunnel.hpp"
#include "tunnel/discovery/discovery.hpp"
#include "tunnel/discovery/signed_packet.hpp"

namespace cepa::tunnel {
namespace {

using namespace std::chrono_literals;

class TunnelPartsTest : public LoneTunnel {};

TEST_F(TunnelPartsTest, AnythingMayArrive)
{
    test::TestRandom random(8);
    const Prefix ours = make_prefix(settings_.overlay);
    const Prefix discovery = make_prefix(kDiscoveryOverlay);
    for (int i = 0; i < 30'000; ++i) {
        Bytes bytes(random.below(300));
        random.fill(bytes);
        const std::uint32_t kind = random.below(4);
        if (kind < 3 && bytes.size() > 40) {
            std::ranges::copy(kind == 0 ? discovery : ours, bytes.begin());
            if (kind == 2) bytes[22] = static_cast<std::uint8_t>(random.below(2) * 8);
            bytes[27] &= 1;
        }
        receive(bytes);
    }
    EXPECT_EQ(tunnel_->exits().size(), 0U);
    EXPECT_TRUE(bench_.packets.sent.empty());
    EXPECT_EQ(tunnel_->counters().cells_out, 0U);
    EXPECT_GT(dropped("unknown_circuit"), 1000U);
    EXPECT_GT(dropped("unknown_prefix"), 1000U);
}

TEST_F(TunnelPartsTest, MonitoredSwarmsAreReported)
{
    const LookupHash wanted{1, 2, 3};
    const LookupHash other{4, 5, 6};
    tunnel_->monitor({wanted});
    const auto introduce = [&](const LookupHash& hash) {
        receive(build_unsigned(bench_.sender.prefix(), 13, std::nullopt,
                               encode_body(CreateE2e{1, hash, originator_.public_key(), {}})));
    };
    const auto report = [&] {
        for (int i = 0; i < 11; ++i) {
            bench_.clock.advance(1s);
            tunnel_->tick();
        }
    };
    introduce(other);
    report();
    EXPECT_TRUE(seen_.empty());
    for (int i = 0; i < 1000; ++i)
        introduce(wanted); // any stranger can
    EXPECT_TRUE(seen_.empty());
    report();
    ASSERT_EQ(seen_.size(), 1U);
    EXPECT_TRUE(std::ranges::equal(seen_[0], wanted));
    Bytes request{0, 0, 0, 9};
    const Bytes body = encode_body(PeersRequest{1, wanted});
    request.insert(request.end(), body.begin(), body.end());
    receive(build_unsigned(bench_.sender.prefix(), 17, std::nullopt, request));
    report();
    EXPECT_EQ(seen_.size(), 2U);
    tunnel_->monitor({});
    introduce(wanted);
    report();
    EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(TunnelPartsTest, ALongGapBetweenTicksIsASuspend)
{
    bench_.clock.advance(1h); // before the first tick there is nothing to compare with
    tunnel_->tick();
    bench_.clock.advance(14s);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 0);
    bench_.clock.advance(16s);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 1);
    bench_.clock.advance(50ms);
    tunnel_->tick();
    EXPECT_EQ(resumed_, 1);
}

TEST_F(TunnelPartsTest, SilentStrangersAreForgotten)
{
    receive(create(CircuitId(5)));
    for (int i = 0; i < 21; ++i) {
        bench_.clock.advance(1s);
        tunnel_->tick();
    }
    EXPECT_TRUE(tunnel_->exits().empty());
    EXPECT_TRUE(tunnel_->knows(CircuitId(5))); // its id stays taken for a minute
    for (int i = 0; i < 45; ++i) {
        bench_.clock.advance(1s);
        tunnel_->tick();
    }
    EXPECT_FALSE(tunnel_->knows(CircuitId(5)));
}

} // namespace
} // namespace cepa::tunnel
