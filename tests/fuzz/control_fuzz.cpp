// Input: a worker's number and bytes as main reads them from its control stream; the other direction is parsed too.
#include "main/snapshot_merger.hpp"
#include "main/worker_claims.hpp"
#include "proto/message_stream.hpp"
#include "worker/settings_from_proto.hpp"
#include "worker/shared_facts.hpp"

#include <array>
#include <fcntl.h>
#include <unistd.h>

#include "fuzz/fuzz.hpp"

using namespace cepa;

namespace {

constexpr std::uint32_t kWorkers = 4;

/// What main does with a frame; afterwards nothing of the snapshot may be larger than it allows.
void merge(proto::TunnelSnapshot& snapshot, std::uint16_t from, const proto::Sync& sync)
{
    static const auto table = proto::SlotTable::make(11, 13, 2).resized(kWorkers);
    if (!main::within_bounds(sync)) return;
    (void)main::SnapshotMerger(snapshot).merge(WorkerId(from), 1, sync, table);
    for (const auto& [id, circuit] : snapshot.circuits) {
        fuzz::require(circuit.circuit_id() == id && circuit.hops_size() <= main::kMaxHops);
        fuzz::require(table.may_have(CircuitId(id), WorkerId(static_cast<std::uint16_t>(circuit.worker_id()))));
    }
    for (const auto& [id, worker] : snapshot.workers)
        fuzz::require(worker.worker_id() == id && worker.pid() == 1 && worker.drops_size() <= main::kMaxReasons);
    if (sync.has_share()) {
        const auto facts = worker::facts_from_proto(sync.share());
        fuzz::require(worker::facts_from_proto(worker::facts_to_proto(facts, 1)) == facts);
    }
}

void read_table(const proto::Steer& steer)
{
    const auto table = proto::SlotTable::from_message(steer, kWorkers);
    if (!table) return;
    fuzz::require(proto::SlotTable::from_message(table->to_message(), kWorkers) == table);
    for (std::uint32_t id = 0; id < 64; ++id) {
        fuzz::require(table->owner(CircuitId(id)).value < kWorkers);
        const auto next = table->next_in_line(CircuitId(id), table->owner(CircuitId(id)));
        fuzz::require(!next || (next->value < kWorkers && *next != table->owner(CircuitId(id))));
    }
}

void on_message(proto::TunnelSnapshot& snapshot, std::uint16_t from, ByteSpan message)
{
    proto::Envelope envelope;
    if (!envelope.ParseFromArray(message.data(), static_cast<int>(message.size()))) return;
    envelope.DiscardUnknownFields();
    merge(snapshot, from, envelope.sync());
    read_table(envelope.has_create() ? envelope.create().steer() : envelope.steer());
    (void)main::within_bounds(envelope.notify());
    (void)worker::limits_from_proto(envelope.limits());
    (void)worker::settings_from_proto(envelope.create());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) return 0;
    tunnel::init_crypto();
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    fuzz::require(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0);
    static boost::asio::io_context io;
    proto::TunnelSnapshot snapshot;
    bool ended = false;
    {
        proto::MessageStream stream(io, FileDescriptor(in[0]), FileDescriptor(out[1]));
        stream.start([&](ByteSpan message) { on_message(snapshot, data[0] % kWorkers, message); },
                     [&](ErrorCode) { ended = true; });
        const FileDescriptor writer(in[1]);
        fuzz::require(::write(writer.get(), data + 1, size - 1) == static_cast<ssize_t>(size - 1));
        stream.drain();
    }
    ::close(out[0]);
    fuzz::require(ended);
    io.restart();
    io.poll();
    return 0;
}
