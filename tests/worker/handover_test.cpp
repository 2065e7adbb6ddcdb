#include "proto/hand_over.hpp"
#include "support/packet.hpp"
#include "tunnel/cell/cell.hpp"
#include "tunnel/discovery/signed_packet.hpp"
#include "worker/fakes.hpp"
#include "worker/handover.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <sys/socket.h>

namespace cepa::worker {
namespace {

using test::endpoint;
using test::OwnedPacket;
using tunnel::MessageId;

const tunnel::OverlayId kOverlay = [] {
    tunnel::OverlayId id;
    id.fill(0x5a);
    return id;
}();

Bytes cell(CircuitId circuit, bool plaintext = false, MessageId message = MessageId::data)
{
    Bytes out(60, static_cast<std::uint8_t>(message));
    Writer writer(out);
    writer.bytes(tunnel::make_prefix(kOverlay));
    writer.u8(0);
    writer.u32(circuit.value);
    writer.u8(plaintext ? 1 : 0);
    writer.u8(0);
    return out;
}

Bytes destroy(CircuitId circuit)
{
    tunnel::init_crypto();
    Bytes body(6);
    Writer(body).u32(circuit.value);
    return tunnel::build_signed(tunnel::make_prefix(kOverlay), static_cast<std::uint8_t>(MessageId::destroy),
                                tunnel::PrivateKey::generate(), std::nullopt, body);
}

/// A worker among three, with the siblings' inboxes in the test's hand.
class HandoverTest : public testing::Test {
protected:
    static constexpr std::uint32_t kWorkers = 3;

