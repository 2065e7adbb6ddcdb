// One Tunnel with what it needs of the machine: clock, randomness, exit sockets and the tick. It is the part that the
// child and the in-process twin share, so that they cannot differ: circuits asked for and answered, events out of the
// tunnel's own calls turned into calls from the loop, change frames.
// It does not know how packets travel, nor pipes, nor steering. Process: worker (main, when in-process), io thread.
#pragma once

#include "base/clock.hpp"
#include "proto/control.pb.h"
#include "tunnel/tunnel.hpp"
#include "tunnel/udp_exit_socket.hpp"
#include "worker/sync_source.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cepa::worker {

/// Takes the datagrams that come out of circuits, from inside a batch of packets.
class DataReceiver {
public:
    virtual ~DataReceiver() = default;
    /// See tunnel::TunnelObserver::on_data().
    virtual void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) = 0;
};

/// Hears what else a TunnelHost has to say, straight from the loop: every call of the host is allowed then.
class HostObserver {
public:
    virtual ~HostObserver() = default;
    /// A circuit that was delivered is gone.
    virtual void on_circuit_dead(CircuitId circuit, const std::string& reason) = 0;
    /// A link of a hidden swarm is there. It is a circuit that was delivered. The only one that comes from inside the
    /// tunnel's own calls, as on_data() does: the host may not be called back.
    virtual void on_hidden_link(const proto::HiddenLink& link) = 0;
    virtual void on_notify(const proto::Notify& notice) = 0;
    /// The objects that changed since the last call; never empty.
    virtual void on_sync(const proto::Sync& changes) = 0;
    /// False while earlier change frames still wait to be taken: then none are made, and the next ones carry it all.
    [[nodiscard]] virtual bool takes_sync() { return true; }
    /// Adds what the way in and out has counted: UDP bytes, hand-overs, drops.
    virtual void add_counters(proto::WorkerInfo& info) const = 0;
};

/// What the tunnel is given of the world beyond the machine's own; all of it must outlive the host.
struct HostWorld {
    boost::asio::io_context& io;
    tunnel::PacketSender& packets;
    tunnel::Resolver& resolver;
    const tunnel::CircuitIdOwner& ids;
    tunnel::Siblings* siblings = nullptr; ///< where there are other workers
};

struct HostSetup {
    tunnel::TunnelSettings settings;
    WorkerId self;
    proto::Share share; ///< what is known already
    /// What the former worker 0 had told; absent where nobody will ever take over.
    std::optional<proto::DhtState> dht = std::nullopt;
};

class TunnelHost final : private tunnel::TunnelObserver {
public:
    using CircuitDone = std::function<void(std::expected<CircuitId, std::string>)>;

    /// Throws when the settings are impossible for a Tunnel.
    TunnelHost(HostSetup setup, const HostWorld& world, DataReceiver& data, HostObserver& observer);
    ~TunnelHost() override;
    TunnelHost(const TunnelHost&) = delete;
    TunnelHost& operator=(const TunnelHost&) = delete;

    /// Begins to tick and to send change frames every `sync_interval`. To be called once.
    void start(std::chrono::milliseconds sync_interval);
    /// Sends destroys and a last change frame; circuits under way are answered with an error. Then only destruction.
    void shut_down();

    /// `done` is called exactly once, from the loop. When it delivers a circuit, on_sync() has told of it before.
    void create_circuit(std::uint8_t hops, std::uint32_t group, CircuitDone done);
    void close_circuit(CircuitId circuit);
    /// Ignored when it is older than one seen before.
    void share(const proto::Share& share);
    /// Entries that have not 20 bytes are left out.
    void monitor(const std::vector<std::string>& lookup_hashes);

    /// All the hidden swarms that this worker works for, in place of the former list.
    void set_swarms(const proto::Swarms& swarms);
    void set_payloads(const proto::LinkPayloads& links);

    /// In place of those of the settings.
    void set_limits(const tunnel::TunnelLimits& limits) { tunnel_.set_limits(limits); }

    [[nodiscard]] tunnel::ForSiblings& for_siblings() noexcept { return tunnel_.for_siblings(); }

    // The data path: see tunnel::Tunnel.
    void on_packet(const Endpoint& source, PacketBuffer& packet) { tunnel_.on_packet(source, packet); }
    [[nodiscard]] Result<void> send_data(CircuitId circuit, const Address& destination, PacketBuffer& payload)
    {
        return tunnel_.send_data(circuit, destination, payload);
    }
    void on_batch_end() { tunnel_.on_batch_end(); }
    [[nodiscard]] bool knows(CircuitId circuit) const noexcept { return tunnel_.knows(circuit); }

private:
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;
    void on_circuit_ready(CircuitId circuit) override;
    void on_circuit_closed(CircuitId circuit, std::string_view reason) override;
    void on_hidden_link(CircuitId circuit, const tunnel::LookupHash& lookup_hash,
                        const tunnel::PublicKey* seeder) override;
    void on_candidates_changed() override;
    void on_guards_changed(const std::vector<tunnel::Guard>& guards) override;
    void on_address_changed() override;
    void on_resumed() override;
    void on_limit(std::string_view which) override;
    void on_swarm_seen(ByteSpan lookup_hash) override;

    void post(std::function<void()> event);
    static proto::Notify notice_of(proto::Notify::Kind kind);
    void notify(proto::Notify notice);
    void deliver(CircuitId circuit);
    void bury(CircuitId circuit, const std::string& reason);
    void tick();
    void look_at_interfaces();
    void look_at_swarms();
    void sync();
    void sync_every(std::chrono::milliseconds interval);

    boost::asio::io_context& io_;
    DataReceiver& data_;
    HostObserver& observer_;
    BootClock clock_;
    std::unique_ptr<tunnel::RandomSource> random_;
    tunnel::UdpExitSockets exit_sockets_;
    SyncSource sync_source_;
    std::unordered_map<CircuitId, CircuitDone> pending_;
    bool sync_wanted_ = false;
    bool looks_;                 ///< an exit must know our interfaces, and who discovers
    TimePoint next_look_{};      ///< at the interfaces
    TimePoint next_swarm_look_{};
    std::uint64_t share_version_ = 0;
    /// Handlers that the loop still holds when this object goes see that it is gone.
    std::shared_ptr<char> alive_ = std::make_shared<char>();
    boost::asio::steady_timer tick_timer_;
    boost::asio::steady_timer sync_timer_;
    tunnel::Tunnel tunnel_; // last: it speaks to us from its constructor on
};

} // namespace cepa::worker
