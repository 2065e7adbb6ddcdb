#include "main/worker_claims.hpp"

#include "proto/tunnel_service.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace cepa::main {
namespace {

constexpr std::size_t kKeySize = 74;
constexpr std::size_t kMidSize = 20;
constexpr std::size_t kLargestBytes = 20; // a lookup hash

bool is_address(const proto::IpEndpoint& address)
{
    return (address.ip().size() == 4 || address.ip().size() == 16) && address.port() <= 0xffff;
}

bool is_hop(const proto::HopInfo& hop)
{
    return hop.mid().size() == kMidSize && (!hop.has_address() || is_address(hop.address()));
}

bool is_circuit(const proto::CircuitInfo& circuit)
{
    return circuit.hops_size() <= kMaxHops && std::ranges::all_of(circuit.hops(), is_hop);
}

bool are_counters(const proto::WorkerInfo& info)
{
    return info.drops_size() <= kMaxReasons &&
           std::ranges::all_of(info.drops(), [](const auto& entry) { return entry.first.size() <= kMaxReasonName; });
}

bool are_guards(const google::protobuf::RepeatedPtrField<proto::Guard>& guards)
{
    return guards.size() <= kMaxGuards &&
           std::ranges::all_of(guards, [](const proto::Guard& guard) { return well_formed(guard); });
}

/// No more than a worker was told of, each once.
bool are_swarms(const proto::SwarmInfos& infos)
{
    if (infos.swarms_size() > static_cast<int>(proto::kMaxSwarms)) return false;
    std::set<std::string_view> seen;
    return std::ranges::all_of(infos.swarms(), [&](const proto::SwarmInfo& swarm) {
        return swarm.lookup_hash().size() == proto::kLookupHashSize && seen.insert(swarm.lookup_hash()).second;
    });
}

template <class List>
void keep_well_formed(List& list)
{
    const auto bad = std::remove_if(list.begin(), list.end(), [](const auto& entry) { return !well_formed(entry); });
    list.DeleteSubrange(static_cast<int>(bad - list.begin()), static_cast<int>(list.end() - bad));
}

} // namespace

bool well_formed(const proto::Guard& guard)
{
    return guard.public_key().size() == kKeySize && is_address(guard.address());
}

bool well_formed(const proto::Candidate& candidate)
{
    return candidate.public_key().size() == kKeySize && is_address(candidate.address());
}

void drop_malformed(proto::Share& share)
{
    keep_well_formed(*share.mutable_guards());
    keep_well_formed(*share.mutable_candidates());
}

bool within_bounds(const proto::Share& share)
{
    return share.candidates_size() <= kMaxSharedCandidates && share.own_addresses_size() <= kMaxSharedAddresses &&
           are_guards(share.guards()) && std::ranges::all_of(share.own_addresses(), is_address) &&
           std::ranges::all_of(share.candidates(),
                               [](const proto::Candidate& candidate) { return well_formed(candidate); });
}

bool within_bounds(const proto::Sync& sync)
{
    return std::ranges::all_of(sync.circuits(), is_circuit) && are_counters(sync.worker()) &&
           (!sync.has_share() || within_bounds(sync.share())) && are_swarms(sync.swarms()) &&
           (!sync.discovery().has_wan() || is_address(sync.discovery().wan()));
}

bool within_bounds(const proto::Notify& notice)
{
    return notice.text().size() <= kMaxNoticeText && notice.bytes().size() <= kLargestBytes &&
           are_guards(notice.guards());
}

bool within_bounds(const proto::HiddenLink& link)
{
    return link.lookup_hash().size() == proto::kLookupHashSize &&
           (link.seeder_key().empty() || link.seeder_key().size() == kKeySize);
}

} // namespace cepa::main
