#include "tunnel/hidden_services/request_shares.hpp"

#include <algorithm>

namespace cepa::tunnel {

bool RequestShares::pass(const PublicKey& swarm_key, const IpAddress& source, TimePoint now)
{
    Seeder& seeder = of(swarm_key, now);
    seeder.last = now;
    if (equal_prefixes_) return seeder.everybody.admit(now);
    return pass(seeder, source.unmapped().diversity_prefix(), now);
}

bool RequestShares::pass(Seeder& seeder, const IpAddress& prefix, TimePoint now)
{
    const auto known = std::ranges::find(seeder.networks, prefix, &Network::prefix);
    if (known != seeder.networks.end() && now - known->last < kNewAgain) {
        known->last = now; // also when it is refused: who goes on asking is not new
        return known->share.admit(now) && seeder.others.admit(now);
    }
    if (!seeder.newcomers.admit(now) && !seeder.others.admit(now)) return false;
    remember(seeder, prefix, now);
    return true;
}

// Only who passed is remembered, or whoever invents sources would make those forgotten that had their share.
void RequestShares::remember(Seeder& seeder, const IpAddress& prefix, TimePoint now)
{
    std::erase_if(seeder.networks, [&](const Network& n) { return n.prefix == prefix || now - n.last >= kNewAgain; });
    if (seeder.networks.size() >= kMostNetworks)
        seeder.networks.erase(std::ranges::min_element(seeder.networks, {}, &Network::last));
    Network& added = seeder.networks.emplace_back();
    added.prefix = prefix;
    added.last = now;
    static_cast<void>(added.share.admit(now));
}

RequestShares::Seeder& RequestShares::of(const PublicKey& swarm_key, TimePoint now)
{
    if (const auto known = seeders_.find(swarm_key); known != seeders_.end()) return known->second;
    if (seeders_.size() >= kMostSeeders) {
        std::erase_if(seeders_, [&](const auto& entry) { return now - entry.second.last >= kNewAgain; });
        if (seeders_.size() >= kMostSeeders)
            seeders_.erase(std::ranges::min_element(seeders_, {}, [](const auto& e) { return e.second.last; }));
    }
    return seeders_[swarm_key];
}

} // namespace cepa::tunnel
