#include "tunnel/hidden_services/directory.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <algorithm>
#include <utility>

namespace cepa::tunnel {
namespace {

constexpr auto kMeetEvery = std::chrono::milliseconds(500);
constexpr auto kMeetAgain = std::chrono::seconds(60);
constexpr std::size_t kMostMet = 1024;
constexpr auto kDirectorySweepEvery = std::chrono::seconds(1);
/// A source that nobody has proven gets no more than this.
constexpr std::size_t kPeersForUnknown = 2;
constexpr std::size_t kMostNodesInState = 64;

} // namespace

Directory::Directory(const Tools& tools)
    : settings_(tools.settings), environment_(tools.environment), discovery_(tools.discovery),
      strangers_get_in_(tools.strangers_get_in),
      started_(tools.environment.clock.now()), prefix_(make_prefix(settings_.overlay)),
      dht_({settings_, environment_, discovery_.own(), drops_},
           [hear = tools.on_lookup_hash](const DhtId& target) {
               if (hear) hear(target);
           }),
      pex_({settings_, environment_, discovery_.own(), drops_})
{
}

std::uint32_t Directory::unix_s(TimePoint now) const noexcept
{
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
    return static_cast<std::uint32_t>(settings_.start_unix_s + passed);
}

bool Directory::on_packet(const Endpoint& source, ByteSpan packet)
{
    return dht_.on_packet(source, packet) || pex_.on_packet(source, packet);
}

// --- lookups ---------------------------------------------------------------------------------------------------------

bool Directory::serves(const LookupHash& hash) const noexcept
{
    return std::ranges::any_of(register_,
                               [&](const auto& entry) { return entry.second.introduction.lookup_hash == hash; });
}

std::vector<PeersResponse::Peer> Directory::ours(const LookupHash& hash) const
{
    std::vector<PeersResponse::Peer> out;
    const Endpoint own = discovery_.wan();
    for (const auto& [swarm_key, entry] : register_)
        if (entry.introduction.lookup_hash == hash && !own.is_null())
            out.push_back({own, settings_.identity_public, swarm_key, kFromPexOrUs});
    return out;
}

std::vector<PeersResponse::Peer> Directory::choose(const LookupHash& hash, const Answer& answer, TimePoint now)
{
    return sample_peers(ours(hash), answer.peers.value_or(std::vector<PeersResponse::Peer>{}), pex_.found(hash, now),
                        environment_.random);
}

void Directory::find_introductions(const LookupHash& hash, IntroductionsFound done)
{
    const TimePoint at = now();
    auto answer = answers_.find(hash);
    const bool fresh = answer != answers_.end() && (!answer->second.peers || at - answer->second.asked < kAnswerLife);
    // What others say in PEX, or registered at us, is never enough: anybody can.
    if (fresh && answer->second.peers)
        return later([peers = choose(hash, answer->second, at), done = std::move(done)]() mutable {
            done(std::move(peers));
        });
    const bool full = waiting_ >= kMostWaiting || (answer == answers_.end() && answers_.size() >= kMostAnswers) ||
                      (answer != answers_.end() && answer->second.waiting.size() >= kMostWaitingPerHash);
    if (full || (!fresh && !lookups_.admit(at))) {
        count_drop(drops_, "directory_flood");
        return later([done = std::move(done)] { done({}); });
    }
    if (answer == answers_.end()) answer = answers_.emplace(hash, Answer{}).first;
    answer->second.waiting.push_back(std::move(done));
    ++waiting_;
    if (!fresh) look_up(hash, answer->second, at);
}

void Directory::look_up(const LookupHash& hash, Answer& answer, TimePoint now)
{
    answer.asked = now;
    answer.peers.reset();
    dht_.find_values(hash, [this, hash](const DhtClient::Result& result) { on_found(hash, result); });
}

void Directory::on_found(const LookupHash& hash, const DhtClient::Result& result)
{
    const auto found = answers_.find(hash);
    if (found == answers_.end()) return;
    Answer& answer = found->second;
    const TimePoint at = now();
    answer.peers = introductions_in(result.values, settings_, unix_s(at), environment_.random);
    answer.asked = at;
    for (const PeersResponse::Peer& peer : *answer.peers)
        pex_.meet(hash, peer.address);
    const std::vector<IntroductionsFound> waiting = std::exchange(answer.waiting, {});
    waiting_ -= waiting.size();
    const Answer given{at, answer.peers, {}};
    if (result.failed) answers_.erase(found); // the next one asks anew
    for (const IntroductionsFound& done : waiting)
        done(choose(hash, given, at));
}

void Directory::find_node(const PublicKey& key, NodeFound done)
{
    std::optional<Endpoint> address = discovery_.address_of(key);
    if (const DhtContact* node = dht_.table().find(key); !address && node != nullptr) address = node->address;
    if (address) return later([address, done = std::move(done)] { done(address); });
    if (key == settings_.identity_public) return later([done = std::move(done)] { done(std::nullopt); });
    dht_.connect(key, std::move(done));
}

/// Strangers use up nothing of what is kept for those whose address was proven.
bool Directory::may_ask(const IpAddress& source, TimePoint now)
{
    const Endpoint asker{source, 0}; // exit sockets have ports of their own
    if (proven_.contains(source)) return per_known_asker_.admit(asker, now) && known_requests_.admit(now);
    return per_asker_.admit(asker, now) && requests_.admit(now);
}

/// Asked by any exit socket of the network, over UDP: an answer is larger than the question, so who was not proven to
/// live at its address gets little of it.
void Directory::on_peers_request(const Endpoint& source, ByteSpan body)
{
    const TimePoint at = now();
    Reader reader(body);
    const std::uint32_t circuit = reader.u32();
    const auto request = reader.ok() ? PeersRequest::parse(reader.rest()) : std::nullopt;
    if (!request) return count_drop(drops_, "peers_request_malformed");
    if (!may_contact_in_lan(settings_, source) || !may_ask(source.ip, at))
        return count_drop(drops_, "peers_request_flood");
    if (!serves(request->lookup_hash)) return count_drop(drops_, "peers_request_unknown");
    PeersResponse response{
        request->identifier, request->lookup_hash,
        sample_peers(ours(request->lookup_hash), {}, pex_.found(request->lookup_hash, at), environment_.random)};
    if (!proven_.contains(source.ip) && response.peers.size() > kPeersForUnknown)
        response.peers.resize(kPeersForUnknown);
    const Bytes encoded = encode_body(response);
    Bytes numbered(4 + encoded.size());
    Writer writer(numbered);
    writer.u32(circuit);
    writer.bytes(encoded);
    environment_.packets.send_now(
        source, build_unsigned(prefix_, static_cast<std::uint8_t>(MessageId::peers_response), std::nullopt, numbered));
}

// --- the register ----------------------------------------------------------------------------------------------------

/// A downloader's request comes from an exit's socket, to which no translator of ours was ever opened: it must let in
/// strangers.
bool Directory::is_reachable() const
{
    switch (discovery_.own().translation()) {
    case Translation::unknown: // the seeder asks others meanwhile: one that stands here, unreachable, stands for an hour
        return !settings_.public_network;
    case Translation::none:
        return true;
    case Translation::endpoint_independent: // a forwarded port and a one-to-one translation look so too
        return strangers_get_in_ && strangers_get_in_();
    case Translation::address_dependent:
        break; // no address of ours could be named
    }
    return false;
}

Registration Directory::register_introduction(const Introduction& introduction)
{
    if (!is_reachable()) {
        count_drop(drops_, "introductions_unreachable");
        // After a start it is not known for a while, and what stands may be reached all the same.
        const bool known = discovery_.own().translation() != Translation::unknown;
        return known ? Registration::nobody_reaches_us() : Registration(false);
    }
    const TimePoint at = now();
    const auto known = register_.find(introduction.swarm_key);
    if (known != register_.end() && known->second.end > at) {
        if (known->second.introduction != introduction) return false;
        known->second.end = at + kRegistrationLife;
        return true;
    }
    if (known == register_.end() && register_.size() >= kMostIntroductions) {
        count_drop(drops_, "introductions_full");
        return false;
    }
    register_[introduction.swarm_key] = {introduction, at + kRegistrationLife, at, false};
    ++changes_;
    tell_pex(introduction.lookup_hash);
    return true;
}

void Directory::forget_introduction(const Introduction& introduction)
{
    const auto known = register_.find(introduction.swarm_key);
    if (known == register_.end() || known->second.introduction != introduction) return;
    register_.erase(known);
    ++changes_;
    tell_pex(introduction.lookup_hash);
}

std::optional<CircuitId> Directory::circuit_of(const PublicKey& swarm_key) const
{
    const auto known = register_.find(swarm_key);
    return known == register_.end() ? std::nullopt : std::optional(known->second.introduction.circuit);
}

void Directory::tell_pex(const LookupHash& hash)
{
    std::vector<PublicKey> keys;
    for (const auto& [swarm_key, entry] : register_)
        if (entry.introduction.lookup_hash == hash) keys.push_back(swarm_key);
    pex_.serve(hash, std::move(keys));
}

/// Deployed nodes store the value once, and after an hour nobody finds the seeder any more: we go on.
void Directory::announce(Entry& entry, TimePoint now)
{
    const Introduction& introduction = entry.introduction;
    const IntroductionPointRecord record{discovery_.wan(), unix_s(now), settings_.identity_public,
                                         introduction.swarm_key};
    entry.announcing = true;
    ++announcing_;
    dht_.store(introduction.lookup_hash, DhtValue::encode_unsigned(encode_body(record)),
               [this, swarm_key = introduction.swarm_key](std::size_t nodes) {
                   --announcing_;
                   const auto stands = register_.find(swarm_key);
                   if (stands == register_.end()) return;
                   const bool enough = nodes >= std::min(kEnoughNodes, dht_.table().size());
                   const auto jitter = std::chrono::seconds(environment_.random.below(60));
                   const bool alone = dht_.table().size() == 0;
                   stands->second.announcing = false;
                   stands->second.announce =
                       this->now() + (enough && !alone ? kAnnounceEvery + jitter : Duration(kAnnounceAgain));
               });
}

void Directory::announce_due(TimePoint now)
{
    if (discovery_.wan().is_null()) return;
    for (auto& [swarm_key, entry] : register_) {
        if (announcing_ >= kMostAnnouncing) return;
        if (!entry.announcing && entry.announce <= now) announce(entry, now);
    }
}

// --- time ------------------------------------------------------------------------------------------------------------

void Directory::tick()
{
    const TimePoint at = now();
    if (at >= next_meeting_) {
        next_meeting_ = at + kMeetEvery;
        meet_nodes(at);
    }
    dht_.tick();
    pex_.tick(at);
    announce_due(at);
    if (at >= next_sweep_) {
        next_sweep_ = at + kDirectorySweepEvery;
        expire(at);
    }
    if (at >= next_others_) {
        next_others_ = at + kMeetOthersEvery;
        meet_others(at);
    }
    for (const auto& call : std::exchange(calls_, {}))
        call();
}

/// Deployed nodes run all overlays on one socket: who lives in the tunnel overlay may know the DHT too.
void Directory::meet_nodes(TimePoint now)
{
    std::erase_if(met_, [now](const auto& entry) { return now - entry.second >= kMeetAgain; });
    proven_.clear();
    for (const Endpoint& address : discovery_.proven_addresses()) {
        if (proven_.size() < kMostMet) proven_.insert(address.ip);
        if (met_.size() >= kMostMet || !met_.emplace(address, now).second) continue;
        dht_.meet(address);
    }
}

/// The other introduction points of the swarms that we serve: the DHT names them.
void Directory::meet_others(TimePoint now)
{
    static_cast<void>(now);
    std::vector<LookupHash> hashes;
    for (const auto& [swarm_key, entry] : register_) {
        const LookupHash& hash = entry.introduction.lookup_hash;
        if (std::ranges::find(hashes, hash) == hashes.end()) hashes.push_back(hash);
    }
    for (const LookupHash& hash : hashes)
        find_introductions(hash, [](const std::vector<PeersResponse::Peer>&) {}); // its answer meets them
}

void Directory::expire(TimePoint now)
{
    std::erase_if(answers_,
                  [now](const auto& entry) { return entry.second.peers && now - entry.second.asked >= kAnswerLife; });
    std::vector<Introduction> over;
    for (const auto& [swarm_key, entry] : register_)
        if (entry.end <= now) over.push_back(entry.introduction);
    for (const Introduction& introduction : over)
        forget_introduction(introduction);
}

// --- facts -----------------------------------------------------------------------------------------------------------

DirectoryState Directory::state() const
{
    DirectoryState out;
    for (const DhtValueStore::Kept& kept : dht_.values().all(now()))
        out.values.push_back({kept.key, {kept.value.begin(), kept.value.end()}, kept.left});
    for (const DhtContact& node : dht_.table().closest(dht_.table().own_id(), kMostNodesInState))
        out.nodes.push_back({node.key, node.address});
    for (const auto& [swarm_key, entry] : register_)
        out.introductions.push_back(entry.introduction);
    return out;
}

void Directory::restore(const DirectoryState& state)
{
    const TimePoint at = now();
    for (const DirectoryState::Value& value : state.values) {
        const Duration left = std::min(value.left, DhtClient::life_of(0));
        static_cast<void>(dht_.values().put(value.key, value.value, left, {}, at));
    }
    for (const DirectoryState::Node& node : state.nodes)
        dht_.remember({node.address, node.key});
    // The circuits that ended here are gone with our predecessor.
    for (const Introduction& introduction : state.introductions)
        if (!environment_.ids.is_mine(introduction.circuit)) static_cast<void>(register_introduction(introduction));
}

void Directory::describe(DiscoveryView& view) const
{
    view.dht_nodes = static_cast<std::uint32_t>(dht_.table().size());
    view.dht_values = static_cast<std::uint32_t>(dht_.values().size());
    view.introductions = static_cast<std::uint32_t>(register_.size());
}

void Directory::add_drops(std::map<std::string, std::uint64_t>& drops) const
{
    for (const auto& [why, count] : drops_)
        drops[why] += count;
}

} // namespace cepa::tunnel
