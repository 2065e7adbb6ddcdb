#include "proto/snapshot.hpp"

#include "proto/change_frame.hpp"

#include <algorithm>

namespace cepa::proto {
namespace {

template <class Info, class List>
void merge_objects(std::map<std::uint32_t, Info>& into, const List& changed)
{
    for (const Info& info : changed) merge_fields(into[info.circuit_id()], info);
}

template <class Info, class List>
void remove_objects(std::map<std::uint32_t, Info>& from, const List& removed)
{
    for (const std::uint32_t id : removed) from.erase(id);
}

} // namespace

void add_swarm(SwarmInfo& sum, const SwarmInfo& part)
{
    sum.set_lookup_hash(part.lookup_hash());
    sum.set_seeders_found(std::max(sum.seeders_found(), part.seeders_found()));
    sum.set_introduction_points(sum.introduction_points() + part.introduction_points());
    sum.set_linking(sum.linking() + part.linking());
    sum.set_links(sum.links() + part.links());
    sum.set_linked_ever(sum.linked_ever() + part.linked_ever());
    sum.set_refused(std::max(sum.refused(), part.refused())); // each may have asked the same nodes
    // The younger of two ages, of which either may be unknown.
    if (part.has_looked_up_ms() && (!sum.has_looked_up_ms() || part.looked_up_ms() < sum.looked_up_ms()))
        sum.set_looked_up_ms(part.looked_up_ms());
    if (part.has_announced_ms() && (!sum.has_announced_ms() || part.announced_ms() < sum.announced_ms()))
        sum.set_announced_ms(part.announced_ms());
}

void merge_sync(TunnelSnapshot& snapshot, const Sync& changes, WorkerId from)
{
    remove_objects(snapshot.circuits, changes.removed_circuits());
    remove_objects(snapshot.relays, changes.removed_relays());
    remove_objects(snapshot.exits, changes.removed_exits());
    merge_objects(snapshot.circuits, changes.circuits());
    merge_objects(snapshot.relays, changes.relays());
    merge_objects(snapshot.exits, changes.exits());
    if (changes.has_worker()) merge_fields(snapshot.workers[from.value], changes.worker());
    if (changes.has_discovery()) merge_fields(snapshot.discovery, changes.discovery());
    if (changes.has_swarms()) {
        snapshot.swarms.clear();
        for (const SwarmInfo& swarm : changes.swarms().swarms()) add_swarm(snapshot.swarms[swarm.lookup_hash()], swarm);
    }
    if (changes.has_share() && changes.share().version() >= snapshot.share.version()) snapshot.share = changes.share();
}

} // namespace cepa::proto
