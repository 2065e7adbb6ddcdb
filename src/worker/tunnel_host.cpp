#include "worker/tunnel_host.hpp"

#include "base/log.hpp"
#include "worker/swarms_from_proto.hpp"
#include "tunnel/crypto/random.hpp"
#include "tunnel/host_addresses.hpp"
#include "worker/directory_state.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace cepa::worker {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

/// Timeouts of the protocol are seconds; the finest wait in it is half a second.
constexpr milliseconds kTick{50};
/// Interfaces come and go; what an exit may not send to is looked up so often.
constexpr std::chrono::seconds kLookAtInterfaces{60};

/// The user waits for introduction points and links.
constexpr milliseconds kLookAtSwarms{500};

} // namespace

TunnelHost::TunnelHost(HostSetup setup, const HostWorld& world, DataReceiver& data, HostObserver& observer)
    : io_(world.io)
    , data_(data)
    , observer_(observer)
    , random_(std::make_unique<tunnel::SystemRandom>())
    , exit_sockets_(world.io, setup.settings.listen)
    , sync_source_(setup.self, setup.share.version(), setup.settings.guards)
    , looks_(setup.settings.exit_bittorrent || setup.settings.exit_ipv8 || setup.settings.discover)
    , tick_timer_(world.io)
    , sync_timer_(world.io)
    , tunnel_(std::move(setup.settings),
              tunnel::Environment{clock_, *random_, world.packets, exit_sockets_, world.resolver, world.ids,
                                  world.siblings},
              static_cast<tunnel::TunnelObserver&>(*this))
{
    share(setup.share);
    if (!setup.dht) return;
    tunnel_.restore_directory(directory_from_proto(*setup.dht));
    if (setup.self == WorkerId(0)) sync_source_.tell_directory();
}

TunnelHost::~TunnelHost() = default;

void TunnelHost::start(milliseconds sync_interval)
{
    tick();
    sync_every(std::max(sync_interval, kTick));
}

void TunnelHost::shut_down()
{
    tick_timer_.cancel();
    sync_timer_.cancel();
    tunnel_.shut_down();
    tunnel_.on_batch_end();
    sync();
    for (auto& [circuit, done] : std::exchange(pending_, {})) done(std::unexpected("the worker ends"));
}

void TunnelHost::create_circuit(std::uint8_t hops, std::uint32_t group, CircuitDone done)
{
    const Result<CircuitId> begun = tunnel_.create_circuit(hops, group);
    if (begun) pending_[*begun] = std::move(done);
    else post([done = std::move(done), why = begun.error().message()] { done(std::unexpected(why)); });
    tunnel_.on_batch_end();
}

void TunnelHost::close_circuit(CircuitId circuit)
{
    tunnel_.close_circuit(circuit);
    tunnel_.on_batch_end();
}

void TunnelHost::share(const proto::Share& share)
{
    if (share.version() < share_version_) return; // overtaken by a newer one
    share_version_ = share.version();
    const SharedFacts facts = facts_from_proto(share);
    sync_source_.skip(facts, share.version());
    tunnel_.share(facts.candidates, facts.own_addresses, facts.guards, facts.reach);
}

void TunnelHost::monitor(const std::vector<std::string>& lookup_hashes)
{
    std::vector<std::array<std::uint8_t, 20>> hashes;
    for (const std::string& hash : lookup_hashes)
        if (hash.size() == 20) std::ranges::copy(as_bytes(hash), hashes.emplace_back().begin());
    tunnel_.monitor(hashes);
}

void TunnelHost::set_swarms(const proto::Swarms& swarms)
{
    tunnel_.set_swarms(plans_from_proto(swarms));
    tunnel_.on_batch_end();
    sync_wanted_ = true;
}

void TunnelHost::set_payloads(const proto::LinkPayloads& links)
{
    for (const proto::LinkPayloads::Link& link : links.links())
        tunnel_.set_payload(CircuitId(link.circuit_id()), link.bytes());
}

void TunnelHost::on_data(CircuitId circuit, const Address& origin, PacketBuffer& payload)
{
    data_.on_data(circuit, origin, payload);
}

void TunnelHost::on_circuit_ready(CircuitId circuit)
{
    post([this, circuit] { deliver(circuit); });
}

void TunnelHost::on_circuit_closed(CircuitId circuit, std::string_view reason)
{
    post([this, circuit, why = std::string(reason)] { bury(circuit, why); });
}

void TunnelHost::on_hidden_link(CircuitId circuit, const tunnel::LookupHash& lookup_hash,
                                const tunnel::PublicKey* seeder)
{
    // At once: the packet that made the link may carry its first datagram.
    observer_.on_hidden_link(link_to_proto(circuit, lookup_hash, seeder));
    sync_wanted_ = true;
}

