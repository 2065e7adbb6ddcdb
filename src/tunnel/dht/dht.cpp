#include "tunnel/dht/dht.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <array>

namespace cepa::tunnel {
namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kDhtNewsLast = std::chrono::seconds(30);
constexpr auto kDhtSlowStep = std::chrono::seconds(20);
/// The first looks around our own place, after the first node was found; then at kRefreshEvery.
constexpr std::array kEarlyRefreshes{std::chrono::seconds(0), std::chrono::seconds(2), std::chrono::seconds(15),
                                     std::chrono::seconds(60)};

bool is_equal_prefixes(const TunnelSettings& settings) noexcept
{
    return settings.allow_equal_prefixes && !settings.public_network;
}

/// What follows prefix, id and key in every message of the DHT; nullopt when it is too short.
std::optional<std::uint32_t> identifier_in(ByteSpan packet) noexcept
{
    Reader reader(packet.subspan(kPrefixSize + 1));
    static_cast<void>(reader.varlen());
    const std::uint32_t identifier = reader.u32();
    return reader.ok() ? std::optional(identifier) : std::nullopt;
}

} // namespace

Dht::Dht(const OverlayMember::Tools& tools, OnTarget on_target)
    : settings_(tools.settings), environment_(tools.environment), own_(tools.own), drops_(tools.drops),
      prefix_(make_prefix(kDhtOverlay)), table_(is_equal_prefixes(settings_)), store_(!is_equal_prefixes(settings_)),
      registry_(!is_equal_prefixes(settings_)), tokens_(environment_.random, environment_.clock.now()),
      sender_(settings_, environment_.packets), requests_(environment_.random),
      member_(
          kDhtOverlay, tools, [] { return Bytes{}; },
          [this](const Sighting& peer, ByteSpan) { on_alive(peer.key, peer.source, environment_.clock.now()); }),
      client_({settings_, own_, table_, store_, requests_, sender_, drops_}),
      server_({settings_, own_, table_, store_, registry_, tokens_, client_, sender_, member_.sender(), drops_,
               std::move(on_target)}),
      connector_(settings_, own_, table_, requests_, sender_, client_)
{
    const TimePoint now = environment_.clock.now();
    for (const Endpoint& address : settings_.walk_to)
        if (!own_.is_exactly(address)) member_.walker().add_named(address, now);
    take_own_id();
}

/// Our place depends on the address that others see.
void Dht::take_own_id()
{
    table_.set_own_id(dht_node_id(own_.wan().ip, settings_.identity_public.mid()));
}

bool Dht::on_packet(const Endpoint& source, ByteSpan packet)
{
    if (!has_prefix(packet, prefix_)) return false;
    const TimePoint now = environment_.clock.now();
    if (member_.on_packet(source, packet, now)) return true;
    if (!may_contact_in_lan(settings_, source)) return count_drop(drops_, "dht_source"), true;
    switch (packet_message_id(packet)) {
    case dht_id::kPingResponse:
    case dht_id::kStoreResponse:
    case dht_id::kFindResponse:
    case dht_id::kStorePeerResponse:
    case dht_id::kConnectPeerResponse:
        on_response(source, packet, now);
        return true;
    default:
        server_.on_packet(source, packet, now);
        return true;
    }
}

/// Only answers to requests of ours are looked at, so their signatures need no limit.
void Dht::on_response(const Endpoint& source, ByteSpan packet, TimePoint now)
{
    const auto identifier = identifier_in(packet);
    if (!identifier || !requests_.awaits(source, *identifier)) return count_drop(drops_, "dht_unexpected");
    const auto opened = open_signed(packet, TimeField::absent);
    if (!opened) return count_drop(drops_, "dht_signature");
    if (opened->key == settings_.identity_public) return own_.add_self(source);
    // First, so that what the caller does next finds the node.
    on_alive(opened->key, source, now);
    if (!requests_.finish(source, *identifier, *opened)) count_drop(drops_, "dht_unexpected");
}

void Dht::on_alive(const PublicKey& key, const Endpoint& address, TimePoint now)
{
    const std::size_t before = table_.size();
    const bool first = before == 0;
    if (!table_.on_answer(key, address, now)) count_drop(drops_, "dht_table_full");
    if (table_.size() != before) {
        ++changes_;
        last_news_ = now;
    }
    member_.heard(address, now);
    connector_.on_answer(key, address);
    if (first && table_.size() > 0) {
        refreshes_ = 0;
        next_refresh_ = next_maintenance_ = now;
    }
}

void Dht::meet(const Endpoint& address)
{
    const bool known = table_.at(address) != nullptr || own_.is_exactly(address);
    if (known || !may_contact(settings_, address)) return;
    last_news_ = environment_.clock.now();
    member_.walker().add_introduced(address, last_news_);
}

void Dht::remember(const DhtNode& node)
{
    const bool ours = node.key == settings_.identity_public || own_.is_exactly(node.address);
    if (ours || !may_contact(settings_, node.address)) return;
    static_cast<void>(client_.ping({node.address, node.key}, {}, environment_.clock.now()));
}

void Dht::find_values(const DhtId& key, DhtClient::Found done)
{
    client_.find(key, true, std::move(done), environment_.clock.now(), DhtPurpose::others);
}

void Dht::store(const DhtId& key, Bytes value, DhtClient::Stored done)
{
    client_.store(key, std::move(value), std::move(done), environment_.clock.now());
}

void Dht::connect(const PublicKey& key, DhtConnector::Connected done)
{
    connector_.connect(key, std::move(done), environment_.clock.now());
}

void Dht::tick()
{
    const TimePoint now = environment_.clock.now();
    client_.tick(now);
    requests_.expire(now);
    connector_.tick(now);
    if (now >= next_step_) {
        next_step_ = now + Walker::kStep;
        member_.step(is_hungry(now), now);
    }
    if (now >= next_maintenance_) maintain(now);
}

/// In a small network nobody is left to be found: without news the walk only goes on slowly.
bool Dht::is_hungry(TimePoint now)
{
    if (table_.size() >= kWantedNodes) return false;
    if (now - last_news_ >= kDhtNewsLast && now < next_slow_step_) return false;
    next_slow_step_ = now + kDhtSlowStep;
    return true;
}

void Dht::maintain(TimePoint now)
{
    next_maintenance_ = now + kMaintainEvery;
    take_own_id();
    store_.expire(now);
    registry_.expire(now);
    for (const DhtContact& node : table_.due_pings(now))
        static_cast<void>(client_.ping({node.address, node.key}, {}, now));
    table_.tidy();
    if (table_.size() > 0 && now >= next_refresh_) refresh(now);
}

/// Looks at our own neighbourhood, and later also at a part of the table that may have gone stale.
void Dht::refresh(TimePoint now)
{
    ++refreshes_;
    const bool early = refreshes_ < kEarlyRefreshes.size();
    next_refresh_ = now + (early ? Duration(kEarlyRefreshes[refreshes_]) : Duration(kRefreshEvery));
    client_.find(table_.own_id(), false, [](const DhtClient::Result&) {}, now);
    DhtId anywhere{};
    environment_.random.fill(anywhere);
    client_.find(anywhere, false, [](const DhtClient::Result&) {}, now);
}

} // namespace cepa::tunnel
