#include "worker/in_process_tunnels.hpp"

#include "base/file_descriptor.hpp"
#include "base/log.hpp"
#include "proto/rpc.hpp"
#include "proto/snapshot.hpp"
#include "tunnel/error.hpp"
#include "tunnel/udp_endpoint.hpp"
#include "worker/asio_resolver.hpp"
#include "worker/settings_from_proto.hpp"
#include "worker/tunnel_host.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <cerrno>
#include <exception>
#include <string.h> // explicit_bzero
#include <sys/socket.h>
#include <utility>

namespace cepa::worker {
namespace {

namespace asio = boost::asio;

/// As much as a slot's socket of the pool gets.
constexpr int kSocketBuffer = 4 << 20;

ErrorCode system_error()
{
    return {errno, boost::system::system_category()};
}

/// Without SO_REUSEPORT, so that another program on the port is seen, whatever it allows.
Result<FileDescriptor> bind_port(const Endpoint& listen)
{
    sockaddr_storage address{};
    const socklen_t length = listen.to_sockaddr(address);
    FileDescriptor socket(::socket(listen.ip.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
        return fail(system_error());
    set_socket_buffers(socket.get(), kSocketBuffer);
    return socket;
}

/// Every circuit id steers to the only worker.
class OnlyWorker final : public tunnel::CircuitIdOwner {
public:
    [[nodiscard]] bool is_mine(CircuitId) const noexcept override { return true; }
};

class InProcessTunnels final : public proto::TunnelService,
                               private HostObserver,
                               private DataReceiver,
                               private tunnel::PacketReceiver {
public:
    InProcessTunnels(asio::io_context& io, InProcessConfig config) : io_(io), config_(std::move(config)), resolver_(io)
    {
    }
    ~InProcessTunnels() override { wipe_key(); }

    Result<void> start(proto::TunnelObserver& observer) override;
    void create_circuit(const proto::CircuitRequest& request, CircuitReady done) override;
    void close_circuit(CircuitId circuit) override;
    void send(CircuitId circuit, const Address& destination, PacketBuffer& payload) override;
    void flush() override;
    void monitor(const std::vector<std::string>& lookup_hashes) override;
    void set_swarms(const std::vector<proto::SwarmRequest>& swarms) override;
    void set_payloads(const std::vector<proto::LinkPayload>& links) override;
    Result<void> set_workers(std::uint32_t) override { return fail(asio::error::invalid_argument); }
    void new_month() override;
    const proto::TunnelSnapshot& snapshot() const override { return snapshot_; }
    proto::ServiceInfo info() const override { return {0, "none", listen_, 0}; }
    void stop(Duration grace, std::function<void()> done) override;

private:
    void on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload) override;
    void on_circuit_dead(CircuitId circuit, const std::string& reason) override;
    void on_hidden_link(const proto::HiddenLink& link) override
    {
        observer_->on_hidden_link(CircuitId(link.circuit_id()), link);
    }
    void on_notify(const proto::Notify& notice) override { observer_->on_notify(notice); }
    void on_sync(const proto::Sync& changes) override;
    void add_counters(proto::WorkerInfo& info) const override;
    void on_packet(const Endpoint& source, PacketBuffer& packet) override { host_->on_packet(source, packet); }
    void on_packet_batch_end() override;

    Result<tunnel::TunnelSettings> settings();
    Result<void> build(tunnel::TunnelSettings settings, FileDescriptor socket);
    void begin_circuit(const proto::CircuitRequest& request, CircuitReady done);
    void post(std::function<void()> call);
    void shut_down();
    void wipe_key() { ::explicit_bzero(config_.identity_key.data(), config_.identity_key.size()); }

    asio::io_context& io_;
    InProcessConfig config_;
    AsioResolver resolver_;
    OnlyWorker ids_;
    Endpoint listen_;
    proto::TunnelObserver* observer_ = nullptr;
    proto::TunnelSnapshot snapshot_;
    std::uint64_t stale_ = 0; ///< datagrams for a circuit that is not (or no longer) usable
    std::unique_ptr<tunnel::UdpEndpoint> endpoint_;
    std::unique_ptr<TunnelHost> host_; ///< null before start() and after stop()
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

Result<void> InProcessTunnels::start(proto::TunnelObserver& observer)
{
    observer_ = &observer;
    tunnel::init_crypto();
    auto socket = bind_port(config_.listen);
    if (!socket) return fail(socket.error());
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    if (::getsockname(socket->get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) return fail(system_error());
    listen_ = Endpoint::from_sockaddr(bound);
    auto checked = settings();
    if (!checked) return fail(checked.error());
    return build(std::move(*checked), std::move(*socket));
}

Result<tunnel::TunnelSettings> InProcessTunnels::settings()
{
    // As the pool would tell it to worker 0, so that both are checked by one function.
    proto::Create create;
    *create.mutable_settings() = config_.settings;
    create.set_identity_key(config_.identity_key);
    if (const auto key = tunnel::PrivateKey::parse(as_bytes(config_.identity_key))) {
        const auto encoded = key->public_key().encode();
        create.set_identity_public(encoded.data(), encoded.size());
    }
    *create.mutable_listen() = endpoint_to_proto(listen_);
    auto out = settings_from_proto(create);
    ::explicit_bzero(create.mutable_identity_key()->data(), create.identity_key().size());
    wipe_key();
    if (out) return std::move(*out);
    log::error("tunnels: settings refused", {log::field("why", out.error())});
    return fail(asio::error::invalid_argument);
}

Result<void> InProcessTunnels::build(tunnel::TunnelSettings settings, FileDescriptor socket)
{
    try {
        tunnel::PacketReceiver& packets = *this;
        DataReceiver& data = *this;
        HostObserver& events = *this;
        endpoint_ = std::make_unique<tunnel::UdpEndpoint>(io_, std::move(socket), packets);
        host_ = std::make_unique<TunnelHost>(HostSetup{std::move(settings), WorkerId(0), config_.share},
                                             HostWorld{io_, *endpoint_, resolver_, ids_}, data, events);
    } catch (const std::exception& error) {
        log::error("tunnels: not started", {log::field("why", error.what())});
        return fail(asio::error::invalid_argument);
    }
    endpoint_->start();
    // From the loop: the first change frame is a callback, and none comes from inside a call.
    post([this] { host_->start(config_.sync_interval); });
    return {};
}

void InProcessTunnels::create_circuit(const proto::CircuitRequest& request, CircuitReady done)
{
    asio::post(io_, [this, request, done = std::move(done), alive = std::weak_ptr(alive_)]() mutable {
        if (alive.expired() || !host_)
            done(fail(asio::error::operation_aborted));
        else
            begin_circuit(request, std::move(done));
    });
}

void InProcessTunnels::begin_circuit(const proto::CircuitRequest& request, CircuitReady done)
{
    host_->create_circuit(request.hops, request.group.value,
                          [done = std::move(done)](const std::expected<CircuitId, std::string>& made) {
                              if (made) return done(*made);
                              log::debug("circuit failed", {log::field("why", made.error())});
                              done(fail(asio::error::host_unreachable));
                          });
}

void InProcessTunnels::close_circuit(CircuitId circuit)
{
    post([this, circuit] { host_->close_circuit(circuit); });
}

void InProcessTunnels::send(CircuitId circuit, const Address& destination, PacketBuffer& payload)
{
    const auto sent = host_ ? host_->send_data(circuit, destination, payload) : fail(tunnel::TunnelError::unknown_circuit);
    if (!sent && sent.error() != make_error_code(tunnel::TunnelError::too_large)) ++stale_; // that the tunnel counts itself
}

void InProcessTunnels::flush()
{
    if (host_) host_->on_batch_end();
}

void InProcessTunnels::monitor(const std::vector<std::string>& lookup_hashes)
{
    post([this, lookup_hashes] { host_->monitor(lookup_hashes); });
}

void InProcessTunnels::set_swarms(const std::vector<proto::SwarmRequest>& swarms)
{
    // As the pool would tell it to its only worker.
    const auto told = std::make_shared<proto::Swarms>(); // shared with the handler, which may not be run
    for (const proto::SwarmRequest& swarm : swarms) {
        proto::Swarm& part = *told->add_swarms();
        part.set_lookup_hash(swarm.lookup_hash);
        part.set_hops(swarm.hops);
        part.set_group(swarm.group.value);
        part.set_download(swarm.download);
        part.set_parts(1);
        if (swarm.seed_key.empty()) continue;
        part.set_seed_key(swarm.seed_key);
        part.set_introduction_points(proto::kIntroductionPoints);
    }
    post([this, told] {
        host_->set_swarms(*told);
        proto::wipe_secrets(*told);
    });
}

void InProcessTunnels::set_payloads(const std::vector<proto::LinkPayload>& links)
{
    proto::LinkPayloads told;
    for (const proto::LinkPayload& link : links) {
        proto::LinkPayloads::Link& one = *told.add_links();
        one.set_circuit_id(link.circuit.value);
        one.set_bytes(link.bytes);
    }
    post([this, told = std::move(told)] { host_->set_payloads(told); });
}

void InProcessTunnels::new_month()
{
    post([this] {
        const proto::NodeSettings& settings = config_.settings;
        proto::Limits limits;
        limits.set_relay_rate_bytes_per_s(settings.relay_rate_bytes_per_s());
        limits.set_exit_rate_bytes_per_s(settings.exit_rate_bytes_per_s());
        limits.set_max_joined_circuits(settings.max_joined_circuits());
        if (settings.month_bytes() != 0) limits.set_month_bytes_left(settings.month_bytes());
        host_->set_limits(limits_from_proto(limits));
    });
}

void InProcessTunnels::stop(Duration, std::function<void()> done)
{
    asio::post(io_, [this, done = std::move(done), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) shut_down();
        done();
    });
}

void InProcessTunnels::shut_down()
{
    if (!host_) return;
    host_->shut_down();
    host_.reset();
    endpoint_->close();
}

void InProcessTunnels::on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    observer_->on_datagram(circuit, origin, payload);
}

void InProcessTunnels::on_circuit_dead(CircuitId circuit, const std::string& reason)
{
    observer_->on_circuit_dead(circuit, reason);
}

void InProcessTunnels::on_sync(const proto::Sync& changes)
{
    proto::merge_sync(snapshot_, changes, WorkerId(0));
    observer_->on_sync();
}

void InProcessTunnels::add_counters(proto::WorkerInfo& info) const
{
    const auto& udp = endpoint_->stats();
    info.set_udp_bytes_in(udp.bytes_in);
    info.set_udp_bytes_out(udp.bytes_out);
    auto& drops = *info.mutable_drops();
    if (stale_ != 0) drops["stale_circuit"] = stale_;
    if (udp.dropped_full != 0) drops["udp_full"] = udp.dropped_full;
    if (udp.send_errors != 0) drops["udp_send_error"] = udp.send_errors;
    if (udp.truncated != 0) drops["udp_truncated"] = udp.truncated;
}

void InProcessTunnels::on_packet_batch_end()
{
    observer_->on_batch_end(); // what it sends in answer leaves with this batch
    host_->on_batch_end();
}

// Every call that the tunnel may not get from inside its own goes through the loop.
void InProcessTunnels::post(std::function<void()> call)
{
    asio::post(io_, [this, call = std::move(call), alive = std::weak_ptr(alive_)] {
        if (!alive.expired() && host_) call();
    });
}

} // namespace

std::unique_ptr<proto::TunnelService> make_in_process_tunnels(asio::io_context& io, InProcessConfig config)
{
    return std::make_unique<InProcessTunnels>(io, std::move(config));
}

} // namespace cepa::worker
