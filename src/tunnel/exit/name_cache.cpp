#include "tunnel/exit/name_cache.hpp"

#include <algorithm>

namespace cepa::tunnel {

std::optional<std::vector<IpAddress>> NameCache::find(const std::string& host, TimePoint now) const
{
    const auto found = entries_.find(host);
    if (found == entries_.end() || found->second.until <= now) return std::nullopt;
    return found->second.addresses;
}

void NameCache::store(const std::string& host, std::vector<IpAddress> addresses, TimePoint now)
{
    if (entries_.size() >= kMost && !entries_.contains(host)) {
        std::erase_if(entries_, [&](const auto& entry) { return entry.second.until <= now; });
        if (entries_.size() >= kMost) entries_.erase(entries_.begin());
    }
    const Duration kept = addresses.empty() ? kFailureKept : kKept;
    entries_[host] = {std::move(addresses), now + kept};
}

bool NameCache::is_name(const std::string& host) noexcept
{
    constexpr std::size_t kMostName = 253;
    constexpr std::size_t kMostLabel = 63;
    if (host.empty() || host.size() > kMostName) return false;
    std::size_t label = 0;
    for (const char c : host) {
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
            continue;
        }
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if ((!alphanumeric && c != '-' && c != '_') || ++label > kMostLabel) return false;
    }
    return true;
}

} // namespace cepa::tunnel
