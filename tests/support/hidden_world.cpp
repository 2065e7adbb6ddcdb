#include "support/hidden_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::test {

using namespace tunnel;

namespace {

PrivateKey fresh_key()
{
    init_crypto();
    return PrivateKey::generate();
}

Endpoint public_address(unsigned n) { return {IpAddress::v4((51U << 24U) + (n << 16U) + 1U), 8090}; }

} // namespace

HiddenWorld::HiddenWorld(std::uint64_t seed, int relays, int exits) : SimWorld(seed), seed_key(fresh_key())
{
    hash.fill(0x5e);
    for (int i = 0; i < relays; ++i) add_walking(true, false);
    for (int i = 0; i < exits; ++i) add_walking(true, true);
    seeder = &add_walking(false, false);
    downloader = &add_walking(false, false);
}

SimNode& HiddenWorld::add_walking(bool relay, bool exit)
{
    TunnelSettings settings = sim_settings(public_address(++next_public_));
    settings.public_network = true;
    settings.discover = true;
    settings.relay = relay;
    settings.exit_bittorrent = exit;
    settings.walk_to = {public_address(1), public_address(2)};
    return add(std::move(settings));
}

void HiddenWorld::settle(Duration time) { network.run_for(time); }

void HiddenWorld::seed(std::uint8_t hops, std::uint32_t points)
{
    seeder->tunnel().set_swarms({seed_plan(hash, hops, seed_key, points)});
}

void HiddenWorld::download(std::uint8_t hops) { downloader->tunnel().set_swarms({download_plan(hash, hops)}); }

SwarmView HiddenWorld::view_of(SimNode& node) const
{
    const auto views = node.tunnel().swarms();
    return views.empty() ? SwarmView{} : views.front();
}

std::optional<CircuitId> HiddenWorld::link_of(const SimNode& node) const
{
    if (node.links.empty()) return std::nullopt;
    return node.links.rbegin()->first;
}

bool HiddenWorld::data_both_ways(std::size_t size)
{
    const auto at_downloader = link_of(*downloader);
    if (!at_downloader) return false;
    const Address anywhere(Endpoint{IpAddress::v4(0xf0000001), 1024});
    const std::size_t before = seeder->received.size();
    const Bytes there = utp_datagram(size, 0x17);
    if (!downloader->send(*at_downloader, anywhere, there)) return false;
    if (!network.run_until([&] { return seeder->received.size() > before; }, std::chrono::seconds(5))) return false;
    const ReceivedData got = seeder->received.back();
    if (got.payload != there || !got.origin.is_null() || !seeder->links.contains(got.circuit)) return false;
    const std::size_t answered = downloader->received.size();
    const Bytes back = utp_datagram(size, 0x71);
    if (!seeder->send(got.circuit, anywhere, back)) return false;
    if (!network.run_until([&] { return downloader->received.size() > answered; }, std::chrono::seconds(5)))
        return false;
    const ReceivedData& answer = downloader->received.back();
    return answer.circuit == *at_downloader && answer.payload == back && answer.origin.is_null();
}

std::vector<Mid> HiddenWorld::ends(SimNode& node, CircuitPurpose purpose) const
{
    std::vector<Mid> out;
    for (const CircuitView& view : node.tunnel().circuits())
        if (view.purpose == purpose && view.state != CircuitState::extending) out.push_back(view.hops.back().mid);
    return out;
}

} // namespace cepa::test
