// The hidden swarms of this node, and how their work is split over the workers: each links to the seeders whose key
// falls to its part, and keeps up its part of the introduction points. Holds the swarm keys, and wipes them. Pure.
// Process: main. Spec: docs/protocol.md, section 36.
#pragma once

#include "base/ids.hpp"
#include "proto/tunnel_service.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace cepa::main {

class SwarmSplit {
public:
    /// Workers that seed one swarm, at least one introduction point each: a DHT answer names eight, and a swarm has
    /// other seeders.
    static constexpr std::uint32_t kMaxSeedingWorkers = 4;
    static constexpr std::uint8_t kMaxHops = 4;

    SwarmSplit() = default;
    ~SwarmSplit();
    SwarmSplit(const SwarmSplit&) = delete;
    SwarmSplit& operator=(const SwarmSplit&) = delete;

    /// Of one swarm that we seed with so many workers (0: none but this process).
    [[nodiscard]] static std::uint32_t introduction_points(std::uint32_t workers) noexcept;

    /// See proto::TunnelService::set_swarms().
    void set(const std::vector<proto::SwarmRequest>& swarms);
    [[nodiscard]] bool has(const std::string& lookup_hash) const { return hashes_.contains(lookup_hash); }
    /// What `worker` of `workers` is told; a worker beyond them is told of none. Who sent it wipes it.
    [[nodiscard]] proto::Swarms part_of(WorkerId worker, std::uint32_t workers) const;

private:
    void wipe() noexcept;

    std::vector<proto::SwarmRequest> swarms_;
    std::set<std::string> hashes_;
};

} // namespace cepa::main
