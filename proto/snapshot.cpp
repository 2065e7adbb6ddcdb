#include "proto/snapshot.hpp"

#include "proto/change_frame.hpp"

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
    if (changes.has_share() && changes.share().version() >= snapshot.share.version()) snapshot.share = changes.share();
}

} // namespace cepa::proto
