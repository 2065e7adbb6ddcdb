#include "main/swarm_split.hpp"

#include <algorithm>
#include <string.h> // explicit_bzero

namespace cepa::main {
namespace {

bool well_formed_swarm(const proto::SwarmRequest& swarm)
{
    return swarm.lookup_hash.size() == proto::kLookupHashSize && swarm.hops >= 1 &&
           swarm.hops <= SwarmSplit::kMaxHops &&
           (swarm.seed_key.empty() || swarm.seed_key.size() == proto::kSwarmKeySize);
}

/// Of the introduction points, those of the `place`-th of the workers that seed.
std::uint32_t introduction_points_of(std::uint32_t place, std::uint32_t workers)
{
    const std::uint32_t seeding = std::min(workers, SwarmSplit::kMaxSeedingWorkers);
    if (place >= seeding) return 0;
    const std::uint32_t more = place < proto::kIntroductionPoints % seeding ? 1 : 0;
    return std::max(1U, proto::kIntroductionPoints / seeding + more);
}

} // namespace

SwarmSplit::~SwarmSplit()
{
    wipe();
}

void SwarmSplit::wipe() noexcept
{
    for (proto::SwarmRequest& swarm : swarms_)
        ::explicit_bzero(swarm.seed_key.data(), swarm.seed_key.size());
}

std::uint32_t SwarmSplit::introduction_points(std::uint32_t workers) noexcept
{
    return std::max(proto::kIntroductionPoints, std::min(workers, kMaxSeedingWorkers));
}

void SwarmSplit::set(const std::vector<proto::SwarmRequest>& swarms)
{
    wipe();
    swarms_.clear();
    hashes_.clear();
    swarms_.reserve(std::min(swarms.size(), proto::kMaxSwarms)); // a vector that grew would leave keys behind
    for (const proto::SwarmRequest& swarm : swarms) {
        if (swarms_.size() == proto::kMaxSwarms) return;
        if (well_formed_swarm(swarm) && hashes_.insert(swarm.lookup_hash).second) swarms_.push_back(swarm);
    }
}

proto::Swarms SwarmSplit::part_of(WorkerId worker, std::uint32_t workers) const
{
    proto::Swarms out;
    if (worker.value >= workers) return out;
    for (const proto::SwarmRequest& swarm : swarms_) {
        // Many swarms must not all begin with worker 0.
        const std::uint32_t first = static_cast<std::uint8_t>(swarm.lookup_hash.front());
        const std::uint32_t points = introduction_points_of((worker.value + first) % workers, workers);
        proto::Swarm& part = *out.add_swarms();
        part.set_lookup_hash(swarm.lookup_hash);
        part.set_hops(swarm.hops);
        part.set_group(swarm.group.value);
        part.set_download(swarm.download);
        part.set_part(worker.value);
        part.set_parts(workers);
        if (swarm.seed_key.empty() || points == 0) continue;
        part.set_seed_key(swarm.seed_key);
        part.set_introduction_points(points);
    }
    return out;
}

} // namespace cepa::main
