#include "tunnel/exit/exits.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

const Address kNowhere{};
constexpr Duration kFanOutWindow = 60s;
/// A destination that was not sent to for this long is forgotten, and counts as new again.
constexpr Duration kDestinationKept = 120s;
constexpr Duration kSweep = 10s;
/// A full table is walked no more often, whatever packets come.
constexpr Duration kTidyEvery = 1s;
constexpr std::size_t kMostRatedDestinations = 16384;

std::vector<IpAddress> ipv4_first(std::vector<IpAddress> addresses)
{
    for (IpAddress& address : addresses)
        address = address.unmapped();
    std::ranges::stable_partition(addresses, [](const IpAddress& a) { return !a.v6; });
    return addresses;
}

} // namespace

Exits::Exits(Tools tools)
    : tools_(tools), policy_(tools.settings, tools.sender.prefix()), alive_(std::make_shared<bool>(true))
{
}

Exits::~Exits() = default;

OpenExit* Exits::opened(JoinedCircuit& circuit)
{
    if (!circuit.exit) {
        auto socket = tools_.environment.exit_sockets.open(circuit.id, *this);
        if (!socket) return nullptr;
        circuit.exit = std::make_unique<OpenExit>(std::move(*socket));
    }
    return circuit.exit.get();
}

// A seeder's answer to a downloader is all that an introduction circuit says to the world.
bool Exits::may_exit(const JoinedCircuit& circuit, ByteSpan datagram) const noexcept
{
    if (circuit.role == JoinedRole::none) return true;
    return circuit.role == JoinedRole::introduction && has_prefix(datagram, tools_.sender.prefix()) &&
           packet_message_id(datagram) == static_cast<std::uint8_t>(MessageId::created_e2e);
}

void Exits::on_data(JoinedCircuit& circuit, PacketBuffer& message, TimePoint now)
{
    Counters& counters = tools_.counters;
    const auto data = Data::parse(ByteSpan(message.bytes()).subspan(1));
    if (!data || data->destination.is_null()) return counters.drop(Drop::malformed);
    if (!policy_.allows(data->payload)) return counters.drop(Drop::exit_filter);
    if (!may_exit(circuit, data->payload)) return counters.drop(Drop::refused_cell);
    if (data->destination.is_host()) return send_to_name(circuit, data->destination, data->payload, now);
    send(circuit, {data->destination.endpoint.ip.unmapped(), data->destination.endpoint.port}, data->payload, now);
}

// Many circuits at one exit could be one attacker's, with one victim. On loopback the whole network may be one address.
bool Exits::take_place(CircuitId circuit, const IpAddress& destination, TimePoint now)
{
    const std::uint32_t most = tools_.settings.exit_circuits_per_destination;
    if (most == 0 || destination.is_loopback()) return true;
    if (senders_.size() >= kMostRatedDestinations && !senders_.contains(destination)) return false;
    auto& senders = senders_[destination];
    const auto known = std::ranges::find(senders, circuit, [](const auto& sender) { return sender.first; });
    if (known != senders.end()) {
        known->second = now;
        return true;
    }
    std::erase_if(senders, [&](const auto& sender) { return now - sender.second > kDestinationKept; });
    if (senders.size() >= most) return false;
    senders.emplace_back(circuit, now);
    return true;
}

bool Exits::may_reach(JoinedCircuit& circuit, OpenExit& exit, const Endpoint& destination, TimePoint now)
{
    if (const auto known = exit.destinations.find(destination); known != exit.destinations.end()) {
        OpenExit::Use& use = known->second;
        use.last = now;
        if (now - use.told <= kDestinationKept / 2) return true;
        use.told = now;
        return take_place(circuit.id, destination.ip, now);
    }
    if (now - exit.window_began >= kFanOutWindow) {
        exit.window_began = now;
        exit.new_destinations = 0;
    }
    if (exit.new_destinations >= tools_.settings.exit_fan_out_per_min) return false;
    if (exit.destinations.size() >= kMostDestinations && now - exit.tidied >= kTidyEvery) {
        exit.tidied = now;
        std::erase_if(exit.destinations, [&](const auto& entry) { return now - entry.second.last > kDestinationKept; });
    }
    if (exit.destinations.size() >= kMostDestinations || !take_place(circuit.id, destination.ip, now)) return false;
    ++exit.new_destinations;
    exit.destinations.emplace(destination, OpenExit::Use{now, now});
    return true;
}

bool Exits::within_rates(const Endpoint& destination, std::size_t bytes, TimePoint now)
{
    if (!tools_.rate.pass(bytes, now)) return false;
    const std::uint64_t each = tools_.settings.exit_destination_rate_bytes_per_s;
    if (each == 0 || destination.ip.is_loopback()) return true;
    if (destination_rates_.size() >= kMostRatedDestinations && !destination_rates_.contains(destination.ip))
        return false;
    return destination_rates_.try_emplace(destination.ip, each).first->second.pass(bytes, now);
}

void Exits::send(JoinedCircuit& circuit, const Endpoint& destination, ByteSpan datagram, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (!policy_.allows(datagram, destination)) return counters.drop(Drop::exit_destination);
    OpenExit* exit = opened(circuit);
    if (exit == nullptr) return counters.drop(Drop::exit_socket);
    if (!may_reach(circuit, *exit, destination, now)) return counters.drop(Drop::exit_fan_out);
    if (!within_rates(destination, datagram.size(), now)) return counters.drop(Drop::exit_rate);
    if (!tools_.budget.spend(datagram.size())) return counters.drop(Drop::month_limit);
    exit->socket->queue(destination, datagram);
    if (!exit->unflushed) {
        exit->unflushed = true;
        unflushed_.push_back(circuit.id);
    }
    circuit.bytes_out += datagram.size();
    counters.exited_bytes += datagram.size();
}

