#include "main/snapshot_merger.hpp"
#include "proto/change_frame.hpp"

#include <gtest/gtest.h>

namespace cepa::main {
namespace {

struct SnapshotMergerTest : testing::Test {
    proto::SlotTable table = proto::SlotTable::make(11, 13, 2);
    proto::TunnelSnapshot snapshot;
    SnapshotMerger merger{snapshot};

    std::uint32_t id_of(std::uint16_t worker, std::uint32_t from = 1) const
    {
        while (table.owner(CircuitId(from)) != WorkerId(worker))
            ++from;
        return from;
    }
    std::size_t merge(std::uint16_t worker, const proto::Sync& sync)
    {
        return merger.merge(WorkerId(worker), 1000U + worker, sync, table);
    }
};

TEST_F(SnapshotMergerTest, ChangeFramesAddUp)
{
    proto::Sync sync;
    auto* circuit = sync.add_circuits();
    circuit->set_circuit_id(id_of(1));
    circuit->set_bytes_up(10);
    circuit->add_hops()->set_flags(1);
    EXPECT_EQ(merge(1, sync), 0U);
    circuit->clear_hops();
    circuit->set_bytes_up(20);
    EXPECT_EQ(merge(1, sync), 0U);
    const auto& merged = snapshot.circuits.at(id_of(1));
    EXPECT_EQ(merged.bytes_up(), 20U);
    EXPECT_EQ(merged.hops_size(), 1);
    EXPECT_EQ(merged.worker_id(), 1U);
    sync.Clear();
    sync.add_removed_circuits(id_of(1));
    EXPECT_EQ(merge(1, sync), 0U);
    EXPECT_TRUE(snapshot.circuits.empty());
}

TEST_F(SnapshotMergerTest, AWorkerMayNotNameAnothersCircuits)
{
    proto::Sync theft;
    theft.add_circuits()->set_circuit_id(id_of(1));
    theft.add_relays()->set_circuit_id(id_of(1));
    theft.add_exits()->set_circuit_id(id_of(1));
    EXPECT_EQ(merge(0, theft), 3U);
    EXPECT_TRUE(snapshot.circuits.empty());

    proto::Sync own;
    own.add_circuits()->set_circuit_id(id_of(1));
    EXPECT_EQ(merge(1, own), 0U);
    proto::Sync removal;
    removal.add_removed_circuits(id_of(1));
    EXPECT_EQ(merge(0, removal), 1U);
    EXPECT_EQ(snapshot.circuits.size(), 1U);
    theft.Clear();
    theft.add_circuits()->set_circuit_id(id_of(1));
    theft.mutable_circuits(0)->set_bytes_up(99);
    EXPECT_EQ(merge(0, theft), 1U);
    EXPECT_FALSE(snapshot.circuits.at(id_of(1)).has_bytes_up());
}

TEST_F(SnapshotMergerTest, CircuitsOlderThanTheTableAreStillTheirOwners)
{
    std::uint32_t id = 1;
    for (const auto grown = table.resized(3);
         grown.owner(CircuitId(id)) != WorkerId(2) || table.owner(CircuitId(id)) != WorkerId(1);)
        ++id;
    table = table.resized(3).resized(4);
    proto::Sync sync;
    sync.add_circuits()->set_circuit_id(id);
    EXPECT_EQ(merge(1, sync), 0U);
    EXPECT_EQ(merge(3, sync), 1U);
}

TEST_F(SnapshotMergerTest, WhatAWorkerSaysOfItselfIsNotBelieved)
{
    proto::Sync sync;
    sync.mutable_worker()->set_worker_id(0);
    sync.mutable_worker()->set_pid(1);
    sync.mutable_worker()->set_cells_in(7);
    sync.add_circuits()->set_circuit_id(id_of(1));
    sync.mutable_circuits(0)->set_worker_id(0);
    EXPECT_EQ(merge(1, sync), 0U);
    EXPECT_EQ(snapshot.workers.at(1).worker_id(), 1U);
    EXPECT_EQ(snapshot.workers.at(1).pid(), 1001U);
    EXPECT_EQ(snapshot.workers.at(1).cells_in(), 7U);
    EXPECT_EQ(snapshot.circuits.at(id_of(1)).worker_id(), 1U);
    EXPECT_FALSE(snapshot.workers.contains(0));
}

TEST_F(SnapshotMergerTest, OnlyWorkerZeroDiscovers)
{
    proto::Sync sync;
    sync.mutable_discovery()->set_peers(5);
    EXPECT_EQ(merge(1, sync), 1U);
    EXPECT_FALSE(snapshot.discovery.has_peers());
    EXPECT_EQ(merge(0, sync), 0U);
    EXPECT_EQ(snapshot.discovery.peers(), 5U);
}

TEST_F(SnapshotMergerTest, ADeadWorkersObjectsAreForgotten)
{
    for (std::uint16_t worker = 0; worker < 2; ++worker) {
        proto::Sync sync;
        sync.add_circuits()->set_circuit_id(id_of(worker));
        sync.add_relays()->set_circuit_id(id_of(worker));
        sync.add_exits()->set_circuit_id(id_of(worker));
        sync.mutable_worker()->set_cells_in(1);
        ASSERT_EQ(merge(worker, sync), 0U);
    }
    merger.remove(WorkerId(0));
    EXPECT_EQ(snapshot.circuits.size(), 1U);
    EXPECT_EQ(snapshot.relays.size(), 1U);
    EXPECT_EQ(snapshot.exits.size(), 1U);
    EXPECT_EQ(snapshot.workers.size(), 1U);
    EXPECT_TRUE(snapshot.workers.contains(1));
}

TEST_F(SnapshotMergerTest, WhatADeadWorkerZeroHadFoundIsNotShownAnyMore)
{
    proto::Sync sync;
    sync.mutable_discovery()->set_peers(5);
    sync.mutable_discovery()->set_dht_nodes(7);
    ASSERT_EQ(merge(0, sync), 0U);
    merger.remove(WorkerId(1));
    EXPECT_EQ(snapshot.discovery.dht_nodes(), 7U);
    merger.remove(WorkerId(0));
    EXPECT_EQ(snapshot.discovery.ByteSizeLong(), 0U);
    sync.mutable_discovery()->clear_dht_nodes(); // its successor knows no DHT yet, and does not name it
    ASSERT_EQ(merge(0, sync), 0U);
    EXPECT_EQ(snapshot.discovery.peers(), 5U);
    EXPECT_EQ(snapshot.discovery.dht_nodes(), 0U);
}

TEST_F(SnapshotMergerTest, ObjectsAndReasonsAreLimited)
{
    for (std::uint32_t i = 0; i < SnapshotMerger::kMaxObjects; ++i)
        snapshot.relays[i].set_worker_id(0);
    proto::Sync sync;
    sync.add_relays()->set_circuit_id(id_of(1, 1000000));
    for (int i = 0; i < 1000; ++i)
        (*sync.mutable_worker()->mutable_drops())[std::to_string(i)] = 1;
    EXPECT_EQ(merge(1, sync), 1U);
    EXPECT_LE(snapshot.workers.at(1).drops_size(), 64);
}

} // namespace
} // namespace cepa::main
