#include "tunnel/dht/client.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

/// A request that was not answered by then is sent again, after who named the node was asked to have it open its way.
constexpr auto kAskReferrerAfter = std::chrono::milliseconds(600);
constexpr auto kSendAgainAfter = std::chrono::milliseconds(300);
constexpr double kWholeLifeS = 3600;
constexpr std::size_t kWholeLifeNodes = 7;

DhtLookup::Found found_in(const DhtFindResponse& response, const TunnelSettings& settings, const OwnAddresses& own)
{
    DhtLookup::Found out;
    out.token = response.token;
    for (const ByteSpan value : response.values)
        if (value.size() <= DhtValueStore::kMostValueSize && out.values.size() < DhtLookup::kClosest)
            out.values.emplace_back(value.begin(), value.end());
    for (const DhtNode& node : response.nodes) {
        const bool ours = node.key == settings.identity_public || own.is_exactly(node.address);
        if (!ours && may_contact(settings, node.address)) out.nodes.push_back(node);
    }
    return out;
}

} // namespace

Duration DhtClient::life_of(std::size_t closer_nodes) noexcept
{
    const std::size_t too_many = closer_nodes > kWholeLifeNodes ? closer_nodes - kWholeLifeNodes : 0;
    const double seconds = kWholeLifeS / static_cast<double>(std::uint64_t{1} << std::min<std::size_t>(too_many, 20));
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

bool DhtClient::ping(const DhtRequests::To& to, DhtRequests::Done done, TimePoint now, DhtPurpose purpose)
{
    if (!tools_.requests.admit(to.address, now, purpose)) return false;
    const auto heard = [this, address = to.address, done = std::move(done)](const SignedPacket* packet) {
        if (packet == nullptr) tools_.table.on_failure(address);
        if (done) done(packet);
    };
    const auto identifier = tools_.requests.begin(to, dht_id::kPingResponse, now + kPingTimeout, heard);
    if (!identifier) return false;
    tools_.sender.send(dht_id::kPingRequest, to.address, DhtPlain{*identifier});
    return true;
}

// --- lookups ---------------------------------------------------------------------------------------------------------

void DhtClient::find(const DhtId& target, bool values, Found done, TimePoint now, DhtPurpose purpose)
{
    now_ = now;
    if (may_begin(purpose)) return begin({target, values, std::move(done)}, purpose, now);
    Queue& queue = purpose == DhtPurpose::own ? queued_ : queued_for_others_;
    if (queue.size() < kMostQueued) return queue.push_back({target, values, std::move(done)});
    count_drop(tools_.drops, "dht_busy");
    refused_.push_back(std::move(done));
}

bool DhtClient::may_begin(DhtPurpose purpose) const
{
    if (active_.size() >= kMostLookups) return false;
    const auto for_others = [](const auto& entry) { return entry.second.purpose == DhtPurpose::others; };
    return purpose == DhtPurpose::own ||
           std::ranges::count_if(active_, for_others) < std::ptrdiff_t{kMostLookupsForOthers};
}

void DhtClient::begin_queued(TimePoint now)
{
    const bool own = !queued_.empty();
    Queue& queue = own ? queued_ : queued_for_others_;
    const DhtPurpose purpose = own ? DhtPurpose::own : DhtPurpose::others;
    if (queue.empty() || !may_begin(purpose)) return;
    Queued next = std::move(queue.front());
    queue.pop_front();
    begin(std::move(next), purpose, now);
}

void DhtClient::begin(Queued wanted, DhtPurpose purpose, TimePoint now)
{
    const std::uint64_t number = next_++;
    DhtLookup lookup(wanted.target, wanted.values, tools_.table.closest(wanted.target, DhtLookup::kClosest));
    active_.emplace(number, Active{std::move(lookup), std::move(wanted.done), now + kLookupTime, {}, purpose});
    pump(number, now);
}

void DhtClient::pump(std::uint64_t number, TimePoint now)
{
    while (true) {
        const auto active = active_.find(number);
        if (active == active_.end()) return;
        const DhtLookup::Node* node = active->second.lookup.next();
        if (node == nullptr) return;
        ask(number, DhtLookup::Node(*node), now);
    }
}

void DhtClient::ask(std::uint64_t number, const DhtLookup::Node& node, TimePoint now)
{
    Active& active = active_.at(number);
    const DhtRequests::To to{node.address, node.key};
    const auto done = [this, number, key = node.key, address = node.address](const SignedPacket* packet) {
        on_answer(number, key, address, packet);
    };
    const auto identifier = tools_.requests.admit(node.address, now, active.purpose)
                                ? tools_.requests.begin(to, dht_id::kFindResponse, now + kTimeout, done)
                                : std::nullopt;
    if (!identifier) return active.lookup.postpone(node.key);
    const std::uint32_t offset = node.pages > 1 ? (node.pages - 1) * DhtLookup::kClosest : 0;
    const DhtFindRequest request{*identifier, tools_.own.lan(), active.lookup.target(), offset,
                                 !active.lookup.wants_values()};
    tools_.sender.send(dht_id::kFindRequest, node.address, request);
    active.again.push_back({to, request, node.referrer, node.id, now + kAskReferrerAfter, false});
}

void DhtClient::on_answer(std::uint64_t number, const PublicKey& key, const Endpoint& address,
                          const SignedPacket* packet)
{
    if (packet == nullptr) tools_.table.on_failure(address);
    const auto response = packet == nullptr ? std::nullopt : DhtFindResponse::parse(packet->body);
    if (packet != nullptr && !response) count_drop(tools_.drops, "dht_malformed");
    if (response) tools_.table.take_token(key, response->token, now_);
    const auto active = active_.find(number);
    if (active == active_.end()) return;
    DhtLookup& lookup = active->second.lookup;
    std::erase_if(active->second.again, [&](const Again& a) { return a.to.address == address; });
    if (!response) {
        lookup.on_silence(key);
    } else if (lookup.on_answer(key, found_in(*response, tools_.settings, tools_.own))) {
        for (const DhtLookup::Node& node : lookup.answered())
            if (node.key == key) ask(number, node, now_);
    }
    pump(number, now_);
    if (const auto still = active_.find(number); still != active_.end() && still->second.lookup.is_done())
        finish(number, now_);
}

void DhtClient::send_again(Active& active, TimePoint now)
{
    std::erase_if(active.again, [&](Again& again) {
        if (again.due > now) return false;
        if (again.referrer && !again.asked_referrer) {
            // Who is asked for the nodes nearest to one that it named has that one puncture us.
            again.asked_referrer = true;
            again.due = now + kSendAgainAfter;
            const auto ignored = tools_.requests.begin({*again.referrer, std::nullopt}, dht_id::kFindResponse,
                                                       now + kTimeout, [](const SignedPacket*) {});
            if (ignored && tools_.requests.admit(*again.referrer, now, active.purpose))
                tools_.sender.send(dht_id::kFindRequest, *again.referrer,
                                   DhtFindRequest{*ignored, tools_.own.lan(), again.node_id, 0, true});
            return false;
        }
        if (tools_.requests.admit(again.to.address, now, active.purpose))
            tools_.sender.send(dht_id::kFindRequest, again.to.address, again.request);
        return true;
    });
}

void DhtClient::finish(std::uint64_t number, TimePoint now)
{
    auto node = active_.extract(number);
    const DhtLookup& lookup = node.mapped().lookup;
    Result result{{lookup.values().begin(), lookup.values().end()}, lookup.answered(), false};
    if (lookup.wants_values()) {
        cache(node.mapped(), result.nodes, now);
        for (const ByteSpan own : tools_.store.get(lookup.target(), 0, DhtLookup::kMostValues, now))
            if (!lookup.values().contains(Bytes(own.begin(), own.end())))
                result.values.emplace_back(own.begin(), own.end());
    }
    result.failed = result.values.empty() && result.nodes.empty();
    begin_queued(now);
    node.mapped().done(std::move(result));
}

void DhtClient::tick(TimePoint now)
{
    now_ = now;
    for (const Found& done : std::exchange(refused_, {}))
        done({{}, {}, true});
    std::vector<std::uint64_t> over;
    for (auto& [number, active] : active_) {
        send_again(active, now);
        active.lookup.retry();
        pump(number, now);
        if (active.lookup.is_done() || active.deadline <= now) over.push_back(number);
    }
    for (const std::uint64_t number : over)
        finish(number, now);
}

// --- storing ---------------------------------------------------------------------------------------------------------

/// Spares the next ones who look for it a part of the way.
void DhtClient::cache(const Active& active, const std::vector<DhtLookup::Node>& nodes, TimePoint now)
{
    const DhtLookup& lookup = active.lookup;
    if (lookup.values().empty()) return;
    const auto without = std::ranges::find(nodes, false, &DhtLookup::Node::gave_values);
    if (without == nodes.end()) return;
    std::vector<ByteSpan> values;
    for (const Bytes& value : lookup.values())
        if (values.size() < kCachedValues) values.emplace_back(value);
    send_store(lookup.target(), values, *without, [](const SignedPacket*) {}, now, active.purpose);
}

bool DhtClient::send_store(const DhtId& key, const std::vector<ByteSpan>& values, const DhtLookup::Node& node,
                           DhtRequests::Done done, TimePoint now, DhtPurpose purpose)
{
    if (!tools_.requests.admit(node.address, now, purpose)) return false;
    const auto identifier =
        tools_.requests.begin({node.address, node.key}, dht_id::kStoreResponse, now + kPingTimeout, std::move(done));
    if (!identifier) return false;
    tools_.sender.send(dht_id::kStoreRequest, node.address, DhtStoreRequest{*identifier, *node.token, key, values});
    return true;
}

void DhtClient::store(const DhtId& key, Bytes value, Stored done, TimePoint now)
{
    find(
        key, false,
        [this, key, value = std::move(value), done = std::move(done)](const Result& result) {
            store_at(key, value, result.nodes, done, now_);
        },
        now);
}

bool DhtClient::keep_ourselves(const DhtId& key, const Bytes& value, const std::vector<DhtLookup::Node>& nodes,
                               TimePoint now)
{
    const DhtId& own = tools_.table.own_id();
    if (nodes.size() >= DhtLookup::kClosest && !is_closer(key, own, nodes.back().id)) return false;
    const Duration life = life_of(tools_.table.closer_than_us(key));
    return tools_.store.put(key, value, life, tools_.own.wan().ip, now) == DhtValueStore::Outcome::stored;
}

void DhtClient::store_at(const DhtId& key, const Bytes& value, const std::vector<DhtLookup::Node>& nodes, Stored done,
                         TimePoint now)
{
    struct Tally {
        std::size_t open = 1; // ourselves, until all are sent
        std::size_t stored = 0;
        Stored done;
        void close()
        {
            if (--open == 0) done(stored);
        }
    };
    const auto tally = std::make_shared<Tally>(Tally{1, 0, std::move(done)});
    if (keep_ourselves(key, value, nodes, now)) ++tally->stored;
    for (const DhtLookup::Node& node : nodes) {
        const auto heard = [tally](const SignedPacket* packet) {
            if (packet != nullptr) ++tally->stored;
            tally->close();
        };
        if (send_store(key, {ByteSpan(value)}, node, heard, now, DhtPurpose::own)) ++tally->open;
    }
    tally->close();
}

} // namespace cepa::tunnel
