// The inside of the pool: its parts and how they meet. worker_pool_impl.cpp holds life, circuits and datagrams;
// worker_pool_control.cpp what the workers say and are told. Private to worker_pool.cpp. Process: main, io thread.
#pragma once

#include "main/circuit_table.hpp"
#include "main/host_resolver.hpp"
#include "main/inboxes.hpp"
#include "main/node_port.hpp"
#include "main/sibling_calls.hpp"
#include "main/snapshot_merger.hpp"
#include "main/swarm_split.hpp"
#include "main/traffic_meter.hpp"
#include "main/worker_pool.hpp"
#include "main/worker_slot.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cepa::main {

class WorkerPool::Impl final : private WorkerSlotOwner, private SiblingWires {
public:
    Impl(boost::asio::io_context& io, const Clock& clock, WorkerPoolConfig config);
    ~Impl() override;

    [[nodiscard]] Result<void> start(proto::TunnelObserver& observer);
    void create_circuit(const proto::CircuitRequest& request, CircuitReady done);
    void close_circuit(CircuitId circuit);
    void send(CircuitId circuit, const Address& destination, PacketBuffer& payload);
    void flush();
    void monitor(const std::vector<std::string>& lookup_hashes);
    void set_swarms(const std::vector<proto::SwarmRequest>& swarms);
    void set_payloads(const std::vector<proto::LinkPayload>& links);
    [[nodiscard]] Result<void> set_workers(std::uint32_t count);
    void new_month();
    [[nodiscard]] const proto::TunnelSnapshot& snapshot() const noexcept { return snapshot_; }
    [[nodiscard]] proto::ServiceInfo info() const;
    void stop(Duration grace, std::function<void()> done);

private:
    static constexpr Duration kTick = std::chrono::milliseconds(200);

    // Life.
    [[nodiscard]] Result<void> open_descriptors();
    void make_slots();
    [[nodiscard]] SlotDescriptors descriptors_of(WorkerId worker) const;
    void tick();
    void wait_tick();
    [[nodiscard]] Result<void> use_table(const proto::SlotTable& table, std::uint32_t workers);
    void settle();
    [[nodiscard]] bool drained(std::uint32_t worker) const;
    void on_slot_stopped(WorkerId worker) override;
    void finish_stop();

    // Circuits and datagrams.
    [[nodiscard]] WorkerProcess* process_of(WorkerId worker) { return slots_[worker.value]->process(); }
    [[nodiscard]] std::vector<WorkerId> usable_workers();
    void on_circuit_answer(WorkerId worker, const Result<proto::Answer>& answer, const CircuitReady& done);
    void end_circuits(WorkerId worker, const std::string& reason);
    void on_frame(WorkerId from, const proto::FrameView& frame) override;
    void on_data(WorkerId from, const proto::FrameView& frame);
    void on_packet_out(WorkerId from, const proto::FrameView& frame);
    void on_frame_batch_end(WorkerId from) override;
    void on_worker_gone(WorkerId worker) override;

    // Siblings.
    [[nodiscard]] bool runs(WorkerId worker) override { return process_of(worker) != nullptr; }
    [[nodiscard]] bool may_have(WorkerId worker, CircuitId circuit) override { return table_.may_have(circuit, worker); }
    void call(WorkerId worker, proto::Envelope envelope, Duration timeout, proto::Rpc::Reply reply) override;
    void notify(WorkerId worker, proto::Envelope envelope) override { tell(worker, envelope); }

    // What the workers say and are told.
    [[nodiscard]] proto::Create create_message(WorkerId worker) override;
    void on_call(WorkerId from, const proto::Envelope& call, proto::Rpc::Respond respond) override;
    void on_sync(WorkerId from, const proto::Sync& sync);
    void on_share(WorkerId from, proto::Share share);
    void on_directory(WorkerId from, const proto::DhtState& directory);
    void on_circuit_dead(WorkerId from, const proto::CircuitDead& dead);
    void on_notify(WorkerId from, const proto::Notify& notice);
    void on_hidden_link(WorkerId from, const proto::HiddenLink& link);
    void tell_swarms(WorkerId worker);
    void tell_all_swarms();
    void tell(WorkerId worker, const proto::Envelope& envelope);
    void tell_all(const proto::Envelope& envelope);
    void refresh(WorkerId worker);
    void tell_limits();
    [[nodiscard]] std::uint32_t sharers() const noexcept;
    [[nodiscard]] std::uint64_t moved_bytes() const noexcept { return traffic_.total() - moved_before_; }

    boost::asio::io_context& io_;
    const Clock& clock_;
    WorkerPoolConfig config_;
    proto::TunnelObserver* observer_ = nullptr; ///< null before start() and when stopped
    proto::SlotTable table_;
    std::uint32_t table_workers_ = 0; ///< workers that the table names: more than target_ while some drain
    std::uint32_t target_ = 0;
    TimePoint drain_until_;
    std::uint64_t ticks_ = 0;
    CircuitTable circuits_;
    proto::TunnelSnapshot snapshot_;
    proto::DhtState directory_; ///< what worker 0 would leave to its successor
    SnapshotMerger merger_{snapshot_};
    TrafficMeter traffic_;
    std::uint64_t moved_before_ = 0; ///< of traffic_, what belongs to former months
    std::vector<std::string> monitored_;
    SwarmSplit swarms_;
    std::uint64_t share_version_ = 0;
    std::vector<bool> stale_;            ///< workers that could not be told something: told again at their next SYNC
    std::uint64_t touched_ = 0;          ///< workers with frames queued by send(), one bit each
    std::uint64_t stale_sends_ = 0;      ///< datagrams for a circuit that is gone
    std::uint64_t foreign_frames_ = 0;   ///< datagrams from a circuit that is not (any more) the sender's
    std::uint64_t unusable_origins_ = 0; ///< datagrams from a host name or from nowhere
    std::uint64_t refused_entries_ = 0;  ///< of change frames
    std::function<void()> stopped_;
    SiblingCalls siblings_{static_cast<SiblingWires&>(*this)};
    HostResolver resolver_;
    std::unique_ptr<NodePort> port_;
    Inboxes inboxes_;
    std::vector<std::unique_ptr<WorkerSlot>> slots_;
    boost::asio::steady_timer tick_timer_;
    /// Handlers hold a weak reference to it: Asio may call them after the pool is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace cepa::main
