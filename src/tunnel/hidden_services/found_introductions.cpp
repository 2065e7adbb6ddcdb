#include "tunnel/hidden_services/found_introductions.hpp"

#include "tunnel/discovery/address_rules.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace cepa::tunnel {
namespace {

constexpr std::size_t kNewestPerSeeder = 3;
/// Clocks differ; what says that it is further ahead lies, and counts as the oldest.
constexpr std::uint32_t kClocksDiffer_s = 600;

template <class T>
void mix(std::vector<T>& items, RandomSource& random)
{
    for (std::size_t i = items.size(); i > 1; --i)
        std::swap(items[i - 1], items[random.below(static_cast<std::uint32_t>(i))]);
}

bool is_same(const PeersResponse::Peer& a, const PeersResponse::Peer& b) noexcept
{
    return a.key == b.key && a.swarm_key == b.swarm_key && a.address == b.address;
}

void add_new(std::vector<PeersResponse::Peer>& to, const std::vector<PeersResponse::Peer>& more)
{
    for (const PeersResponse::Peer& peer : more)
        if (std::ranges::none_of(to, [&](const auto& other) { return is_same(peer, other); })) to.push_back(peer);
}

/// At most `count` of them: the first of each seeder before the second of any.
std::vector<PeersResponse::Peer> in_turns(const std::vector<PeersResponse::Peer>& peers, std::size_t count)
{
    if (peers.size() <= count) return peers;
    std::vector<PeersResponse::Peer> out;
    for (std::size_t turn = 0; out.size() < count; ++turn) {
        std::map<PublicKey, std::size_t> seen;
        for (const PeersResponse::Peer& peer : peers)
            if (seen[peer.swarm_key]++ == turn && out.size() < count) out.push_back(peer);
    }
    return out;
}

/// One of the DHT, one of ours, and so on; of ours no more than may be in an answer.
std::vector<PeersResponse::Peer> in_turn_with(const std::vector<PeersResponse::Peer>& of_dht,
                                              const std::vector<PeersResponse::Peer>& ours)
{
    std::vector<PeersResponse::Peer> out;
    for (std::size_t i = 0; i < std::max(of_dht.size(), ours.size()); ++i) {
        if (i < of_dht.size()) add_new(out, {of_dht[i]});
        if (i < std::min(ours.size(), kMostOursInAnswer)) add_new(out, {ours[i]});
    }
    return out;
}

std::vector<IntroductionPointRecord> records_in(const std::vector<Bytes>& values, const TunnelSettings& settings,
                                                std::uint32_t now_unix_s)
{
    std::vector<IntroductionPointRecord> out;
    for (const Bytes& value : values) {
        const auto parsed = DhtValue::parse(value);
        auto record = parsed ? IntroductionPointRecord::parse(parsed->data) : std::nullopt;
        if (!record || !may_contact(settings, record->address)) continue;
        if (now_unix_s != 0 && record->last_seen_unix_s > std::uint64_t{now_unix_s} + kClocksDiffer_s)
            record->last_seen_unix_s = 0;
        out.push_back(*record);
    }
    return out;
}

} // namespace

std::vector<PeersResponse::Peer> introductions_in(const std::vector<Bytes>& values, const TunnelSettings& settings,
                                                  std::uint32_t now_unix_s, RandomSource& random)
{
    std::vector<IntroductionPointRecord> records = records_in(values, settings, now_unix_s);
    std::ranges::stable_sort(records, std::ranges::greater{}, &IntroductionPointRecord::last_seen_unix_s);
    std::vector<PeersResponse::Peer> newest;
    std::vector<PeersResponse::Peer> rest;
    std::map<PublicKey, std::size_t> of_seeder;
    for (const IntroductionPointRecord& record : records) {
        const PeersResponse::Peer peer{record.address, record.key, record.swarm_key, kFromDht};
        const auto same = [&](const PeersResponse::Peer& other) { return is_same(peer, other); };
        if (std::ranges::any_of(newest, same) || std::ranges::any_of(rest, same)) continue;
        (of_seeder[record.swarm_key]++ < kNewestPerSeeder ? newest : rest).push_back(peer);
    }
    mix(newest, random);
    mix(rest, random);
    newest.insert(newest.end(), rest.begin(), rest.end());
    return newest;
}

std::vector<PeersResponse::Peer> sample_peers(std::vector<PeersResponse::Peer> ours,
                                              const std::vector<PeersResponse::Peer>& of_dht,
                                              std::vector<PeersResponse::Peer> of_pex, RandomSource& random)
{
    mix(ours, random);
    const std::vector<PeersResponse::Peer> found = in_turn_with(of_dht, ours);
    mix(of_pex, random);
    of_pex = in_turns(of_pex, kMostPeersInAnswer);
    std::vector<PeersResponse::Peer> out =
        in_turns(found, kMostPeersInAnswer - std::min(of_pex.size(), kMostPexInAnswer));
    add_new(out, of_pex);
    if (out.size() < kMostPeersInAnswer) add_new(out, in_turns(found, kMostPeersInAnswer));
    if (out.size() < kMostPeersInAnswer) add_new(out, ours);
    if (out.size() > kMostPeersInAnswer) out.resize(kMostPeersInAnswer);
    return out;
}

} // namespace cepa::tunnel
