#include "proto/change_frame.hpp"

#include "proto/message_stream.hpp"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

namespace cepa::proto {
namespace {

using google::protobuf::util::MessageDifferencer;

CircuitInfo circuit(std::uint32_t id)
{
    CircuitInfo out;
    out.set_circuit_id(id);
    out.set_worker_id(0);
    out.set_wanted_hops(3);
    out.set_bytes_up(100);
    out.set_bytes_down(0);
    out.add_hops()->set_mid("one");
    return out;
}

TEST(ChangeFrame, OnlyTheFieldsThatChanged)
{
    const CircuitInfo last = circuit(7);
    CircuitInfo current = last;
    current.set_bytes_up(200);
    CircuitInfo change;
    EXPECT_TRUE(diff_fields(last, current, change));
    EXPECT_EQ(change.circuit_id(), 7U);
    EXPECT_EQ(change.bytes_up(), 200U);
    EXPECT_FALSE(change.has_bytes_down());
    EXPECT_FALSE(change.has_wanted_hops());
    EXPECT_FALSE(change.has_state());
    EXPECT_EQ(change.hops_size(), 0);
}

TEST(ChangeFrame, NothingButTheNameWhenNothingChanged)
{
    CircuitInfo change;
    EXPECT_FALSE(diff_fields(circuit(7), circuit(7), change));
    CircuitInfo name;
    name.set_circuit_id(7);
    EXPECT_TRUE(MessageDifferencer::Equals(change, name));
}

TEST(ChangeFrame, ZeroIsAValue)
{
    CircuitInfo last = circuit(7);
    last.clear_bytes_down();
    CircuitInfo change;
    EXPECT_TRUE(diff_fields(last, circuit(7), change));
    EXPECT_TRUE(change.has_bytes_down());
    CircuitInfo merged = last;
    merge_fields(merged, change);
    EXPECT_TRUE(MessageDifferencer::Equals(merged, circuit(7)));
}

TEST(ChangeFrame, ListsTravelWhole)
{
    CircuitInfo current = circuit(7);
    current.mutable_hops(0)->set_flags(2);
    current.add_hops()->set_mid("two");
    CircuitInfo change;
    EXPECT_TRUE(diff_fields(circuit(7), current, change));
    ASSERT_EQ(change.hops_size(), 2);
    CircuitInfo merged = circuit(7);
    merge_fields(merged, change);
    EXPECT_TRUE(MessageDifferencer::Equals(merged, current));
}

TEST(ChangeFrame, MapsTravelByEntry)
{
    WorkerInfo last;
    (*last.mutable_drops())["malformed"] = 1;
    (*last.mutable_drops())["replay"] = 5;
    WorkerInfo current = last;
    (*current.mutable_drops())["replay"] = 6;
    (*current.mutable_drops())["unknown_circuit"] = 1;
    WorkerInfo change;
    EXPECT_TRUE(diff_fields(last, current, change));
    EXPECT_EQ(change.drops_size(), 2);
    WorkerInfo merged = last;
    merge_fields(merged, change);
    EXPECT_TRUE(MessageDifferencer::Equals(merged, current));
}

TEST(ChangeFrame, MessagesAreReplaced)
{
    DiscoveryInfo last;
    last.mutable_wan()->set_ip("\1\2\3\4");
    last.mutable_wan()->set_port(99);
    DiscoveryInfo current = last;
    current.mutable_wan()->clear_port();
    DiscoveryInfo change;
    EXPECT_TRUE(diff_fields(last, current, change));
    DiscoveryInfo merged = last;
    merge_fields(merged, change);
    EXPECT_TRUE(MessageDifferencer::Equals(merged, current));
}

TEST(ChangeTracker, FirstFrameHoldsEverythingTheNextNothing)
{
    SharedObjects objects;
    objects.circuits[7] = circuit(7);
    objects.worker.set_cells_in(3);
    ChangeTracker tracker;
    const auto first = tracker.take(objects);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_TRUE(MessageDifferencer::Equals(first[0].circuits(0), circuit(7)));
    EXPECT_EQ(first[0].worker().cells_in(), 3U);
    EXPECT_FALSE(first[0].has_discovery());
    EXPECT_TRUE(tracker.take(objects).empty());
}

TEST(ChangeTracker, RemovedObjectsAreNamed)
{
    SharedObjects objects;
    objects.circuits[7] = circuit(7);
    objects.circuits[8] = circuit(8);
    objects.exits[9].set_circuit_id(9);
    objects.relays[10].set_circuit_id(10);
    ChangeTracker tracker;
    (void)tracker.take(objects);
    objects.circuits.erase(7);
    objects.exits.clear();
    objects.relays.clear();
    const auto frames = tracker.take(objects);
    ASSERT_EQ(frames.size(), 1U);
    ASSERT_EQ(frames[0].removed_circuits_size(), 1);
    EXPECT_EQ(frames[0].removed_circuits(0), 7U);
    EXPECT_EQ(frames[0].removed_exits(0), 9U);
    EXPECT_EQ(frames[0].removed_relays(0), 10U);
    EXPECT_EQ(frames[0].circuits_size(), 0);
}

TEST(ChangeTracker, ManyObjectsAreSplitIntoFramesThatFit)
{
    SharedObjects objects;
    for (std::uint32_t id = 0; id < 30000; ++id) objects.circuits[id] = circuit(id);
    ChangeTracker tracker;
    int total = 0;
    const auto frames = tracker.take(objects);
    EXPECT_GT(frames.size(), 1U);
    for (const Sync& frame : frames) {
        EXPECT_LT(frame.ByteSizeLong(), kMaxMessage / 2);
        total += frame.circuits_size();
    }
    EXPECT_EQ(total, 30000);
}

} // namespace
} // namespace cepa::proto