void TunnelHost::on_candidates_changed() { sync_wanted_ = true; }

void TunnelHost::on_guards_changed(const std::vector<tunnel::Guard>& guards)
{
    sync_source_.set_guards(guards);
    sync_wanted_ = true;
    proto::Notify notice;
    notice.set_kind(proto::Notify::GUARDS_CHANGED);
    for (const tunnel::Guard& guard : guards) *notice.add_guards() = guard_to_proto(guard);
    notify(std::move(notice));
}

void TunnelHost::on_address_changed() { notify(notice_of(proto::Notify::ADDRESS_CHANGED)); }

void TunnelHost::on_resumed() { notify(notice_of(proto::Notify::RESUMED)); }

void TunnelHost::on_limit(std::string_view which)
{
    proto::Notify notice = notice_of(proto::Notify::LIMIT_REACHED);
    notice.set_text(std::string(which));
    notify(std::move(notice));
}

void TunnelHost::on_swarm_seen(ByteSpan lookup_hash)
{
    proto::Notify notice = notice_of(proto::Notify::SWARM_SEEN);
    notice.set_bytes(lookup_hash.data(), lookup_hash.size());
    notify(std::move(notice));
}

proto::Notify TunnelHost::notice_of(proto::Notify::Kind kind)
{
    proto::Notify notice;
    notice.set_kind(kind);
    return notice;
}

void TunnelHost::notify(proto::Notify notice)
{
    post([this, said = std::move(notice)] { observer_.on_notify(said); });
}

// The Tunnel speaks from inside its own calls, where nobody may call it back: what it says is acted on from the loop.
void TunnelHost::post(std::function<void()> event)
{
    asio::post(io_, [event = std::move(event), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) event();
    });
}

void TunnelHost::deliver(CircuitId circuit)
{
    const auto found = pending_.find(circuit);
    if (found == pending_.end()) return;
    const CircuitDone done = std::move(found->second);
    pending_.erase(found);
    sync(); // so that who gets the circuit finds it in the snapshot
    done(circuit);
}

void TunnelHost::bury(CircuitId circuit, const std::string& reason)
{
    const auto found = pending_.find(circuit);
    if (found == pending_.end()) {
        sync();
        observer_.on_circuit_dead(circuit, reason);
        return;
    }
    const CircuitDone done = std::move(found->second);
    pending_.erase(found);
    done(std::unexpected(reason));
}

// Of each worker for itself: the sandbox lets it ask (a netlink socket), and it lives in the host's network.
void TunnelHost::look_at_interfaces()
{
    const TimePoint now = clock_.now();
    if (!looks_ || now < next_look_) return;
    next_look_ = now + kLookAtInterfaces;
    tunnel_.set_host_addresses(tunnel::host_addresses());
}

void TunnelHost::look_at_swarms()
{
    const TimePoint now = clock_.now();
    if (now < next_swarm_look_) return;
    next_swarm_look_ = now + kLookAtSwarms;
    sync_wanted_ = sync_wanted_ || sync_source_.has_swarm_news(tunnel_) ||
                   sync_source_.has_directory_news(tunnel_, clock_.now());
}

void TunnelHost::tick()
{
    look_at_interfaces();
    look_at_swarms();
    tunnel_.tick();
    tunnel_.on_batch_end();
    if (std::exchange(sync_wanted_, false)) sync();
    tick_timer_.expires_after(kTick);
    tick_timer_.async_wait([this, alive = std::weak_ptr(alive_)](ErrorCode error) {
        if (!error && !alive.expired()) tick();
    });
}

void TunnelHost::sync_every(milliseconds interval)
{
    sync();
    sync_timer_.expires_after(interval);
    sync_timer_.async_wait([this, interval, alive = std::weak_ptr(alive_)](ErrorCode error) {
        if (!error && !alive.expired()) sync_every(interval);
    });
}

void TunnelHost::sync()
{
    if (!observer_.takes_sync()) return;
    proto::WorkerInfo counters;
    const UdpStats& exits = exit_sockets_.stats();
    if (exits.dropped_full != 0) (*counters.mutable_drops())["exit_full"] = exits.dropped_full;
    if (exits.send_errors != 0) (*counters.mutable_drops())["exit_send_error"] = exits.send_errors;
    observer_.add_counters(counters);
    for (const proto::Sync& frame : sync_source_.take(tunnel_, counters, clock_.now())) observer_.on_sync(frame);
}

} // namespace cepa::worker
