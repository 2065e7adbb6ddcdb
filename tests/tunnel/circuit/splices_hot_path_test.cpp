// The way of a cell from one side of a rendezvous to the other: nothing is allocated for it.
#include "support/counted_allocations.hpp"
#include "support/serving_node.hpp"

#include <gtest/gtest.h>

namespace cepa::tunnel {
namespace {

struct NoWire final : PacketSender {
    void queue(const Endpoint&, ByteSpan, CircuitId) override { ++queued; }
    void flush() override {}
    void send_now(const Endpoint&, ByteSpan) override {}
    std::size_t queued = 0;
};

TEST(SplicesHotPath, NothingIsAllocatedForACell)
{
    init_crypto();
    test::CircuitBench bench;
    NoWire wire;
    CellSender sender(bench.overlay(), wire, bench.counters);
    const PrivateKey identity = PrivateKey::generate();
    Relays relays({bench.routes, sender, bench.aead, bench.counters, bench.budget, &identity}, 0);
    Splices splices({bench.routes, sender, bench.aead, bench.counters, relays, &identity, nullptr});
    auto [near_end, near_hop] = bench.session();
    auto [far_end, far_hop] = bench.session();
    JoinedCircuit near(CircuitId(1), test::neighbour(1), identity.public_key(), std::move(near_hop), bench.now());
    LinkHalf towards_far{CircuitId(2), test::neighbour(2), far_hop.take_sealing_right()};
    splices.add(std::move(near), std::move(towards_far), bench.now());
    Splice& splice = bench.routes.find(CircuitId(1)).splice();

    constexpr std::size_t kWarm = 2500; // the replay window has grown by then
    std::size_t before = 0;
    for (std::size_t i = 0; i < kWarm + 200; ++i) {
        const Bytes cell = bench.cell(CircuitId(1), Bytes(1200, 7), {&near_end});
        test::OwnedPacket packet(cell);
        const std::size_t start = test::allocations;
        splices.on_cell(splice, test::neighbour(1), *read_cell_header(cell), packet.buffer(), bench.now());
        if (i >= kWarm) before += test::allocations - start;
    }
    EXPECT_EQ(wire.queued, kWarm + 200);
    EXPECT_EQ(before, 0U);
}

} // namespace
} // namespace cepa::tunnel
