#include "tunnel/hidden_services/swarm_sightings.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {

void SwarmSightings::watch(const std::vector<LookupHash>& swarms)
{
    std::map<LookupHash, bool> kept;
    for (const LookupHash& hash : swarms) {
        const auto known = seen_.find(hash);
        kept[hash] = known != seen_.end() && known->second;
    }
    seen_ = std::move(kept);
}

void SwarmSightings::note(ByteSpan lookup_hash) noexcept
{
    LookupHash hash{};
    if (lookup_hash.size() != hash.size()) return;
    std::ranges::copy(lookup_hash, hash.begin());
    if (const auto found = seen_.find(hash); found != seen_.end()) found->second = true;
}

std::vector<LookupHash> SwarmSightings::take(TimePoint now)
{
    std::vector<LookupHash> out;
    if (now < next_) return out;
    next_ = now + kReportEvery;
    for (auto& [hash, seen] : seen_)
        if (std::exchange(seen, false)) out.push_back(hash);
    return out;
}

} // namespace cepa::tunnel
