#include "main/hidden_peers.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

namespace cepa::main {
namespace {

constexpr std::uint32_t kRange = 0xf0000000U; // 240.0.0.0/4
/// 255.0.0.0/8 is left out: the last of it is the broadcast address, which systems treat as one.
constexpr std::uint32_t kLargest = 0xfeffffffU;

} // namespace

bool is_made_up(const IpAddress& ip) noexcept
{
    const IpAddress plain = ip.unmapped();
    return !plain.v6 && (plain.bytes[0] & 0xf0U) == 0xf0U;
}

std::optional<IpAddress> made_up_address(const Address& address)
{
    if (!address.is_host())
        return is_made_up(address.endpoint.ip) ? std::optional(address.endpoint.ip.unmapped()) : std::nullopt;
    const auto ip = IpAddress::parse(address.host);
    return ip && is_made_up(*ip) ? std::optional(ip->unmapped()) : std::nullopt;
}

HiddenPeers::HiddenPeers()
{
    if (::sodium_init() < 0) std::abort();
    ::randombytes_buf(secret_.data(), secret_.size());
}

std::optional<Endpoint> HiddenPeers::of_seeder(const std::string& lookup_hash, const std::string& seeder_key)
{
    return take("seeder" + lookup_hash + seeder_key, true);
}

std::optional<Endpoint> HiddenPeers::of_link(CircuitId circuit)
{
    return take("link" + std::to_string(circuit.value) + "," + std::to_string(++links_), false);
}

std::optional<Endpoint> HiddenPeers::take(std::string name, bool lasting)
{
    if (const auto known = by_name_.find(name); known != by_name_.end()) {
        Entry& entry = entries_.at(known->second);
        ++entry.uses;
        return Endpoint{IpAddress::v4(known->second), entry.port};
    }
    if (entries_.size() >= kMost) make_room();
    if (entries_.size() >= kMost) return std::nullopt;
    std::uint32_t ip = 0;
    for (std::uint32_t attempt = 0; ip <= kRange || ip > kLargest || entries_.contains(ip); ++attempt)
        ip = draw(name, attempt);
    by_name_[name] = ip;
    entries_[ip] = {std::move(name), 1, kMadeUpPort, lasting};
    return Endpoint{IpAddress::v4(ip), kMadeUpPort};
}

std::uint32_t HiddenPeers::draw(const std::string& name, std::uint32_t attempt) const
{
    const std::string text = name + "#" + std::to_string(attempt);
    std::array<std::uint8_t, crypto_generichash_BYTES_MIN> digest{};
    ::crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         secret_.data(), secret_.size());
    return kRange | Reader(digest).u32();
}

void HiddenPeers::make_room()
{
    const auto idle = std::ranges::find_if(entries_, [](const auto& entry) { return entry.second.uses == 0; });
    if (idle == entries_.end()) return;
    by_name_.erase(idle->second.name);
    entries_.erase(idle);
}

void HiddenPeers::release(const Endpoint& peer)
{
    if (!is_made_up(peer.ip)) return;
    const auto entry = entries_.find(peer.ip.unmapped().to_v4());
    if (entry == entries_.end() || entry->second.uses == 0 || --entry->second.uses > 0) return;
    if (entry->second.lasting) {
        if (++entry->second.port < kMadeUpPort) entry->second.port = kMadeUpPort;
        return;
    }
    by_name_.erase(entry->second.name);
    entries_.erase(entry);
}

} // namespace cepa::main