void Exits::flush()
{
    for (const CircuitId id : unflushed_) {
        const Route route = tools_.routes.find(id);
        if (route.kind != RouteKind::joined || !route.joined().exit) continue; // flushed when it was removed
        route.joined().exit->unflushed = false;
        route.joined().exit->socket->flush();
    }
    unflushed_.clear();
}

void Exits::send_to_first(JoinedCircuit& circuit, const std::vector<IpAddress>& addresses, std::uint16_t port,
                          ByteSpan datagram, TimePoint now)
{
    // What a name resolves to is as little trusted as an address that was given: every one is checked.
    for (const IpAddress& address : addresses) {
        if (policy_.allows(Endpoint{address, port})) return send(circuit, {address, port}, datagram, now);
    }
    tools_.counters.drop(addresses.empty() ? Drop::exit_name : Drop::exit_destination);
}

void Exits::send_to_name(JoinedCircuit& circuit, const Address& destination, ByteSpan datagram, TimePoint now)
{
    Counters& counters = tools_.counters;
    const std::string& host = destination.host;
    const std::uint16_t port = destination.endpoint.port;
    if (const auto literal = IpAddress::parse(host)) return send(circuit, {literal->unmapped(), port}, datagram, now);
    if (!tools_.settings.resolve_names || !NameCache::is_name(host)) return counters.drop(Drop::exit_name);
    if (const auto known = names_.find(host, now)) return send_to_first(circuit, *known, port, datagram, now);
    OpenExit* exit = opened(circuit);
    if (exit == nullptr) return counters.drop(Drop::exit_socket);
    const bool new_name = !asked_.contains(host);
    if (exit->waiting.size() >= kMostWaiting || (new_name && asked_.size() >= kMostNames))
        return counters.drop(Drop::exit_name);
    exit->waiting.push_back({host, port, Bytes(datagram.begin(), datagram.end())});
    ask(host, circuit.id);
}

void Exits::ask(const std::string& host, CircuitId circuit)
{
    const auto [entry, first] = asked_.try_emplace(host);
    if (std::ranges::count(entry->second, circuit) == 0) entry->second.push_back(circuit);
    if (!first) return;
    tools_.environment.resolver.resolve(
        host, [this, host, alive = std::weak_ptr<bool>(alive_)](Result<std::vector<IpAddress>> answer) {
            if (!alive.expired()) on_resolved(host, std::move(answer));
        });
}

void Exits::on_resolved(const std::string& host, Result<std::vector<IpAddress>> answer)
{
    const auto entry = asked_.extract(host);
    if (entry.empty()) return;
    const TimePoint now = tools_.environment.clock.now();
    const std::vector<IpAddress> addresses = answer ? ipv4_first(std::move(*answer)) : std::vector<IpAddress>{};
    names_.store(host, addresses, now);
    for (const CircuitId id : entry.mapped()) {
        const Route route = tools_.routes.find(id);
        if (route.kind != RouteKind::joined || !route.joined().exit) continue;
        OpenExit& exit = *route.joined().exit;
        std::vector<WaitingDatagram> ready;
        std::erase_if(exit.waiting, [&](WaitingDatagram& waiting) {
            if (waiting.host != host) return false;
            ready.push_back(std::move(waiting));
            return true;
        });
        for (const WaitingDatagram& waiting : ready)
            send_to_first(route.joined(), addresses, waiting.port, waiting.datagram, now);
        exit.socket->flush(); // their memory ends here
    }
}

void Exits::on_exit_datagram(CircuitId id, const Endpoint& origin, PacketBuffer& datagram)
{
    Counters& counters = tools_.counters;
    const Route route = tools_.routes.find(id);
    if (route.kind != RouteKind::joined) return counters.drop(Drop::unknown_circuit);
    JoinedCircuit& circuit = route.joined();
    if (!policy_.allows(datagram.bytes())) return counters.drop(Drop::exit_filter);
    const std::size_t size = datagram.size();
    const Address from(Endpoint{origin.ip.unmapped(), origin.port});
    const std::size_t data_header = 1 + kEncodedV4Size + encoded_size(from);
    if (cell_size(data_header + size, 1) > kMaxPacket) return counters.drop(Drop::too_large);
    const TimePoint now = tools_.environment.clock.now();
    if (!tools_.rate.pass(size, now)) return counters.drop(Drop::exit_rate);
    if (!tools_.budget.spend(size)) return counters.drop(Drop::month_limit);
    if (!prepend_data_header(datagram, kNowhere, from)) return counters.drop(Drop::too_large);
    if (!circuit.layer.seal(tools_.aead, datagram)) return counters.drop(Drop::nonce_exhausted);
    tools_.sender.queue(circuit.previous, datagram, {id, false, false});
    circuit.last_activity = now;
    circuit.bytes_in += size;
    counters.exited_bytes += size;
}

void Exits::on_exit_batch_end()
{
    tools_.sender.flush();
}

void Exits::tick(TimePoint now)
{
    if (now - swept_ < kSweep) return;
    swept_ = now;
    std::erase_if(destination_rates_, [&](auto& entry) { return entry.second.full(now); });
    std::erase_if(senders_, [&](auto& entry) {
        return std::ranges::all_of(entry.second,
                                   [&](const auto& sender) { return now - sender.second > kDestinationKept; });
    });
}

} // namespace cepa::tunnel
