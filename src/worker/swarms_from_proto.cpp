#include "worker/swarms_from_proto.hpp"

#include "proto/tunnel_service.hpp"

#include "tunnel/hidden_services/own_swarms.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace cepa::worker {
namespace {

std::optional<tunnel::SwarmPlan> plan_from_proto(const proto::Swarm& swarm)
{
    tunnel::SwarmPlan plan;
    const bool sane = swarm.lookup_hash().size() == plan.lookup_hash.size() && swarm.hops() >= 1 &&
                      swarm.hops() <= tunnel::SwarmPlan::kMostHops && swarm.part() < swarm.parts();
    if (!sane) return std::nullopt;
    std::ranges::copy(as_bytes(swarm.lookup_hash()), plan.lookup_hash.begin());
    plan.hops = static_cast<std::uint8_t>(swarm.hops());
    plan.group = swarm.group();
    plan.download = swarm.download();
    plan.introduction_points = std::min(swarm.introduction_points(), proto::kIntroductionPoints);
    plan.part = swarm.part();
    plan.parts = swarm.parts();
    if (swarm.seed_key().empty()) return plan;
    plan.seed_key = tunnel::PrivateKey::parse(as_bytes(swarm.seed_key()));
    return plan.seed_key ? std::optional(std::move(plan)) : std::nullopt;
}

std::uint64_t age_ms(Duration age)
{
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(age).count());
}

proto::SwarmInfo without_ages(proto::SwarmInfo info)
{
    info.clear_looked_up_ms();
    info.clear_announced_ms();
    return info;
}

} // namespace

// What main says it serves is served.
static_assert(proto::kMaxSwarms == tunnel::OwnSwarms::kMost);

std::vector<tunnel::SwarmPlan> plans_from_proto(const proto::Swarms& swarms)
{
    std::vector<tunnel::SwarmPlan> out;
    std::set<tunnel::LookupHash> seen;
    for (const proto::Swarm& swarm : swarms.swarms()) {
        if (out.size() == proto::kMaxSwarms) break;
        auto plan = plan_from_proto(swarm);
        if (plan && seen.insert(plan->lookup_hash).second) out.push_back(std::move(*plan));
    }
    return out;
}

proto::SwarmInfos swarms_to_proto(const std::vector<tunnel::SwarmView>& views)
{
    proto::SwarmInfos out;
    for (const tunnel::SwarmView& view : views) {
        proto::SwarmInfo& info = *out.add_swarms();
        info.set_lookup_hash(view.lookup_hash.data(), view.lookup_hash.size());
        info.set_seeders_found(view.seeders_found);
        info.set_introduction_points(view.introduction_points);
        info.set_linking(view.linking);
        info.set_links(view.links);
        info.set_linked_ever(view.linked_ever);
        info.set_refused(view.refused);
        if (view.looked_up) info.set_looked_up_ms(age_ms(*view.looked_up));
        if (view.announced) info.set_announced_ms(age_ms(*view.announced));
    }
    return out;
}

bool same_counts(const proto::SwarmInfos& one, const proto::SwarmInfos& other)
{
    return std::ranges::equal(one.swarms(), other.swarms(), [](const proto::SwarmInfo& a, const proto::SwarmInfo& b) {
        return without_ages(a).SerializeAsString() == without_ages(b).SerializeAsString();
    });
}

proto::HiddenLink link_to_proto(CircuitId circuit, const tunnel::LookupHash& lookup_hash,
                                const tunnel::PublicKey* seeder)
{
    proto::HiddenLink out;
    out.set_circuit_id(circuit.value);
    out.set_lookup_hash(lookup_hash.data(), lookup_hash.size());
    if (seeder == nullptr) return out;
    const auto key = seeder->encode();
    out.set_seeder_key(key.data(), key.size());
    return out;
}

} // namespace cepa::worker
