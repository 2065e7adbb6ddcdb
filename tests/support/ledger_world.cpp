#include "support/ledger_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cepa::test {

using namespace tunnel;

LedgerWorld::LedgerWorld(std::uint64_t seed, unsigned relays, Duration tick)
    : network(seed), ledger(network), seed_key((init_crypto(), PrivateKey::generate())), tick_(tick), wanted_(relays),
      random_(seed)
{
    hash.fill(0x77);
    while (relays_.size() < wanted_)
        relays_.push_back(&add(true));
    seeder = &add_client();
    downloader = &add_client();
    share();
}

Endpoint LedgerWorld::fresh_address()
{
    return {IpAddress::v4((50U << 24U) + (++addresses_ << 16U) + 1U), 8090};
}

SimNode& LedgerWorld::add(bool relay)
{
    TunnelSettings settings = sim_settings(fresh_address());
    settings.public_network = true;
    settings.relay = relay;
    siblings_.push_back(std::make_unique<LedgerSiblings>(ledger, settings.listen, settings.identity_public));
    const Endpoint at = settings.listen;
    nodes_.push_back(
        std::make_unique<SimNode>(network, at, std::move(settings), addresses_, siblings_.back().get(), tick_));
    if (!relay) clients_.push_back(nodes_.back().get());
    return *nodes_.back();
}

void LedgerWorld::age(unsigned one_in)
{
    bool changed = false;
    for (std::size_t i = 0; i < relays_.size(); ++i) {
        if (random_.below(one_in) != 0) continue;
        relays_[i]->die();
        relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i--));
        ++died;
        changed = true;
    }
    while (relays_.size() < wanted_)
        relays_.push_back(&add(true));
    if (changed) share();
}

void LedgerWorld::kill(const Mid& relay)
{
    const auto found = std::ranges::find_if(relays_, [&](const SimNode* node) { return node->key().mid() == relay; });
    if (found == relays_.end()) return; // dead already
    (*found)->die();
    relays_.erase(found);
}

void LedgerWorld::share()
{
    std::vector<Candidate> candidates;
    for (const SimNode* relay : relays_)
        candidates.push_back(relay->candidate());
    for (const auto& nodes : {relays_, clients_})
        for (SimNode* node : nodes)
            node->tunnel().share(candidates, {node->address()}, {});
}

void LedgerWorld::seed(std::uint8_t hops, std::uint32_t points)
{
    seeder->tunnel().set_swarms({seed_plan(hash, hops, seed_key, points)});
}

void LedgerWorld::download(std::uint8_t hops)
{
    downloader->tunnel().set_swarms({download_plan(hash, hops)});
}

bool LedgerWorld::data_both_ways(std::size_t size)
{
    if (!linked()) return false;
    const std::size_t before = seeder->received.size();
    const Bytes there = utp_datagram(size, 0x17);
    const auto arrived = [&] { return seeder->received.size() > before; };
    if (!downloader->send(downloader->links.rbegin()->first, {}, there)) return false;
    if (!network.run_until(arrived, std::chrono::seconds(2))) return false;
    const ReceivedData got = seeder->received.back();
    if (got.payload != there || !got.origin.is_null() || !seeder->links.contains(got.circuit)) return false;
    const std::size_t answered = downloader->received.size();
    const Bytes back = utp_datagram(size, 0x71);
    if (!seeder->send(got.circuit, {}, back)) return false;
    return network.run_until([&] { return downloader->received.size() > answered; }, std::chrono::seconds(2)) &&
           downloader->received.back().payload == back && downloader->received.back().origin.is_null();
}

std::vector<CircuitView> LedgerWorld::circuits(SimNode& node, CircuitPurpose purpose) const
{
    std::vector<CircuitView> out;
    for (CircuitView& view : node.tunnel().circuits())
        if (view.purpose == purpose && view.state != CircuitState::extending) out.push_back(std::move(view));
    return out;
}

} // namespace cepa::test
