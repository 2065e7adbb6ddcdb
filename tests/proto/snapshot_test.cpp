#include "proto/snapshot.hpp"

#include <gtest/gtest.h>

namespace cepa::proto {
namespace {

Sync circuit_change(std::uint32_t id, std::uint64_t bytes_up)
{
    Sync sync;
    CircuitInfo& circuit = *sync.add_circuits();
    circuit.set_circuit_id(id);
    circuit.set_bytes_up(bytes_up);
    return sync;
}

TEST(Snapshot, FieldsThatDidNotChangeStay)
{
    TunnelSnapshot snapshot;
    Sync first = circuit_change(7, 10);
    first.mutable_circuits(0)->set_wanted_hops(3);
    merge_sync(snapshot, first, WorkerId(1));
    merge_sync(snapshot, circuit_change(7, 25), WorkerId(1));
    ASSERT_TRUE(snapshot.circuits.contains(7));
    EXPECT_EQ(snapshot.circuits.at(7).bytes_up(), 25U);
    EXPECT_EQ(snapshot.circuits.at(7).wanted_hops(), 3U);
}

TEST(Snapshot, WhatIsGoneIsRemovedAndMayComeBackInOneFrame)
{
    TunnelSnapshot snapshot;
    merge_sync(snapshot, circuit_change(7, 10), WorkerId(0));
    Sync removed = circuit_change(8, 1);
    removed.add_removed_circuits(7);
    removed.add_removed_circuits(99); // never was
    merge_sync(snapshot, removed, WorkerId(0));
    EXPECT_FALSE(snapshot.circuits.contains(7));
    EXPECT_TRUE(snapshot.circuits.contains(8));
}

TEST(Snapshot, CountersBelongToTheWorkerThatSentThem)
{
    TunnelSnapshot snapshot;
    for (const std::uint16_t worker : {std::uint16_t{0}, std::uint16_t{2}}) {
        Sync sync;
        sync.mutable_worker()->set_cells_in(100U + worker);
        merge_sync(snapshot, sync, WorkerId(worker));
    }
    EXPECT_EQ(snapshot.workers.at(0).cells_in(), 100U);
    EXPECT_EQ(snapshot.workers.at(2).cells_in(), 102U);
}

TEST(Snapshot, AnOlderShareIsIgnored)
{
    TunnelSnapshot snapshot;
    for (const std::uint64_t version : {5U, 4U}) {
        Sync sync;
        sync.mutable_share()->set_version(version);
        sync.mutable_share()->add_candidates()->set_flags(static_cast<std::uint32_t>(version));
        merge_sync(snapshot, sync, WorkerId(0));
    }
    EXPECT_EQ(snapshot.share.version(), 5U);
    ASSERT_EQ(snapshot.share.candidates_size(), 1);
    EXPECT_EQ(snapshot.share.candidates(0).flags(), 5U);
}

} // namespace
} // namespace cepa::proto
