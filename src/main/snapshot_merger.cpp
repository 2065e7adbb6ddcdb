#include "main/snapshot_merger.hpp"

#include "main/worker_claims.hpp"
#include "proto/change_frame.hpp"
#include "proto/snapshot.hpp"

#include <map>

namespace cepa::main {
namespace {

template <class Object>
bool merge_object(std::map<std::uint32_t, Object>& into, const Object& change, WorkerId from,
                  const proto::SlotTable& table)
{
    const std::uint32_t id = change.circuit_id();
    auto found = into.find(id);
    if (found == into.end()) {
        if (into.size() >= SnapshotMerger::kMaxObjects || !table.may_have(CircuitId(id), from)) return false;
        found = into.try_emplace(id).first;
    } else if (found->second.worker_id() != from.value) {
        return false;
    }
    proto::merge_fields(found->second, change);
    found->second.set_worker_id(from.value);
    return true;
}

template <class Object, class List>
std::size_t merge_all(std::map<std::uint32_t, Object>& into, const List& changes, WorkerId from,
                      const proto::SlotTable& table)
{
    std::size_t refused = 0;
    for (const Object& change : changes)
        refused += merge_object(into, change, from, table) ? 0 : 1;
    return refused;
}

template <class Object, class List>
std::size_t remove_all(std::map<std::uint32_t, Object>& from_map, const List& ids, WorkerId from)
{
    std::size_t refused = 0;
    for (const std::uint32_t id : ids) {
        const auto found = from_map.find(id);
        if (found == from_map.end()) continue;
        if (found->second.worker_id() == from.value)
            from_map.erase(found);
        else
            ++refused;
    }
    return refused;
}

template <class Object>
void remove_worker(std::map<std::uint32_t, Object>& objects, WorkerId worker)
{
    std::erase_if(objects, [worker](const auto& entry) { return entry.second.worker_id() == worker.value; });
}

/// A map of reasons that only grows by what a worker invents must not grow without end.
void limit_reasons(proto::WorkerInfo& info)
{
    if (info.drops_size() > kMaxReasons) info.clear_drops();
}

} // namespace

std::size_t SnapshotMerger::merge(WorkerId from, std::uint64_t pid, const proto::Sync& sync,
                                  const proto::SlotTable& table)
{
    std::size_t refused = remove_all(into_.circuits, sync.removed_circuits(), from) +
                          remove_all(into_.relays, sync.removed_relays(), from) +
                          remove_all(into_.exits, sync.removed_exits(), from);
    refused += merge_all(into_.circuits, sync.circuits(), from, table) +
               merge_all(into_.relays, sync.relays(), from, table) + merge_all(into_.exits, sync.exits(), from, table);
    proto::WorkerInfo& info = into_.workers[from.value];
    if (sync.has_worker()) proto::merge_fields(info, sync.worker());
    info.set_worker_id(from.value);
    info.set_pid(pid);
    limit_reasons(info);
    if (sync.has_swarms()) {
        swarms_[from] = sync.swarms();
        sum_swarms();
    }
    if (!sync.has_discovery()) return refused;
    if (from != WorkerId(0)) return refused + 1; // only worker 0 discovers
    proto::merge_fields(into_.discovery, sync.discovery());
    return refused;
}

void SnapshotMerger::remove(WorkerId worker)
{
    remove_worker(into_.circuits, worker);
    remove_worker(into_.relays, worker);
    remove_worker(into_.exits, worker);
    into_.workers.erase(worker.value);
    if (worker == WorkerId(0)) into_.discovery.Clear(); // its successor begins anew
    if (swarms_.erase(worker) != 0) sum_swarms();
}

void SnapshotMerger::sum_swarms()
{
    into_.swarms.clear();
    for (const auto& [worker, infos] : swarms_)
        for (const proto::SwarmInfo& swarm : infos.swarms())
            proto::add_swarm(into_.swarms[swarm.lookup_hash()], swarm);
}

} // namespace cepa::main