    void use(const proto::SlotTable& table, std::uint16_t self)
    {
        steering_.emplace(WorkerId(self), table);
        std::vector<FileDescriptor> writers;
        for (std::uint16_t i = 0; i < kWorkers; ++i) {
            if (i == self) continue;
            int ends[2];
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
            inboxes_[i] = FileDescriptor(ends[0]);
            writers.emplace_back(ends[1]);
        }
        handover_.emplace(
            *steering_, kOverlay, std::move(writers), [this](CircuitId id) { return known_.contains(id.value); },
            mine_);
    }
    /// An id that `table` gives to `owner` and formerly to `former`.
    static CircuitId id_of(const proto::SlotTable& table, std::uint16_t owner, std::uint16_t former)
    {
        for (std::uint32_t id = 1; id < 100'000; ++id)
            if (table.owner(CircuitId(id)) == WorkerId(owner) &&
                table.next_in_line(CircuitId(id), WorkerId(owner)).value_or(WorkerId(owner)) == WorkerId(former))
                return CircuitId(id);
        ADD_FAILURE() << "no such slot";
        return CircuitId();
    }
    void arrive(const Bytes& packet)
    {
        OwnedPacket owned(packet);
        handover_->on_packet(source_, owned.buffer());
    }
    void arrive_in_inbox(const Bytes& packet, std::uint8_t times = 1)
    {
        OwnedPacket owned(packet);
        proto::HandedOverPacket handed{times, source_, owned.buffer()};
        handover_->on_handed_over(handed);
    }
    /// How often a packet in the inbox of `worker` was handed over; 0 when there is none.
    int times_in_inbox(std::uint16_t worker)
    {
        Bytes datagram(4096);
        return ::recv(inboxes_[worker].get(), datagram.data(), datagram.size(), 0) < 0 ? 0 : datagram[0];
    }
    /// What lies in the inbox of `worker`.
    std::optional<std::pair<Endpoint, Bytes>> inbox(std::uint16_t worker)
    {
        Bytes datagram(4096);
        const ssize_t got = ::recv(inboxes_[worker].get(), datagram.data(), datagram.size(), 0);
        if (got < 0) return std::nullopt;
        const auto handed = proto::parse_hand_over(PacketBuffer(datagram, 0, static_cast<std::size_t>(got)));
        if (!handed) return std::nullopt;
        return std::pair(handed->source, test::to_bytes(handed->packet.bytes()));
    }

    const Endpoint source_ = endpoint("127.0.0.9:4000");
    const proto::SlotTable table_ = proto::SlotTable::make(77, 12345, kWorkers);
    test::FakeReceiver mine_;
    std::set<std::uint32_t> known_;
    std::optional<Steering> steering_;
    std::optional<Handover> handover_;
    std::array<FileDescriptor, kWorkers> inboxes_;
};

TEST_F(HandoverTest, KeepsItsOwnCells)
{
    use(table_, 1);
    const Bytes packet = cell(id_of(table_, 1, 1));
    arrive(packet);
    ASSERT_EQ(mine_.packets.size(), 1U);
    EXPECT_EQ(mine_.packets[0].second, packet);
    EXPECT_EQ(handover_->counters().handed_over, 0U);
}

TEST_F(HandoverTest, PassesASiblingsCellOnOnceWithItsSource)
{
    use(table_, 1);
    const Bytes packet = cell(id_of(table_, 2, 2));
    arrive(packet);
    EXPECT_TRUE(mine_.packets.empty());
    const auto handed = inbox(2);
    ASSERT_TRUE(handed);
    EXPECT_EQ(handed->first, source_);
    EXPECT_EQ(handed->second, packet);
    EXPECT_FALSE(inbox(2));
    EXPECT_FALSE(inbox(0));
    EXPECT_EQ(handover_->counters().handed_over, 1U);
}

TEST_F(HandoverTest, EveryIdGoesToItsOwnerAndNobodyElse)
{
    use(table_, 0);
    for (std::uint32_t id = 1; id < 500; ++id) {
        arrive(cell(CircuitId(id)));
        const WorkerId owner = table_.owner(CircuitId(id));
        EXPECT_EQ(mine_.packets.size(), owner == WorkerId(0) ? 1U : 0U);
        EXPECT_EQ(inbox(1).has_value(), owner == WorkerId(1));
        EXPECT_EQ(inbox(2).has_value(), owner == WorkerId(2));
        mine_.packets.clear();
    }
}

TEST_F(HandoverTest, AVerifiedDestroyGoesToTheOwnerOfItsCircuit)
{
    use(table_, 0);
    const Bytes theirs = destroy(id_of(table_, 2, 2));
    arrive(theirs);
    const auto handed = inbox(2);
    ASSERT_TRUE(handed);
    EXPECT_EQ(handed->second, theirs);
    arrive(destroy(id_of(table_, 0, 0)));
    EXPECT_EQ(mine_.packets.size(), 1U);
}

TEST_F(HandoverTest, AForgedDestroyIsDroppedAndCounted)
{
    use(table_, 0);
    Bytes theirs = destroy(id_of(table_, 2, 2));
    theirs.back() ^= 1;
    arrive(theirs);
    EXPECT_FALSE(inbox(2));
    EXPECT_TRUE(mine_.packets.empty());
    EXPECT_EQ(handover_->counters().forged, 1U);
}

TEST_F(HandoverTest, ATruncatedDestroyStaysWithWorkerZeroWhichDropsIt)
{
    use(table_, 0);
    const Bytes whole = destroy(id_of(table_, 2, 2));
    for (std::size_t size = tunnel::kPrefixSize + 1; size < whole.size(); ++size) {
        arrive(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        EXPECT_FALSE(inbox(2)) << size;
        EXPECT_FALSE(inbox(1)) << size;
    }
    EXPECT_EQ(mine_.packets.size() + handover_->counters().forged, whole.size() - tunnel::kPrefixSize - 1);
}

TEST_F(HandoverTest, WhatNamesNoCircuitIsWorkerZeros)
{
    use(table_, 1);
    Bytes request = cell(CircuitId(1));
    request[tunnel::kMessageIdOffset] = 246;
    arrive(request);
    EXPECT_TRUE(inbox(0));
    Bytes foreign = cell(id_of(table_, 1, 1));
    foreign[5] ^= 1;
    arrive(foreign);
    EXPECT_TRUE(inbox(0));
    EXPECT_TRUE(mine_.packets.empty());
}

TEST_F(HandoverTest, AfterTheSlotsMovedTheFormerOwnerKeepsItsCircuits)
{
    const auto grown = proto::SlotTable::make(77, 12345, 2).resized(3);
    use(grown, 2);
    const CircuitId moved = id_of(grown, 2, 0);
    arrive(cell(moved));
    EXPECT_TRUE(inbox(0)) << "a cell of an old circuit is the former owner's";
    arrive(cell(moved, true, MessageId::create));
    EXPECT_EQ(mine_.packets.size(), 1U) << "a new circuit is the new owner's";
    known_.insert(moved.value);
    arrive(cell(moved));
    EXPECT_EQ(mine_.packets.size(), 2U) << "and so are its cells";
}

TEST_F(HandoverTest, WhoKnowsACircuitKeepsItAlsoWhereTheTableNamesAnother)
{
    const auto grown = proto::SlotTable::make(77, 12345, 2).resized(3);
    use(grown, 0);
    const CircuitId moved = id_of(grown, 2, 0);
    known_.insert(moved.value);
    arrive(cell(moved));
    EXPECT_EQ(mine_.packets.size(), 1U);
    EXPECT_FALSE(inbox(2));
}

/// A slot that went from worker to worker, each of which still runs: the circuit stayed with the first.
TEST_F(HandoverTest, ACellOfACircuitTwoChangesOldGoesDownTheLine)
{
    const auto moved = proto::SlotTable::make(77, 12345, 1).resized(2).resized(3);
    CircuitId old;
    for (std::uint32_t id = 1; old == CircuitId(); ++id)
        if (moved.owner(CircuitId(id)) == WorkerId(2) && moved.next_in_line(CircuitId(id), WorkerId(2)) == WorkerId(1))
            old = CircuitId(id);
    ASSERT_EQ(moved.next_in_line(old, WorkerId(1)), WorkerId(0));
    use(moved, 2);
    arrive(cell(old));
    EXPECT_EQ(times_in_inbox(1), 1) << "the owner asks the one before it";
    use(moved, 1);
    arrive_in_inbox(cell(old));
    EXPECT_EQ(times_in_inbox(0), 2) << "who does not know it either asks the one before that";
    EXPECT_TRUE(mine_.packets.empty());
    use(moved, 0);
    arrive_in_inbox(cell(old), 2);
    EXPECT_EQ(mine_.packets.size(), 1U) << "the end of the line keeps it, whoever it is";
    use(moved, 1);
    known_.insert(old.value);
    arrive_in_inbox(cell(old));
    EXPECT_EQ(mine_.packets.size(), 2U) << "and so does who knows it";
}

TEST_F(HandoverTest, FromTheInboxNothingGoesBackOrInCircles)
{
    const auto moved = proto::SlotTable::make(77, 12345, 2).resized(3);
    const CircuitId old = id_of(moved, 2, 0);
    use(moved, 1); // not in the line: the sender had another table
    arrive_in_inbox(cell(old));
    EXPECT_EQ(mine_.packets.size(), 1U);
    use(moved, 2);
    arrive_in_inbox(cell(old), proto::kMaxHandOvers);
    EXPECT_EQ(mine_.packets.size(), 2U) << "passed on too often";
    arrive_in_inbox(cell(old, true, MessageId::create));
    EXPECT_EQ(mine_.packets.size(), 3U) << "nobody can know it yet";
    arrive_in_inbox(Bytes(30, 7));
    EXPECT_EQ(mine_.packets.size(), 4U) << "names no circuit";
    EXPECT_EQ(handover_->counters().handed_over, 0U);
}

TEST_F(HandoverTest, AStoppedWorkerIsNotAsked)
{
    const auto shrunk = proto::SlotTable::make(77, 12345, 3).resized(1).resized(2);
    use(shrunk, 1);
    for (std::uint32_t id = 1; id < 500; ++id) {
        arrive(cell(CircuitId(id)));
        arrive_in_inbox(cell(CircuitId(id)));
    }
    EXPECT_FALSE(inbox(2));
}

TEST_F(HandoverTest, ASiblingThatDoesNotReadCostsOnlyItsOwnCells)
{
    use(table_, 1);
    const Bytes packet = cell(id_of(table_, 2, 2));
    for (int i = 0; i < 100'000 && handover_->counters().inbox_full == 0; ++i)
        arrive(packet);
    EXPECT_EQ(handover_->counters().inbox_full, 1U);
    arrive(cell(id_of(table_, 1, 1)));
    arrive(cell(id_of(table_, 0, 0)));
    EXPECT_EQ(mine_.packets.size(), 1U);
    EXPECT_TRUE(inbox(0));
}

TEST_F(HandoverTest, ATableThatNamesAWorkerWithoutInboxDrops)
{
    use(proto::SlotTable::make(77, 12345, 5), 1);
    arrive(cell(id_of(steering_->table(), 4, 4)));
    EXPECT_EQ(handover_->counters().inbox_full, 1U);
}

} // namespace
} // namespace cepa::worker
