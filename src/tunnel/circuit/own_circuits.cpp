#include "tunnel/circuit/own_circuits.hpp"

#include "tunnel/error.hpp"
#include "tunnel/exit/exit_policy.hpp"

#include <algorithm>

namespace cepa::tunnel {

namespace {

using namespace std::chrono_literals;

const Address kNowhere{};
/// SOCKS5 allows names of 255 bytes, and libtorrent hands over what trackers are called.
constexpr std::size_t kLongestHost = 255;
static_assert(kPacketHeadroom >=
              kCellHeaderSize + kCounterSize * Circuit::kMostHops + 1 + (1 + 2 + kLongestHost + 2) + kEncodedV4Size);
static_assert(kPacketTailroom >= kTagSize * Circuit::kMostLayers);
/// A node that could not be reached by its address is not tried again for this long.
constexpr Duration kUnreachableFor = 10min;
/// An exit that did not answer counts as one that carries as many circuits as any, or the least used one would be tried
/// for ever. No more than that: whom a hop makes look silent must not vanish from our choice.
constexpr Duration kSilentExitFor = 60s;

// The downloader ends a link, when another stands for it: the seeder's side lives as long as it may.
Keepalive keepalive_for(const PathWish& wish, TimePoint now, RandomSource& random)
{
    if (wish.purpose == CircuitPurpose::introduction) return {now, random, kMostIntroductionAge};
    if (wish.purpose == CircuitPurpose::rendezvous && !wish.last) return {now, random, kOwnMostAge};
    return {now, random};
}

Drop drop_reason(const ErrorCode& error) noexcept
{
    if (error == make_error_code(TunnelError::replayed)) return Drop::replayed;
    return error == make_error_code(TunnelError::malformed) ? Drop::malformed : Drop::bad_tag;
}

} // namespace

OwnCircuits::Entry* OwnCircuits::entry_of(CircuitId id)
{
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

Result<CircuitId> OwnCircuits::create(std::uint8_t hops, std::uint32_t group, TimePoint now)
{
    CircuitWish wish;
    wish.path.hops = hops;
    wish.group = group;
    return create(wish, now);
}

Result<CircuitId> OwnCircuits::create(const CircuitWish& wish, TimePoint now)
{
    const std::uint8_t hops = wish.path.hops;
    if (hops < 1 || hops > Circuit::kMostHops) return fail(TunnelError::refused_by_policy);
    if (entries_.size() >= kMost) return fail(TunnelError::limit_reached);
    PathSource& network = tools_.network;
    PathWish path_wish = wish.path;
    Result<Path> path = tools_.selection.choose(path_wish, network.candidates(), network.loads(), network.now_unix_s());
    if (!path) return fail(path.error());
    RandomSource& random = tools_.environment.random;
    const std::optional<CircuitId> id = tools_.routes.draw_id(random, tools_.environment.ids);
    if (!id) return fail(TunnelError::limit_reached);
    auto entry = std::make_unique<Entry>(Circuit(*id, wish.group, hops, PrivateKey::generate(),
                                                 keepalive_for(wish.path, now, random), wish.path.purpose),
                                         *std::move(path), wish.path.last.has_value());
    tools_.routes.set(*id, {RouteKind::own, &entry->circuit});
    entry->builder.emplace(entry->circuit, entry->path,
                           CircuitBuilder::Tools{tools_.selection, network, tools_.sender, tools_.aead, random}, now,
                           std::move(path_wish));
    entry->builder->start(now);
    entries_.emplace(*id, std::move(entry));
    return *id;
}

Result<void> OwnCircuits::send_data(CircuitId id, const Address& destination, PacketBuffer& payload, TimePoint now)
{
    const Route route = tools_.routes.find(id);
    if (route.kind != RouteKind::own) return fail(TunnelError::unknown_circuit);
    Circuit& circuit = route.own();
    const bool is_data = circuit.purpose() == CircuitPurpose::data;
    if (circuit.state() != CircuitState::ready || !(is_data || circuit.linked()))
        return fail(TunnelError::unknown_circuit);
    const std::size_t data_size = payload.size();
    const std::size_t layers = circuit.layers();
    const Address& to = is_data ? destination : kNowhere; // the other end knows that it is meant
    const std::size_t data_header = 1 + encoded_size(to) + kEncodedV4Size;
    if (cell_size(data_header + data_size, layers) > kMaxPacket ||
        payload.headroom() < kCellHeaderSize + kCounterSize * layers + data_header ||
        !prepend_data_header(payload, to, kNowhere)) {
        tools_.counters.drop(Drop::too_large);
        return fail(TunnelError::too_large);
    }
    CEPA_TRY(circuit.wrap(tools_.aead, payload));
    tools_.sender.queue(circuit.first_address(), payload, {id, false, false});
    circuit.bytes_up += payload.size();
    circuit.keepalive().on_data(now);
    tools_.counters.data_bytes_up += data_size;
    return {};
}

bool OwnCircuits::on_cell(Circuit& circuit, const Endpoint& source, const CellHeader& header, PacketBuffer& packet,
                          TimePoint now)
{
    Counters& counters = tools_.counters;
    if (!circuit.may_come_from(source)) {
        counters.drop(Drop::wrong_source);
        return false;
    }
    const std::size_t packet_size = packet.size();
    packet.strip_front(kCellHeaderSize);
    if (header.plaintext) return on_plain(circuit, source, packet, now);
    if (circuit.hops().empty()) {
        counters.drop(Drop::unexpected_answer);
        return false;
    }
    if (const Result<void> opened = circuit.unwrap(tools_.aead, packet); !opened) {
        counters.drop(drop_reason(opened.error()));
        return false;
    }
    circuit.follow(source);
    circuit.bytes_down += packet_size;
    circuit.keepalive().on_received(now);
    if (circuit.has_end() && !circuit.linked()) {
        circuit.set_linked(true); // the user may send at once
        if (user_ == nullptr || !user_->on_other_end(circuit, now)) {
            circuit.set_linked(false);
            remove(header.circuit, "not wanted", true, now);
            return true;
        }
    }
    if (check_cell(header, packet.bytes()) != CellCheck::accepted)
        counters.drop(Drop::refused_cell);
    else
        dispatch(circuit, packet, now);
    return true;
}

bool OwnCircuits::on_plain(Circuit& circuit, const Endpoint& source, const PacketBuffer& message, TimePoint now)
{
    Counters& counters = tools_.counters;
    if (message.empty() || message.bytes()[0] != static_cast<std::uint8_t>(MessageId::created)) {
        counters.drop(Drop::refused_cell); // a create for an id of ours, too
        return false;
    }
    const auto created = Created::parse(message.bytes().subspan(1));
    Entry* entry = entry_of(circuit.id());
    if (!created || entry == nullptr || !entry->builder) {
        counters.drop(created ? Drop::unexpected_answer : Drop::malformed);
        return false;
    }
    const std::size_t before = circuit.hops().size();
    const BuildStep step = entry->builder->on_created(*created, now);
    const bool advanced = circuit.hops().size() > before;
    if (advanced) {
        tools_.selection.guards().on_create(circuit.hops().front().key, true, tools_.network.now_unix_s());
        circuit.follow(source);
        circuit.keepalive().on_received(now);
    } else {
        counters.drop(Drop::unexpected_answer);
    }
    apply(*entry, step, now);
    return advanced;
}

void OwnCircuits::dispatch(Circuit& circuit, PacketBuffer& message, TimePoint now)
{
    const ByteSpan body = message.bytes().subspan(1);
    switch (static_cast<MessageId>(message.bytes()[0])) {
    case MessageId::data:
        if (circuit.purpose() == CircuitPurpose::data)
            on_data(circuit, message, now);
        else if (circuit.linked())
            on_linked_data(circuit, message, now);
        else
            on_user_message(circuit, message, now);
        return;
    case MessageId::ping: // of the other end: the hops never ping us
        if (const auto ping = Ping::parse(body); ping && circuit.linked()) send(circuit.id(), Pong{ping->identifier});
        return;
    case MessageId::extended:
        on_extended(circuit, body, now);
        return;
    case MessageId::pong:
        if (const auto pong = Pong::parse(body))
            circuit.keepalive().on_pong(pong->identifier, tools_.environment.clock.now());
        return;
    case MessageId::test_response:
    case MessageId::native_test_response:
        return; // counted as traffic of the circuit, which is all that they are for
    default:
        on_user_message(circuit, message, now);
    }
}

void OwnCircuits::on_data(Circuit& circuit, PacketBuffer& message, TimePoint now)
{
    const auto data = Data::parse(ByteSpan(message.bytes()).subspan(1));
    // An exit receives from addresses, never from names: what stands above could do nothing with one.
    const bool from_address = data && !data->origin.is_null() && !data->origin.is_host();
    if (!from_address || circuit.state() != CircuitState::ready) {
        tools_.counters.drop(data ? Drop::unexpected_answer : Drop::malformed);
        return;
    }
    message.strip_front(message.size() - data->payload.size());
    // A packet of an overlay, not a datagram: only hidden services know what to do with one (section 12).
    if (DatagramKind::of(message.bytes()).ipv8) {
        tools_.counters.drop(Drop::inner_packet);
        return;
    }
    circuit.keepalive().on_data(now);
    tools_.counters.data_bytes_down += message.size();
    tools_.observer.on_data(circuit.id(), data->origin, message);
}

void OwnCircuits::on_extended(Circuit& circuit, ByteSpan body, TimePoint now)
{
    const auto extended = Extended::parse(body);
    Entry* entry = entry_of(circuit.id());
    if (!extended || entry == nullptr || !entry->builder) {
        tools_.counters.drop(extended ? Drop::unexpected_answer : Drop::malformed);
        return;
    }
    apply(*entry, entry->builder->on_extended(*extended, now), now);
}

void OwnCircuits::apply(Entry& entry, BuildStep step, TimePoint now)
{
    entry.path = entry.builder->path();
    switch (step.kind) {
    case BuildStep::Kind::waiting:
        return;
    case BuildStep::Kind::failed:
        learn_from_failure(entry, now);
        remove(entry.circuit.id(), step.failed, true, now);
        return;
    case BuildStep::Kind::ready:
        entry.builder.reset();
        learn_from_success(entry);
        if (entry.circuit.purpose() != CircuitPurpose::data) {
            if (user_ != nullptr) user_->on_ready(entry.circuit, now);
            return;
        }
        tools_.observer.on_circuit_ready(entry.circuit.id());
    }
}

void OwnCircuits::learn_from_success(const Entry& entry)
{
    if (entry.path.size() == 1) return;
    Guards& guards = tools_.selection.guards();
    const std::int64_t at = tools_.network.now_unix_s();
    if (entry.circuit.purpose() != CircuitPurpose::data)
        guards.on_second_hop(entry.path[0].key, entry.path[1].key, true, at);
    if (!entry.last_named) guards.on_path(entry.path[0].key, entry.path[1].key, true, at);
}

// A path that stops behind the first hop may have been stopped by it (security: a hop that chooses by silence). What
// strangers make us build counts too, but not where one named the last hop, which perhaps does not live. Only silence
// for all the time that there is counts: who is closed before, because another was quicker or nobody wants it any more,
// may have been about to answer, and strangers make us begin races at will.
void OwnCircuits::learn_from_failure(const Entry& entry, TimePoint now)
{
    const std::size_t done = entry.circuit.hops().size();
    if (done == 0 || !entry.builder) return;
    const bool is_data = entry.circuit.purpose() == CircuitPurpose::data;
    Guards& guards = tools_.selection.guards();
    const std::int64_t at = tools_.network.now_unix_s();
    if (!is_data && done == 1 && !(entry.last_named && entry.path.size() == 2))
        guards.on_second_hop(entry.path[0].key, entry.path[1].key, false, at);
    if (!entry.builder->probing() && !entry.last_named)
        guards.on_path(entry.path[0].key, entry.path[1].key, false, at);
    if (!is_data) return;
    std::erase_if(silent_exits_, [&](const auto& exit) { return now - exit.second >= kSilentExitFor; });
    if (done + 1 == entry.path.size()) silent_exits_.emplace_back(entry.path.back().key, now);
}

void OwnCircuits::unreachable(const PublicKey& key, TimePoint now)
{
    std::erase_if(unreachable_, [&](const auto& entry) { return now - entry.second >= kUnreachableFor; });
    unreachable_[key] = now;
}

bool OwnCircuits::is_unreachable(const PublicKey& key, TimePoint now) const
{
    const auto found = unreachable_.find(key);
    return found != unreachable_.end() && now - found->second < kUnreachableFor;
}

// One at a time, and only while another circuit carries what there is to carry.
bool OwnCircuits::may_probe() const
{
    const auto probes = [](const auto& e) { return e.second->builder && e.second->builder->probing(); };
    const auto is_ready = [](const auto& e) { return e.second->circuit.state() == CircuitState::ready; };
    return std::ranges::none_of(entries_, probes) && std::ranges::any_of(entries_, is_ready);
}

void OwnCircuits::remove(CircuitId id, std::string_view reason, bool tell_first_hop, TimePoint now)
{
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    const std::unique_ptr<Entry> entry = std::move(found->second);
    entries_.erase(found);
    tools_.routes.linger(id, now + kLinger);
    const Circuit& circuit = entry->circuit;
    if (tell_first_hop) {
        tools_.sender.send_destroy(circuit.first_address(), id, circuit.node_key(),
                                   static_cast<std::uint16_t>(DestroyReason::not_needed));
    }
    const bool is_data = circuit.purpose() == CircuitPurpose::data;
    if (!is_data && user_ != nullptr) user_->on_closed(circuit, now);
    if (is_data || circuit.linked()) tools_.observer.on_circuit_closed(id, reason);
}

void OwnCircuits::close(CircuitId id, std::string_view reason, TimePoint now)
{
    remove(id, reason, true, now);
}

void OwnCircuits::close_all(std::string_view reason, TimePoint now)
{
    while (!entries_.empty())
        remove(entries_.begin()->first, reason, true, now);
}

PublicKey OwnCircuits::first_hop_key(const Circuit& circuit) const
{
    return entries_.at(circuit.id())->path.front().key;
}

void OwnCircuits::on_destroyed(const Circuit& circuit, TimePoint now)
{
    remove(circuit.id(), "destroyed", false, now);
}

void OwnCircuits::ping(Circuit& circuit, TimePoint now)
{
    if (!circuit.pings()) return;
    const auto identifier = circuit.keepalive().ping_due(now, tools_.environment.random);
    if (!identifier) return;
    MessageRoom room;
    PacketBuffer message = room.write(Ping{*identifier});
    send_on(circuit, message);
}

void OwnCircuits::tick(TimePoint now)
{
    std::vector<CircuitId> ids; // of all: steps remove entries
    ids.reserve(entries_.size());
    for (const auto& [id, entry] : entries_)
        ids.push_back(id);
    for (const CircuitId id : ids) {
        Entry* entry = entry_of(id);
        if (entry == nullptr) continue;
        Circuit& circuit = entry->circuit;
        if (!circuit.hops().empty()) {
            if (const auto reason = circuit.keepalive().over(now, circuit.bytes_up + circuit.bytes_down)) {
                learn_from_failure(*entry, now);
                remove(id, *reason, true, now);
                continue;
            }
            ping(circuit, now);
        }
        if (!entry->builder) continue;
        apply(*entry, entry->builder->tick(now), now);
    }
}

PathLoads OwnCircuits::loads() const
{
    PathLoads out;
    for (const auto& [id, entry] : entries_) {
        const bool asked_for = entry->circuit.purpose() == CircuitPurpose::rendezvous;
        Guards::Load& own = entry->path.size() == 1 ? out.single_hops : out.first_hops;
        ++(asked_for ? out.strangers : own)[entry->path.front().key];
        const bool exits = entry->path.size() > 1 && entry->circuit.purpose() == CircuitPurpose::data;
        if (exits) ++out.exits[entry->path.back().key];
    }
    const TimePoint now = tools_.environment.clock.now();
    std::uint32_t most = 1;
    for (const auto& [exit, circuits] : out.exits)
        most = std::max(most, circuits);
    for (const auto& [exit, since] : silent_exits_)
        if (now - since < kSilentExitFor) out.exits[exit] = most;
    return out;
}

std::vector<CircuitView> OwnCircuits::views(TimePoint now) const
{
    std::vector<CircuitView> out;
    for (const auto& [id, entry] : entries_)
        out.push_back(entry->circuit.view(now));
    return out;
}

} // namespace cepa::tunnel
