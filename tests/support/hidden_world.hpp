// A walking overlay with public addresses in which one node seeds hidden and another downloads.
#pragma once

#include "support/sim_world.hpp"

#include <array>
#include <memory>
#include <vector>

namespace cepa::test {

/// The plans that main would send.
[[nodiscard]] inline tunnel::SwarmPlan seed_plan(const tunnel::LookupHash& hash, std::uint8_t hops,
                                                 const tunnel::PrivateKey& key, std::uint32_t points = 3)
{
    tunnel::SwarmPlan out;
    out.lookup_hash = hash;
    out.hops = hops;
    out.seed_key = key;
    out.introduction_points = points;
    return out;
}
[[nodiscard]] inline tunnel::SwarmPlan download_plan(const tunnel::LookupHash& hash, std::uint8_t hops)
{
    tunnel::SwarmPlan out;
    out.lookup_hash = hash;
    out.hops = hops;
    out.download = true;
    return out;
}

struct HiddenWorld : SimWorld {
    /// Relays that are no exits, and exits.
    explicit HiddenWorld(std::uint64_t seed = 1, int relays = 12, int exits = 3);

    SimNode& add_walking(bool relay, bool exit);
    /// Runs until everybody knows enough others.
    void settle(Duration time = std::chrono::seconds(60));
    /// Both have nothing but relays in common.
    void seed(std::uint8_t hops, std::uint32_t points = 3);
    void download(std::uint8_t hops);
    [[nodiscard]] tunnel::SwarmView view_of(SimNode& node) const;
    /// The first link of a node that still stands.
    [[nodiscard]] std::optional<CircuitId> link_of(const SimNode& node) const;
    /// A datagram each way over the present link; both ends hold what the other sent.
    [[nodiscard]] bool data_both_ways(std::size_t size = 900);
    [[nodiscard]] bool linked() const { return link_of(*seeder).has_value() && link_of(*downloader).has_value(); }
    /// The last hops of a node's circuits of one purpose.
    [[nodiscard]] std::vector<tunnel::Mid> ends(SimNode& node, tunnel::CircuitPurpose purpose) const;

    tunnel::LookupHash hash{};
    tunnel::PrivateKey seed_key;
    SimNode* seeder = nullptr;
    SimNode* downloader = nullptr;

private:
    unsigned next_public_ = 0;
};

} // namespace cepa::test
