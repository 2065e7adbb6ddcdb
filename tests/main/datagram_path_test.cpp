// The way of a datagram through main: client's socket, relay, flow router, and back. Once its tables are warm it takes
// no memory: every allocation of this program is counted.
#include "main/flow_router.hpp"
#include "socks5/udp_relay.hpp"
#include "support/counted_allocations.hpp"
#include "support/fake_clock.hpp"
#include "support/loopback.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace cepa::main {
namespace {

constexpr std::size_t kBatch = 32;
const Route kRoute{3, GroupId(1)};

Endpoint peer(std::size_t number)
{
    return {IpAddress::v4(0x01000000U + static_cast<std::uint32_t>(number)), 6881};
}

/// Tunnels that lead straight back: what is sent comes out of the circuit it went into, at the next flush.
class MirrorService final : public proto::TunnelService {
public:
    Result<void> start(proto::TunnelObserver&) override { return {}; }
    void create_circuit(const proto::CircuitRequest&, CircuitReady) override {}
    void close_circuit(CircuitId) override {}
    void send(CircuitId circuit, const Address& destination, PacketBuffer& payload) override
    {
        if (count < items.size()) items[count++] = {circuit, destination.endpoint, payload};
    }
    void flush() override
    {
        for (std::size_t i = 0; i < count; ++i)
            router->on_tunnel_datagram(items[i].circuit, items[i].peer, items[i].payload);
        router->on_tunnel_batch_end();
        count = 0;
    }
    void monitor(const std::vector<std::string>&) override {}
    void set_swarms(const std::vector<proto::SwarmRequest>&) override {}
    void set_payloads(const std::vector<proto::LinkPayload>&) override {}
    Result<void> set_workers(std::uint32_t) override { return {}; }
    void new_month() override {}
    const proto::TunnelSnapshot& snapshot() const override { return state; }
    proto::ServiceInfo info() const override { return {}; }
    void stop(Duration, std::function<void()>) override {}

    struct Item {
        CircuitId circuit;
        Endpoint peer;
        PacketBuffer payload;
    };
    std::array<Item, 64> items;
    std::size_t count = 0;
    FlowRouter* router = nullptr;
    proto::TunnelSnapshot state;
};

TEST(DatagramPath, AllocatesNothingOnceItIsWarm)
{
    boost::asio::io_context io;
    cepa::test::FakeClock clock;
    MirrorService tunnels;
    FlowRouter router(tunnels, clock, {}, {});
    tunnels.router = &router;
    UdpReceiveBatch batch;
    const socks5::MakePacer no_pacer;
    cepa::test::LoopbackSocket socket(SOCK_DGRAM);
    const Endpoint address = socket.local();
    socks5::UdpRelay relay(io, socket.take(), socks5::AssociationId(1), {IpAddress::v4(0x7f000001), 0}, router, batch,
                           no_pacer);
    router.on_opened(relay.id(), kRoute, relay);
    for (std::uint32_t i = 0; i < 4; ++i)
        router.add_circuit(kRoute, CircuitId(10 + i), WorkerId(static_cast<std::uint16_t>(i)));
    relay.start();

    cepa::test::UdpClient client;
    std::array<std::array<std::uint8_t, 1482>, kBatch> datagrams{};
    for (std::size_t i = 0; i < kBatch; ++i) {
        Writer writer(datagrams[i]);
        writer.bytes(Bytes{0, 0, 0, 1});
        writer.u32(peer(i).ip.to_v4());
        writer.u16(peer(i).port);
        writer.u8(0x01); // uTP data
    }
    std::array<std::uint8_t, 2048> buffer;
    std::size_t came_back = 0;
    const auto round = [&] {
        for (const auto& datagram : datagrams)
            client.send(address, datagram);
        while (relay.receive_batch()) {
        }
        while (::recv(client.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0)
            ++came_back;
    };
    round();
    round();
    const std::size_t warm = cepa::test::allocations;
    for (int i = 0; i < 50; ++i)
        round();
    EXPECT_EQ(cepa::test::allocations, warm);
    EXPECT_EQ(came_back, 52 * kBatch);
    EXPECT_EQ(router.stats().up, 52 * kBatch);
    EXPECT_EQ(router.stats().down, 52 * kBatch);
    router.on_closed(relay.id());
}

} // namespace
} // namespace cepa::main
