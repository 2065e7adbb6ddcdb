#include "tunnel/dht/node_table.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

/// Among how many of the closest we look for our own place (docs/protocol.md, section 15.4).
constexpr std::size_t kNeighbourhood = 20;

bool is_bad(const DhtContact& node) noexcept
{
    return node.failures >= DhtNodeTable::kBadAfter;
}

} // namespace

const DhtContact* DhtNodeTable::find(const PublicKey& key) const noexcept
{
    const auto it = std::ranges::find(nodes_, key, &DhtContact::key);
    return it == nodes_.end() ? nullptr : &*it;
}

const DhtContact* DhtNodeTable::at(const Endpoint& address) const noexcept
{
    const auto it = std::ranges::find(nodes_, address, &DhtContact::address);
    return it == nodes_.end() ? nullptr : &*it;
}

void DhtNodeTable::set_own_id(const DhtId& id)
{
    if (id == own_) return;
    own_ = id;
    std::vector<DhtContact> before = std::exchange(nodes_, {});
    for (DhtContact& node : before) {
        const TimePoint heard = node.last_heard;
        static_cast<void>(add(std::move(node), heard));
    }
}

bool DhtNodeTable::has_place_for(const DhtContact& node) const noexcept
{
    if (nodes_.size() >= kMostNodes) return false;
    if (equal_prefixes_) return true;
    const auto same_ip = [&](const DhtContact& n) { return n.address.ip == node.address.ip; };
    const IpAddress prefix = node.address.ip.diversity_prefix();
    const auto same_prefix = [&](const DhtContact& n) { return n.address.ip.diversity_prefix() == prefix; };
    return static_cast<std::size_t>(std::ranges::count_if(nodes_, same_ip)) < kMostPerIp &&
           static_cast<std::size_t>(std::ranges::count_if(nodes_, same_prefix)) < kMostPerPrefix;
}

/// A full bucket gives up a node that fails, else one that has not been heard for long; never a good one.
bool DhtNodeTable::make_room(const DhtId& id, TimePoint now)
{
    const std::size_t bucket = shared_bits(own_, id);
    std::size_t members = 0;
    auto victim = nodes_.end();
    for (auto it = nodes_.begin(); it != nodes_.end(); ++it) {
        if (shared_bits(own_, it->id) != bucket) continue;
        ++members;
        if (!is_bad(*it) && now - it->last_heard < kGoodFor) continue;
        const auto worth = [](const DhtContact& n) { return std::pair(!is_bad(n), n.last_heard); };
        if (victim == nodes_.end() || worth(*it) < worth(*victim)) victim = it;
    }
    if (members < kBucketSize) return true;
    if (victim == nodes_.end()) return false;
    nodes_.erase(victim);
    return true;
}

bool DhtNodeTable::add(DhtContact node, TimePoint now)
{
    if (!has_place_for(node) || !make_room(node.id, now)) return false;
    nodes_.push_back(std::move(node));
    return true;
}

bool DhtNodeTable::on_answer(const PublicKey& key, const Endpoint& address, TimePoint now)
{
    // Who answers from an address lives there; whoever was known there before does not.
    std::erase_if(nodes_, [&](const DhtContact& n) { return (n.key == key) != (n.address == address); });
    const auto known = std::ranges::find(nodes_, key, &DhtContact::key);
    if (known != nodes_.end()) {
        known->last_heard = now;
        known->failures = 0;
        return true;
    }
    DhtContact node;
    node.id = dht_node_id(address.ip, key.mid());
    node.key = key;
    node.address = address;
    node.last_heard = now;
    return add(std::move(node), now);
}

bool DhtNodeTable::on_query(const PublicKey& key, const Endpoint& address, TimePoint now) noexcept
{
    const auto known = std::ranges::find(nodes_, key, &DhtContact::key);
    if (known == nodes_.end() || known->address != address) return false;
    known->last_heard = now;
    return true;
}

void DhtNodeTable::on_failure(const Endpoint& address) noexcept
{
    const auto known = std::ranges::find(nodes_, address, &DhtContact::address);
    if (known != nodes_.end()) ++known->failures;
}

void DhtNodeTable::take_token(const PublicKey& key, const DhtToken& token, TimePoint now) noexcept
{
    const auto known = std::ranges::find(nodes_, key, &DhtContact::key);
    if (known == nodes_.end()) return;
    known->token = token;
    known->token_since = now;
}

std::vector<DhtContact> DhtNodeTable::closest(const DhtId& target, std::size_t count, const PublicKey* except) const
{
    std::vector<const DhtContact*> fit;
    for (const DhtContact& node : nodes_)
        if (!is_bad(node) && (except == nullptr || node.key != *except)) fit.push_back(&node);
    const auto nearer = [&](const DhtContact* a, const DhtContact* b) { return is_closer(target, a->id, b->id); };
    count = std::min(count, fit.size());
    std::ranges::partial_sort(fit, fit.begin() + static_cast<std::ptrdiff_t>(count), nearer);
    std::vector<DhtContact> out;
    for (const DhtContact* node : std::span(fit).first(count))
        out.push_back(*node);
    return out;
}

std::size_t DhtNodeTable::closer_than_us(const DhtId& target) const
{
    const auto closer = [&](const DhtContact& n) { return !is_bad(n) && is_closer(target, n.id, own_); };
    return std::min(kNeighbourhood, static_cast<std::size_t>(std::ranges::count_if(nodes_, closer)));
}

std::vector<DhtContact> DhtNodeTable::due_pings(TimePoint now)
{
    std::vector<DhtContact> out;
    for (DhtContact& node : nodes_) {
        const Duration every = node.failures > 0 ? Duration(kPingAgain) : Duration(kPingAfter);
        if (now - node.last_heard < every || now - node.last_ping < every) continue;
        node.last_ping = now;
        out.push_back(node);
    }
    return out;
}

void DhtNodeTable::tidy()
{
    std::erase_if(nodes_, [](const DhtContact& node) { return node.failures >= kGoneAfter; });
}

} // namespace cepa::tunnel
