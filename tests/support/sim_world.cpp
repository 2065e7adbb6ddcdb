#include "support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::test {

using namespace tunnel;

SimWorld::SimWorld(std::uint64_t seed) : network(seed), echo{IpAddress::v4(0x05060708), 6881}, seed_(seed)
{
    network.attach(echo, [this](const SimPacket& packet) {
        echoed.push_back(packet);
        network.send(packet.to, packet.from, packet.bytes);
    });
}

SimNode& SimWorld::add(TunnelSettings settings)
{
    const Endpoint address = settings.listen;
    nodes.push_back(std::make_unique<SimNode>(network, address, std::move(settings), seed_ * 100'000 + ++created_));
    return *nodes.back();
}

SimNode& SimWorld::add_client() { return add(sim_settings(fresh_address())); }

SimNode& SimWorld::add_relay()
{
    TunnelSettings settings = sim_settings(fresh_address());
    settings.relay = true;
    return add(std::move(settings));
}

SimNode& SimWorld::add_exit()
{
    TunnelSettings settings = sim_settings(fresh_address());
    settings.relay = true;
    settings.exit_bittorrent = true;
    return add(std::move(settings));
}

std::vector<Candidate> SimWorld::candidates(bool connectable) const
{
    std::vector<Candidate> out;
    for (const auto& node : nodes) {
        const Candidate candidate = node->candidate(connectable);
        if (has(candidate.flags, PeerFlag::relay)) out.push_back(candidate);
    }
    return out;
}

void SimWorld::share_with(SimNode& node, bool connectable)
{
    node.tunnel().share(candidates(connectable), {node.address()}, {});
}

void SimWorld::share(bool connectable)
{
    for (const auto& node : nodes) share_with(*node, connectable);
}

CircuitId SimWorld::build(SimNode& client, std::uint8_t hops, std::uint32_t group)
{
    const Result<CircuitId> circuit = client.tunnel().create_circuit(hops, group);
    if (!circuit) {
        ADD_FAILURE() << "no path: " << circuit.error().message();
        return {};
    }
    EXPECT_TRUE(network.run_until([&] { return client.ready(*circuit) || client.closed(*circuit); }));
    EXPECT_TRUE(client.ready(*circuit)) << client.closed_circuits[*circuit];
    return *circuit;
}

CircuitView SimWorld::view(SimNode& client, CircuitId circuit) const
{
    for (const CircuitView& view : client.tunnel().circuits())
        if (view.id == circuit) return view;
    return {};
}

bool SimWorld::echoes(SimNode& client, CircuitId circuit, std::size_t size)
{
    const std::size_t before = client.received.size();
    const Bytes sent = utp_datagram(size, static_cast<std::uint8_t>(before));
    if (!client.send(circuit, echo, sent)) return false;
    if (!network.run_until([&] { return client.received.size() > before; }, std::chrono::seconds(5))) return false;
    const ReceivedData& got = client.received.back();
    return got.circuit == circuit && got.origin == Address(echo) && got.payload == sent;
}

SimNode& SimWorld::node_of(const Mid& mid)
{
    const auto found = std::ranges::find_if(nodes, [&](const auto& node) { return node->key().mid() == mid; });
    if (found == nodes.end()) ADD_FAILURE() << "no node has that mid";
    return **found;
}

} // namespace cepa::test
